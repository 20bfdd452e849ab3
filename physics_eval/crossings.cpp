// Objects that change sides.
#include <algorithm>
#include <cmath>
#include <optional>

#include "physics_eval/motion.h"
#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"
#include "physics_eval/track.h"

namespace orrery::physics_eval {
namespace {

constexpr int kReach = 24, kLeast = 5;  // frames looked at on each side of the moment; needed there

using Points = std::vector<TrackPoint>;

double half_widths(const TrackPoint& a, const TrackPoint& b) { return 0.5 * (a.width + b.width); }

// What both tracks were, each alone, on one side of the moment.
struct Side {
  Points a, b;
};

struct Way {
  double v = 0, slope = 0, error = 0, foot = 0, width = 0;  // px/s along x, dy/dx, px/s; px
  std::array<float, 3> rgb{};
};

Way way_of(const Points& points, double noise) {
  const PolynomialFit fit = fit_polynomial(points, 0, int(points.size()) - 1, 1);
  std::vector<double> feet, widths;
  std::array<std::vector<float>, 3> rgb;
  for (const TrackPoint& p : points) {
    feet.push_back(p.y + 0.5 * p.height), widths.push_back(p.width);
    for (size_t c = 0; c < 3; ++c) rgb[c].push_back(p.rgb[c]);
  }
  return {fit.c[0][1],  fit.c[1][1],    fit.unit_error[1] * noise,
          median(feet), median(widths), {median(rgb[0]), median(rgb[1]), median(rgb[2])}};
}

bool flies_at(const Motion& motion, int track, double t) {
  return std::any_of(motion.phases.begin(), motion.phases.end(), [&](const Phase& p) {
    return p.track == track && p.kind == PhaseKind::kFlight && p.t0 <= t && t <= p.t1;
  });
}

// Frames in which both are seen; the index of the point in each track.
std::vector<std::pair<int, int>> common_frames(const Points& a, const Points& b) {
  std::vector<std::pair<int, int>> out;
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();)
    if (a[i].frame < b[k].frame) ++i;
    else if (a[i].frame > b[k].frame) ++k;
    else out.push_back({int(i++), int(k++)});
  return out;
}

bool is_through(const Motion& motion, int a, int b, const Side& before, const Side& after, double t) {
  if (before.a.size() < size_t(kLeast) || after.a.size() < size_t(kLeast)) return false;
  const Way a0 = way_of(before.a, motion.noise[a]), a1 = way_of(after.a, motion.noise[a]),
            b0 = way_of(before.b, motion.noise[b]), b1 = way_of(after.b, motion.noise[b]);
  const double closing = std::abs(a0.v - b0.v), error = a0.error + a1.error + b0.error + b1.error;
  if (closing < 2 * kSignificance.value * error) return false;
  const double width = 0.5 * (a0.width + b0.width), line = kSameLine.value * width;
  const bool one_line = std::abs(a0.foot - b0.foot) < line && std::abs(a1.foot - b1.foot) < line &&
                        std::abs(a0.foot - a1.foot) < line;
  const bool level = std::max({std::abs(a0.slope), std::abs(a1.slope), std::abs(b0.slope),
                               std::abs(b1.slope)}) < std::tan(kLevel.value * CV_PI / 180) * closing;
  const bool unchanged = std::abs(a1.v - a0.v) < 0.25 * closing && std::abs(b1.v - b0.v) < 0.25 * closing;
  const bool unlike = color_distance(a0.rgb, b0.rgb) > 40 && color_distance(a0.rgb, a1.rgb) < 30 &&
                      color_distance(b0.rgb, b1.rgb) < 30;
  return one_line && level && unchanged && unlike && !flies_at(motion, a, t) && !flies_at(motion, b, t);
}

std::optional<Crossing> crossing_of(const Motion& motion, int a, int b) {
  const Points &p = motion.tracks[a].points, &q = motion.tracks[b].points;
  const auto frames = common_frames(p, q);
  for (size_t i = 1; i < frames.size(); ++i) {
    const auto [a0, b0] = frames[i - 1];
    const auto [a1, b1] = frames[i];
    const bool overlap = std::abs(p[a1].y - q[b1].y) < 0.25 * (p[a1].height + q[b1].height);
    if (!overlap || (p[a0].x < q[b0].x) == (p[a1].x < q[b1].x)) continue;
    Side before, after;
    for (const auto& [k, m] : frames) {
      const int away = p[k].frame - p[a1].frame;
      if (std::abs(away) > kReach || p[k].merged || q[m].merged ||
          std::abs(p[k].x - q[m].x) < half_widths(p[k], q[m]))
        continue;
      Side& side = away < 0 ? before : after;
      side.a.push_back(p[k]), side.b.push_back(q[m]);
    }
    return Crossing{a, b, p[a1].frame, is_through(motion, a, b, before, after, p[a1].t)};
  }
  return {};
}

}  // namespace

std::vector<Crossing> find_crossings(const Motion& motion) {
  std::vector<Crossing> out;
  for (int a = 0; a < int(motion.tracks.size()); ++a)
    for (int b = a + 1; b < int(motion.tracks.size()); ++b)
      if (const auto crossing = crossing_of(motion, a, b)) out.push_back(*crossing);
  return out;
}

}  // namespace orrery::physics_eval
