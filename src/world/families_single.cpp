// Families of one body. Lengths m, speeds m/s, angles rad; mirroring is the caller's, so all start at the left.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "world/families_draw.h"
#include "world/materials.h"
#include "world/scenes.h"

namespace orrery {
namespace {

constexpr double kTop = kViewHeight - 0.1;  // m; what starts in view stays below

Scene single(const ObjectSpec& object) {
  Scene scene;
  scene.objects = {object};
  return scene;
}

// A box lands flat two times in three: tumbling is the hardest motion to learn and should not be all there is.
double falling_box_angle(Draw& draw) { return draw.chance(0.65) ? 0 : draw.uniform(-0.75, 0.75); }

}  // namespace

Scene build_drop(Draw& draw) {
  ObjectSpec o = draw.object(draw.shape());
  o.x = draw.uniform(1, 9);
  o.y = draw.uniform(kFloorY + 1.5 + 1.5 * o.size, kTop - o.size);
  if (o.shape == Shape::kBox) o.angle = falling_box_angle(draw);
  return single(o);
}

Scene build_bounce(Draw& draw) {
  ObjectSpec o = draw.object(Shape::kBall, {kRubber, kRubber, kRubber, kSteel});
  const double vx = draw.axis == OodAxis::kSpeed || draw.chance(0.7) ? draw.speed(0.3, 2.0) : 0;
  o.x = vx > 0 ? draw.uniform(0.8, 4) : draw.uniform(1, 9);
  o.y = draw.uniform(kFloorY + 1.5 + o.size, kTop - o.size);
  o.vx = vx;
  return single(o);
}

Scene build_projectile(Draw& draw) {
  ObjectSpec o = draw.object(draw.shape());
  const double speed = draw.speed(3.5, kMaxSpeed), elevation = draw.uniform(0.25, 1.15);
  o.x = draw.uniform(0.6, 2.4);
  o.y = kFloorY + o.size + draw.uniform(0.05, 2.2);
  o.vx = speed * std::cos(elevation);
  o.vy = speed * std::sin(elevation);
  if (o.shape == Shape::kBox) o.angle = falling_box_angle(draw);
  if (draw.chance(0.5)) o.omega = draw.uniform(-5, 5);
  return single(o);
}

Scene build_roll(Draw& draw) {
  ObjectSpec o = draw.object(Shape::kBall);
  stand_on_floor(o, draw.uniform(0.5, 2.2));
  // Two in three slow enough to stay in view for most of 4 s.
  const bool slow = draw.axis != OodAxis::kSpeed && draw.chance(0.65);
  if (!set_rolling(o, draw.speed(1.4, slow ? 2.8 : kMaxSpeed))) return {};
  return single(o);
}

// Fast enough to be seen sliding: at least 1.2 m before friction stops it, v^2 / (2 mu g).
Scene build_slide(Draw& draw) {
  ObjectSpec o = draw.object(Shape::kBox, {kIce, kIce, kSteel, kSteel, kWood, kWood, kRubber, kClay});
  stand_on_floor(o, draw.uniform(0.6, 2.5));
  const double least = std::sqrt(2 * kMaterials[o.material].friction * 9.81 * 1.2);
  o.vx = draw.speed(std::max(1.5, least), kMaxSpeed);
  return single(o);
}

// A ball rolls down whatever the slope; a box needs friction below four fifths of tan(slope) to get going.
Scene build_ramp(Draw& draw) {
  const double slope = draw.uniform(0.30, 0.62), length = draw.uniform(2.6, 4.4);
  ObjectSpec o = draw.chance(0.5) ? draw.object(Shape::kBall) : draw.object(Shape::kBox, {kIce, kSteel, kWood});
  if (o.shape == Shape::kBox && kMaterials[o.material].friction > 0.8 * std::tan(slope)) return {};
  Scene scene = single(o);
  const double x_high = draw.uniform(-0.3, 1.5);
  scene.ramp = {true, x_high + length, x_high, length * std::tan(slope)};
  const double nearest = std::max(x_high, 0.0) + o.size * 1.4 + 0.1;
  stand_on_ramp(scene.objects[0], scene.ramp, nearest + draw.uniform(0, 0.25 * length));
  if (scene.ramp.height > 2.6 || scene.objects[0].y + 1.5 * o.size > kTop) return {};
  return scene;
}

Scene build_rest(Draw& draw) {
  ObjectSpec o = draw.object(draw.shape());
  stand_on_floor(o, draw.uniform(0.8, 9.2));
  return single(o);
}

}  // namespace orrery
