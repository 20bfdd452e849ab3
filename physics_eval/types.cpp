#include "physics_eval/types.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {

double Track::diameter(size_t first, size_t count) const {
  std::vector<double> extents;
  for (const TrackPoint& p : std::span(points).subspan(first, count)) extents.push_back(0.5 * (p.width + p.height));
  return median(extents);
}

namespace {

std::vector<double> rounds_of(const Track& track) {
  std::vector<double> out;
  for (const TrackPoint& p : track.points)
    if (!p.clipped && !p.merged) out.push_back(p.round);
  return out;
}

}  // namespace

double Track::roundness() const { return median(rounds_of(*this)); }

bool Track::is_round() const { return roundness() > kRound.value; }

double Track::area_jitter() const {
  std::vector<double> jitter;
  const TrackPoint* before = nullptr;
  for (const TrackPoint& p : points) {
    if (p.clipped || p.merged) continue;
    if (before) jitter.push_back(std::abs(std::log(p.area / before->area)));
    before = &p;
  }
  return median(jitter);
}

bool Track::is_body() const {
  const std::vector<double> rounds = rounds_of(*this);
  return rounds.size() >= 3 && median(rounds) > kBodyRound.value && quantile(rounds, 0.2) > 0.7 * kBodyRound.value &&
         area_jitter() < kBodyJitter.value;
}

double Track::travel() const {
  double x0 = 1e30, x1 = -1e30, y0 = 1e30, y1 = -1e30;
  for (const TrackPoint& p : points) {
    if (p.merged || p.clipped) continue;
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  return x1 < x0 ? 0 : std::hypot(x1 - x0, y1 - y0);
}

void mark_odd_frames(Track& track) {
  constexpr int kReach = 16;  // frames to each side: a change of distance to the camera is slower
  const int n = int(track.points.size());
  for (int i = 0; i < n; ++i) {
    std::vector<double> areas;
    for (int k = std::max(0, i - kReach); k <= std::min(n - 1, i + kReach); ++k)
      if (!track.points[k].merged && !track.points[k].clipped) areas.push_back(track.points[k].area);
    const double usual = median(areas);
    if (usual <= 0) continue;
    for (double& area : areas) area = std::abs(area / usual - 1);
    // A tumbling box wavers by more than a ball, whose stripe in the colour of the wall takes a bite out of it.
    const double most = std::clamp(6 * deviation_of(areas), 0.08, 0.15 + 2 / std::sqrt(usual));
    track.points[i].odd = std::abs(track.points[i].area / usual - 1) > most;
  }
}

const char* phase_name(PhaseKind kind) {
  static const char* const names[] = {"rest", "flight", "uniform", "guided", "contact", "swing"};
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
