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

constexpr int kMoving = 30;         // pixels that change: less is noise or a thing at rest
constexpr int kLevels = 12;         // by which a pixel changes
constexpr double kLostStep = 1.35;  // of the usual change: a step of two intervals, outlines overlapping
constexpr double kEqual = 0.03;     // of what changes around a frame: an encoder's leftovers

bool period_of(const std::vector<int>& repeated, int& period) {
  if (repeated.size() < 4) return false;
  std::vector<int> gaps;
  for (size_t i = 1; i < repeated.size(); ++i) gaps.push_back(repeated[i] - repeated[i - 1]);
  period = median(gaps);
  const auto regular = std::count_if(gaps.begin(), gaps.end(), [&](int g) { return g % period == 0; });
  return period >= 2 && period <= 8 && regular > 0.8 * double(gaps.size());
}

// A frame that was slipped in is followed by the usual motion; one that stands for a lost frame by twice of
// it.
bool slipped_in(const std::vector<int>& repeated, const std::vector<int>& changed) {
  std::vector<double> steps;
  for (int i : repeated) {
    if (i + 2 >= int(changed.size())) continue;
    const int around = changed[i - 1] + changed[i + 2];
    if (around > 0) steps.push_back(2.0 * changed[i + 1] / around);
  }
  return median(steps) < kLostStep;
}

// Of the points [first, last], if there are enough.
bool speed_over(const std::vector<TrackPoint>& points, int first, int last, double& vx, double& vy) {
  if (last - first < 2 || points[last].frame - points[first].frame > 8) return false;
  const PolynomialFit fit = fit_polynomial(points, first, last, 1);
  vx = fit.c[0][1], vy = fit.c[1][1];
  return true;
}

}  // namespace

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
  if (!period_of(out.repeated, out.period) || !slipped_in(out.repeated, changed)) out.period = 0;
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
      double ux, uy, vx, vy;
      if (before < 3 || after < 0 || after + 3 >= int(points.size())) continue;
      if (!speed_over(points, before - 3, before, ux, uy) || !speed_over(points, after, after + 3, vx, vy))
        continue;
      const double speed = std::hypot(ux, uy), interval = (points[before].t - points[before - 3].t) / 3;
      const double gone = std::hypot(points[after].x - points[before].x, points[after].y - points[before].y);
      const bool same = std::hypot(vx - ux, vy - uy) < 0.5 * speed && speed * interval > 1.5 * px;
      if (!same || gone > 2.5 * speed * interval + px) continue;
      out.push_back(
          {"freeze", halt.first, track.id,
           fmt::format("stands still for {} frames in mid-motion and goes on with the same velocity",
                       halt.count)});
      break;
    }
  return out;
}

}  // namespace orrery::physics_eval
