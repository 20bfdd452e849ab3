#include "physics_eval/types.h"

#include <algorithm>
#include <cmath>

#include "physics_eval/statistics.h"

namespace orrery::physics_eval {

double Track::diameter() const {
  std::vector<double> extents;
  for (const TrackPoint& p : points) extents.push_back(0.5 * (p.width + p.height));
  return median(extents);
}

double Track::travel() const {
  if (points.empty()) return 0;
  const auto [x0, x1] = std::minmax_element(points.begin(), points.end(), [](auto& a, auto& b) { return a.x < b.x; });
  const auto [y0, y1] = std::minmax_element(points.begin(), points.end(), [](auto& a, auto& b) { return a.y < b.y; });
  return std::hypot(x1->x - x0->x, y1->y - y0->y);
}

const char* phase_name(PhaseKind kind) {
  static const char* const names[] = {"rest", "flight", "uniform", "guided"};
  return names[int(kind)];
}

const char* event_name(EventKind kind) {
  static const char* const names[] = {"bounce", "collision", "change", "impulse"};
  return names[int(kind)];
}

std::array<double, 2> Phase::position(double t) const {
  const double u = t - t0;
  return {x0[0] + u * (v[0] + 0.5 * a[0] * u), x0[1] + u * (v[1] + 0.5 * a[1] * u)};
}

std::array<double, 2> Phase::velocity(double t) const {
  const double u = t - t0;
  return {v[0] + a[0] * u, v[1] + a[1] * u};
}

}  // namespace orrery::physics_eval
