#include "physics_eval/halts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/image.h"
#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kMoving = 12;         // pixels that change: less is noise or a thing at rest
constexpr int kLevels = 12;         // by which a pixel changes
constexpr double kCreep = 0.4;      // working px a frame: slower may be at rest
constexpr double kSmooth = 0.5;     // working px: three times the noise of a centroid and more
constexpr double kEqual = 0.03;     // of what changes around a frame: an encoder's leftovers

bool period_of(const std::vector<int>& repeated, int& period) {
  if (repeated.size() < 4) return false;
  std::vector<int> gaps;
  for (size_t i = 1; i < repeated.size(); ++i) gaps.push_back(repeated[i] - repeated[i - 1]);
  period = median(gaps);
  const auto regular = std::count_if(gaps.begin(), gaps.end(), [&](int g) { return g % period == 0; });
  return period >= 2 && period <= 8 && regular > 0.8 * double(gaps.size());
}

// Points [first, before] and [after, last], with `pause` taken out of the times after it.
std::vector<TrackPoint> without_pause(const std::vector<TrackPoint>& points, int first, int before, int after,
                                      int last, double pause) {
  std::vector<TrackPoint> out(points.begin() + first, points.begin() + before + 1);
  out.insert(out.end(), points.begin() + after, points.begin() + last + 1);
  for (size_t i = size_t(before - first) + 1; i < out.size(); ++i) out[i].t -= pause;
  return out;
}

// One parabola through both sides of the halt if no time passed in it, and none if it did; and the object was
// in motion.
bool goes_on(const std::vector<TrackPoint>& points, int before, int after, double px) {
  const double interval = (points[before].t - points[before - 3].t) / 3;
  const double gap = points[after].t - points[before].t;
  for (int side : {8, 6, 5}) {
    const int first = before - side + 1, last = after + side - 1;
    if (first < 0 || last >= int(points.size())) continue;
    if (points[before].frame - points[first].frame > side + 2 ||
        points[last].frame - points[after].frame > side + 2)
      continue;
    const auto as_it_is = without_pause(points, first, before, after, last, 0);
    const double as_if_it_passed = fit_polynomial(as_it_is, 0, 2 * side - 1, 2).rms,
                 u = points[before].t - points[first].t;
    for (double passed : {0.0, 0.25, 0.5, 0.75, 1.0, 1.25}) {  // frames: time may stop between two
      const auto joined = without_pause(points, first, before, after, last, gap - passed * interval);
      const PolynomialFit fit = fit_polynomial(joined, 0, 2 * side - 1, 2);
      const double speed = std::hypot(fit.c[0][1] + 2 * fit.c[0][2] * u, fit.c[1][1] + 2 * fit.c[1][2] * u);
      if (speed * interval > kCreep * px && fit.rms < kSmooth * px && as_if_it_passed > 3 * fit.rms)
        return true;
    }
  }
  return false;
}

}  // namespace

double roughness(const std::vector<Track>& tracks) {
  constexpr int kPoints = 5;
  std::vector<double> departures;
  for (const Track& track : tracks) {
    const auto& points = track.points;
    for (int i = 0; i + kPoints <= int(points.size()); ++i) {
      const TrackPoint &a = points[size_t(i)], &b = points[size_t(i + kPoints - 1)];
      if (b.frame - a.frame > 2 * kPoints || std::hypot(b.x - a.x, b.y - a.y) < kPoints) continue;
      departures.push_back(fit_polynomial(points, i, i + kPoints - 1, 2).rms);
    }
  }
  return quantile(departures, 0.75);
}

int changed_pixels(const cv::Mat& before, const cv::Mat& image) {
  return cv::countNonZero(largest_channel_difference(before, image) > kLevels);
}

Stutter find_stutter(const std::vector<int>& changed) {
  Stutter out;
  const int n = int(changed.size());
  for (int i = 1; i < n; ++i) {
    const int before = i > 1 ? changed[i - 1] : 0;
    if (before < kMoving || changed[i] > kEqual * before) continue;
    int end = i;
    while (end < n && changed[end] <= kEqual * before) ++end;
    if (end == n) break;
    if (changed[end] >= kMoving) {  // else it has come to rest
      if (end - i < int(kHalt.value))
        for (int k = i; k < end; ++k) out.repeated.push_back(k);
      else out.halts.push_back({i, end - i});
    }
    i = end;
  }
  if (!period_of(out.repeated, out.period)) out.period = 0;
  return out;
}

std::vector<Violation> frozen_in_motion(const std::vector<Halt>& halts, const std::vector<Track>& moving,
                                        double px) {
  std::vector<Violation> out;
  for (const Halt& halt : halts)
    for (const Track& track : moving) {
      const auto& points = track.points;
      int before = -1, after = -1;  // last point of motion, first after the halt
      for (int i = 0; i < int(points.size()); ++i) {
        if (points[i].frame < halt.first) before = i;
        if (after < 0 && points[i].frame >= halt.first + halt.count) after = i;
      }
      if (before < 4 || after < 0 || !goes_on(points, before, after, px)) continue;
      out.push_back(
          {"freeze", halt.first, track.id,
           fmt::format("stands still for {} frames in mid-motion and goes on with the same velocity",
                       halt.count)});
      break;
    }
  return out;
}

}  // namespace orrery::physics_eval
