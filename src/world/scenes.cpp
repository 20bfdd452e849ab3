#include "world/scenes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "world/materials.h"

namespace orrery {
namespace {

// A convex outline grown by a radius: a ball is a point and a radius, a box four corners and none.
struct Convex {
  std::vector<Vec2> corners;  // counter-clockwise
  double radius = 0;
};

Convex convex_of(const ObjectSpec& object) {
  if (object.shape == Shape::kBall) return {{{object.x, object.y}}, object.size};
  const double c = std::cos(object.angle) * object.size, s = std::sin(object.angle) * object.size;
  return {{{object.x - c + s, object.y - s - c},
           {object.x + c + s, object.y + s - c},
           {object.x + c - s, object.y + s + c},
           {object.x - c - s, object.y - s + c}},
          0};
}

double lowest_along(const Convex& shape, Vec2 axis) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const Vec2& p : shape.corners) lowest = std::min(lowest, p.x * axis.x + p.y * axis.y);
  return lowest - shape.radius;
}

double separation_along(const Convex& a, const Convex& b, Vec2 axis) {
  return lowest_along(b, axis) + lowest_along(a, {-axis.x, -axis.y});
}

Vec2 unit(Vec2 v) {
  const double length = std::hypot(v.x, v.y);
  return length > 0 ? Vec2{v.x / length, v.y / length} : Vec2{1, 0};
}

// Axes on which a and b may be separated: a's edge normals, and corner to centre for balls.
double best_separation(const Convex& a, const Convex& b) {
  double best = -std::numeric_limits<double>::infinity();
  const size_t n = a.corners.size();
  for (size_t i = 0; n > 1 && i < n; ++i) {
    const Vec2 p = a.corners[i], q = a.corners[(i + 1) % n];
    best = std::max(best, separation_along(a, b, unit({q.y - p.y, p.x - q.x})));
  }
  if (b.corners.size() == 1)
    for (const Vec2& p : a.corners)
      best = std::max(best, separation_along(a, b, unit({b.corners[0].x - p.x, b.corners[0].y - p.y})));
  return best;
}

double separation(const Convex& a, const Convex& b) { return std::max(best_separation(a, b), best_separation(b, a)); }

}  // namespace

double mass_of(const ObjectSpec& object) {
  const double area = object.shape == Shape::kBall ? std::numbers::pi * object.size * object.size : 4 * object.size * object.size;
  return kMaterials[object.material].density * area;
}

double inertia_of(const ObjectSpec& object) {
  return (object.shape == Shape::kBall ? 0.4 : 2.0 / 3.0) * mass_of(object) * object.size * object.size;
}

std::array<Vec2, 3> ramp_corners(const Ramp& ramp) {
  const Vec2 low{ramp.x_low, kFloorY}, foot{ramp.x_high, kFloorY}, top{ramp.x_high, kFloorY + ramp.height};
  if (ramp.x_low < ramp.x_high) return {low, foot, top};
  return {low, top, foot};
}

double ramp_angle(const Ramp& ramp) { return std::atan(ramp.height / (ramp.x_high - ramp.x_low)); }

double ground_height(const Scene& scene, double x) {
  const Ramp& ramp = scene.ramp;
  if (!ramp.present) return kFloorY;
  const double along = (x - ramp.x_low) / (ramp.x_high - ramp.x_low);
  return along >= 0 && along <= 1 ? kFloorY + along * ramp.height : kFloorY;
}

double gap_between(const ObjectSpec& a, const ObjectSpec& b) { return separation(convex_of(a), convex_of(b)); }

double gap_to_ramp(const ObjectSpec& object, const Ramp& ramp) {
  const auto corners = ramp_corners(ramp);
  return separation(Convex{{corners.begin(), corners.end()}, 0}, convex_of(object));
}

double gap_to_floor(const ObjectSpec& object) { return lowest_along(convex_of(object), {0, 1}) - kFloorY; }

double smallest_gap(const Scene& scene) {
  double smallest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < scene.objects.size(); ++i) {
    smallest = std::min(smallest, gap_to_floor(scene.objects[i]));
    if (scene.ramp.present) smallest = std::min(smallest, gap_to_ramp(scene.objects[i], scene.ramp));
    for (size_t j = 0; j < i; ++j) smallest = std::min(smallest, gap_between(scene.objects[i], scene.objects[j]));
  }
  return smallest;
}

Scene mirrored(const Scene& scene) {
  Scene result = scene;
  result.ramp.x_low = kViewWidth - scene.ramp.x_low;
  result.ramp.x_high = kViewWidth - scene.ramp.x_high;
  for (ObjectSpec& o : result.objects) {
    o.x = kViewWidth - o.x;
    o.angle = -o.angle;
    o.vx = -o.vx;
    o.omega = -o.omega;
  }
  return result;
}

}  // namespace orrery
