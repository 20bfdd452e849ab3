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
constexpr double kHidden = 2;           // s that one may be out of sight behind the other

using Points = std::vector<TrackPoint>;

double half_widths(const TrackPoint& a, const TrackPoint& b) { return 0.5 * (a.width + b.width); }

// What both tracks were, each alone, on one side of the moment.
struct Side {
  Points a, b;
  double noise_a = 0, noise_b = 0;
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

// Frames in which both are seen apart, within reach of the moment: before it, or after it.
Side side_of(const Motion& motion, int a, int b, int moment, bool after) {
  const Points &p = motion.tracks[a].points, &q = motion.tracks[b].points;
  Side side{{}, {}, motion.noise[a], motion.noise[b]};
  for (const auto& [k, m] : common_frames(p, q)) {
    const int away = p[k].frame - moment;
    if ((away >= 0) != after || std::abs(away) > kReach || p[k].merged || q[m].merged ||
        std::abs(p[k].x - q[m].x) < half_widths(p[k], q[m]))
      continue;
    side.a.push_back(p[k]), side.b.push_back(q[m]);
  }
  return side;
}

// Level, on one line of the floor, and neither is pushed.
bool is_through(const Side& before, const Side& after) {
  if (before.a.size() < size_t(kLeast) || after.a.size() < size_t(kLeast)) return false;
  const Way a0 = way_of(before.a, before.noise_a), a1 = way_of(after.a, after.noise_a),
            b0 = way_of(before.b, before.noise_b), b1 = way_of(after.b, after.noise_b);
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
  return one_line && level && unchanged && unlike;
}

std::optional<Crossing> crossing_of(const Motion& motion, int a, int b) {
  const Points &p = motion.tracks[a].points, &q = motion.tracks[b].points;
  const auto frames = common_frames(p, q);
  for (size_t i = 1; i < frames.size(); ++i) {
    const auto [a0, b0] = frames[i - 1];
    const auto [a1, b1] = frames[i];
    const bool overlap = std::abs(p[a1].y - q[b1].y) < 0.25 * (p[a1].height + q[b1].height);
    if (!overlap || (p[a0].x < q[b0].x) == (p[a1].x < q[b1].x)) continue;
    const double t = p[a1].t;
    const bool through =
        !flies_at(motion, a, t) && !flies_at(motion, b, t) &&
        is_through(side_of(motion, a, b, p[a1].frame, false), side_of(motion, a, b, p[a1].frame, true));
    return Crossing{a, b, p[a1].frame, through};
  }
  return {};
}

const TrackPoint* point_at(const Track& track, int frame) {
  for (const TrackPoint& p : track.points)
    if (p.frame == frame) return &p;
  return nullptr;
}

// One that is lost from sight at b and one that comes out on b's other side: the same, on its way through?
std::optional<Crossing> hidden_crossing_of(const Motion& motion, int in, int out, int b) {
  const TrackPoint &last = motion.tracks[in].points.back(), &first = motion.tracks[out].points.front();
  if (first.frame <= last.frame || first.t - last.t > kHidden) return {};
  const TrackPoint *at_last = point_at(motion.tracks[b], last.frame),
                   *at_first = point_at(motion.tracks[b], first.frame);
  if (!at_last || !at_first || (last.x < at_last->x) == (first.x < at_first->x)) return {};
  if (std::abs(last.x - at_last->x) > 2 * half_widths(last, *at_last) ||
      std::abs(first.x - at_first->x) > 2 * half_widths(first, *at_first))
    return {};
  const Side before = side_of(motion, in, b, last.frame + 1, false),
             after = side_of(motion, out, b, first.frame, true);
  if (flies_at(motion, in, last.t) || flies_at(motion, out, first.t) || !is_through(before, after)) return {};
  return Crossing{in, b, (last.frame + first.frame) / 2, true};
}

}  // namespace

std::vector<Crossing> find_crossings(const Motion& motion) {
  std::vector<Crossing> out;
  for (int a = 0; a < int(motion.tracks.size()); ++a)
    for (int b = a + 1; b < int(motion.tracks.size()); ++b)
      if (const auto crossing = crossing_of(motion, a, b)) out.push_back(*crossing);
  for (int in = 0; in < int(motion.tracks.size()); ++in)
    for (int next = 0; next < int(motion.tracks.size()); ++next)
      for (int b = 0; b < int(motion.tracks.size()); ++b) {
        if (in == next || in == b || next == b) continue;
        if (const auto crossing = hidden_crossing_of(motion, in, next, b)) out.push_back(*crossing);
      }
  return out;
}

}  // namespace orrery::physics_eval
