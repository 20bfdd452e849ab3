// Families of several bodies.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "world/families_draw.h"
#include "world/materials.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

// Sets the mover going along the floor: a ball rolls, a box slides. False if the schema cannot say the spin.
bool send_along_floor(ObjectSpec& object, double vx) {
  if (object.shape == Shape::kBall) return set_rolling(object, vx);
  object.vx = vx;
  return true;
}

ObjectSpec floor_mover(Draw& draw) {
  return draw.chance(0.6) ? draw.object(Shape::kBall) : draw.object(Shape::kBox, {kIce, kIce, kSteel, kWood});
}

// One comes along the floor and hits one at rest.
Scene hit_at_rest(Draw& draw) {
  Scene scene;
  ObjectSpec mover = floor_mover(draw), target = draw.object(draw.shape());
  stand_on_floor(mover, draw.uniform(0.6, 3.0));
  const double vx = draw.speed(2.0, kMaxSpeed);
  if (!send_along_floor(mover, vx)) return {};
  stand_on_floor(target, mover.x + mover.size + target.size + draw.uniform(0.6, std::max(0.8, 0.9 * vx)));
  scene.objects = {mover, target};
  return scene;
}

// Both come along the floor, towards each other.
Scene head_on(Draw& draw) {
  Scene scene;
  ObjectSpec left = floor_mover(draw), right = floor_mover(draw);
  stand_on_floor(left, draw.uniform(0.6, 3.5));
  stand_on_floor(right, draw.uniform(left.x + 2.5, 9.4));
  if (!send_along_floor(left, draw.speed(1.2, 4.5)) || !send_along_floor(right, -draw.speed(1.2, 4.5))) return {};
  scene.objects = {left, right};
  return scene;
}

// One falls onto one that stands on the floor.
Scene fall_onto(Draw& draw) {
  Scene scene;
  ObjectSpec target = draw.object(draw.shape()), faller = draw.object(draw.shape());
  stand_on_floor(target, draw.uniform(1.5, 8.5));
  faller.x = target.x + 0.7 * draw.uniform(-1, 1) * (target.size + faller.size);
  faller.y = kFloorY + 2 * target.size + 1.5 * faller.size + draw.uniform(1.0, 3.0);
  if (draw.axis == OodAxis::kSpeed || draw.chance(0.3)) faller.vy = -draw.speed(0.5, 3.0);
  scene.objects = {target, faller};
  return scene;
}

// Two meet in the air.
Scene meet_in_air(Draw& draw) {
  Scene scene;
  ObjectSpec left = draw.object(draw.shape()), right = draw.object(draw.shape());
  left.x = draw.uniform(0.8, 3.0);
  right.x = draw.uniform(left.x + 2.5, 9.2);
  left.y = draw.uniform(2.0, 4.5);
  right.y = left.y + draw.uniform(-0.3, 0.3);
  left.vx = draw.speed(2.0, 4.5);
  right.vx = -draw.speed(2.0, 4.5);
  left.vy = right.vy = draw.uniform(0, 2.0);
  scene.objects = {left, right};
  return scene;
}

// One comes down a ramp and hits one that stands beyond its foot.
Scene off_ramp(Draw& draw) {
  Scene scene;
  ObjectSpec mover = floor_mover(draw), target = draw.object(draw.shape());
  const double slope = draw.uniform(0.36, 0.62), length = draw.uniform(2.0, 3.6), x_high = draw.uniform(-0.3, 1.5);
  if (mover.shape == Shape::kBox && kMaterials[mover.material].friction > 0.6 * std::tan(slope)) return {};
  scene.ramp = {true, x_high + length, x_high, length * std::tan(slope)};
  stand_on_ramp(mover, scene.ramp, std::max(x_high, 0.0) + mover.size * 1.4 + 0.1 + draw.uniform(0, 0.5 * length));
  if (scene.ramp.height > 2.6 || mover.y + 1.5 * mover.size > kViewHeight) return {};
  stand_on_floor(target, scene.ramp.x_low + target.size + draw.uniform(0.1, 2.0));
  scene.objects = {mover, target};
  return scene;
}

void place_anywhere(Draw& draw, ObjectSpec& object, const Scene& scene) {
  object.x = draw.uniform(0.6, 9.4);
  const double ground = std::max(ground_height(scene, object.x), kFloorY);
  object.y = draw.uniform(ground + 1.5 * object.size, kViewHeight - object.size);
  if (draw.chance(0.6)) {
    const double speed = draw.speed(0.5, kMaxSpeed), direction = draw.uniform(-0.6, std::numbers::pi + 0.6);
    object.vx = speed * std::cos(direction);
    object.vy = speed * std::sin(direction);
  }
  if (object.shape == Shape::kBox && draw.chance(0.4)) object.angle = draw.uniform(-0.75, 0.75);
  if (draw.chance(0.2)) object.omega = draw.uniform(-5, 5);
}

void place_on_floor(Draw& draw, ObjectSpec& object) {
  stand_on_floor(object, draw.uniform(0.6, 9.4));
  if (!draw.chance(0.5)) return;
  const double speed = draw.sign() * draw.speed(1.0, kMaxSpeed);
  // A ball too small to roll that fast within the schema's spin goes slower.
  if (!send_along_floor(object, speed)) send_along_floor(object, std::copysign(0.95 * kMaxSpin * object.size, speed));
}

Ramp any_ramp(Draw& draw) {
  const double slope = draw.uniform(0.2, 0.6), length = draw.uniform(2.0, 4.2), left = draw.uniform(-0.5, 6.5);
  return {true, left + length, left, length * std::tan(slope)};
}

double mass_ratio(const Scene& scene) {
  double lightest = mass_of(scene.objects[0]), heaviest = lightest;
  for (const ObjectSpec& object : scene.objects) {
    lightest = std::min(lightest, mass_of(object));
    heaviest = std::max(heaviest, mass_of(object));
  }
  return heaviest / lightest;
}

constexpr double kClear = 0.03;  // m between bodies of `mixed` at the start

bool clear_of_others(const Scene& scene, const ObjectSpec& object) {
  if (gap_to_floor(object) < -1e-9) return false;
  if (scene.ramp.present && gap_to_ramp(object, scene.ramp) < 0) return false;
  for (const ObjectSpec& other : scene.objects)
    if (gap_between(object, other) < kClear) return false;
  return true;
}

}  // namespace

Scene build_collision(Draw& draw) {
  const double which = draw.uniform(0, 1);
  Scene scene = which < 0.38   ? hit_at_rest(draw)
                : which < 0.62 ? off_ramp(draw)
                : which < 0.77 ? head_on(draw)
                : which < 0.9  ? fall_onto(draw)
                               : meet_in_air(draw);
  if (scene.objects.size() != 2) return {};
  const bool extreme = mass_ratio(scene) > kMaxMassRatio;
  return extreme == (draw.axis == OodAxis::kMassRatio) ? scene : Scene{};
}

bool collides_clearly(const Scene& scene) {
  constexpr int kLatest = 44;        // frames: 1.8 s
  constexpr double kClearly = 0.8;   // m/s closing
  for (const ContactEvent& event : simulate(scene, kLatest).contacts)
    if (event.b >= 0 && event.normal_speed > kClearly && event.frame >= 5 && event.x > 0.3 && event.x < kViewWidth - 0.3) return true;
  return false;
}

Scene build_mixed(Draw& draw) {
  Scene scene;
  if (draw.chance(0.35)) scene.ramp = any_ramp(draw);
  const int count = 2 + draw.rng.below(3);
  for (int i = 0; i < count; ++i) {
    ObjectSpec object = draw.object(draw.shape());
    if (scene.ramp.present && i == 0 && draw.chance(0.5))
      stand_on_ramp(object, scene.ramp, scene.ramp.x_high + draw.uniform(0.15, 0.6) * (scene.ramp.x_low - scene.ramp.x_high));
    else if (draw.chance(0.35))
      place_on_floor(draw, object);
    else
      place_anywhere(draw, object, scene);
    if (!clear_of_others(scene, object)) return {};
    scene.objects.push_back(object);
  }
  return draw.axis == OodAxis::kNone && mass_ratio(scene) > kMaxMassRatio ? Scene{} : scene;
}

}  // namespace orrery
