#include "physics_eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/rng.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kReplicates = 120;

// The flight's points: its parabola plus its residuals, drawn in blocks of about the cube root of their
// number (Kuensch 1989), at least three.
void redraw(const Flight& f, std::vector<TrackPoint>& points, Rng& rng) {
  const int n = f.count(), block = std::max(3, int(std::cbrt(double(n)) + 0.5));
  std::vector<Vec2> residuals(n);
  const auto at = [&](int i, int axis) {
    const double u = points[f.first + i].t - f.t0;
    return f.x0[axis] + u * (f.v[axis] + 0.5 * f.a[axis] * u);
  };
  for (int i = 0; i < n; ++i)
    residuals[i] = {points[f.first + i].x - at(i, 0), points[f.first + i].y - at(i, 1)};
  for (int i = 0, from = 0; i < n; ++i) {
    if (i % block == 0) from = rng.below(std::max(1, n - block + 1));
    const Vec2& r = residuals[std::min(n - 1, from + i % block)];
    // n points fix three coefficients an axis: what is left over is too small by n - 3 in n.
    const double grow = n > 3 ? std::sqrt(double(n) / (n - 3)) : 1;
    points[f.first + i].x = at(i, 0) + grow * r[0];
    points[f.first + i].y = at(i, 1) + grow * r[1];
  }
}

Motion replicate(const Motion& motion, Rng& rng) {
  Motion out = motion;
  out.flights.clear();
  std::vector<int> drawn;
  for (size_t i = 0; i < motion.flights.size(); ++i) drawn.push_back(rng.below(int(motion.flights.size())));
  std::sort(drawn.begin(), drawn.end());  // in the order of time: energy is compared from one to the next
  for (int i : drawn) {
    const Flight& f = motion.flights[size_t(i)];
    redraw(f, out.tracks[f.track].points, rng);
    Flight again = fit_flight(out, f.track, f.first, f.last);
    out.flights.push_back(again);
    std::copy(motion.tracks[f.track].points.begin() + f.first,
              motion.tracks[f.track].points.begin() + f.last + 1,
              out.tracks[f.track].points.begin() + f.first);
  }
  for (Event& e : out.events)
    for (int axis = 0; axis < 2; ++axis) {
      e.v_in[axis] += e.v_error * rng.normal() / std::sqrt(2.0);
      e.v_out[axis] += e.v_error * rng.normal() / std::sqrt(2.0);
    }
  return out;
}

std::optional<Interval> interval_of(const std::vector<double>& values) {
  if (values.size() < size_t(kReplicates) / 2) return {};
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

// How an outline wavers from frame to frame, in pixels of its diameter: under a codec that saves bits the centre of
// a mask wanders with its edge, slower than residuals show.
double wavering(const Track& track) {
  std::vector<double> steps;
  for (size_t i = 1; i < track.points.size(); ++i) {
    const auto diameter = [](const TrackPoint& p) { return std::sqrt(4 / std::numbers::pi * p.area); };
    steps.push_back(std::abs(diameter(track.points[i]) - diameter(track.points[i - 1])));
  }
  return steps.empty() ? 0 : deviation_of(steps) / std::numbers::sqrt2;
}

}  // namespace

// What resampling does not see: with few points the spread itself is uncertain (Student's t against the
// normal distribution), and centroids drift by d pixels, which bends a path of duration T by 8 d / T^2: under a codec
// in every flight for itself; with the background, from the wall to the floor, in all flights the same way.
Interval widened(const Interval& interval, const Motion& motion) {
  int degrees = 0;
  double weights = 0, drift = 0, edge = 0;
  for (const Flight& f : motion.flights) {
    degrees += std::max(1, f.count() - 3);
    const double w = 1 / (f.a_error * f.a_error), duration = f.t1 - f.t0;
    weights += w;
    const Track& track = motion.tracks[f.track];
    const double px = wavering(track);
    drift += std::pow(w * 8 * px / (duration * duration), 2);
    const double radius = std::max(1.0, 0.5 * track.diameter() / motion.px);
    edge += w * 8 * kEdgeBias.value / radius * motion.px / (duration * duration);
  }
  const double middle = 0.5 * (interval[0] + interval[1]), students = 1 + 1.5 / std::max(1, degrees);
  const double half = std::hypot(0.5 * (interval[1] - interval[0]) * students,
                                 1.96 * std::sqrt(drift) / weights, 1.96 * edge / weights);
  return {middle - half, middle + half};
}

Intervals bootstrap(const Motion& motion, const std::vector<LawResult>& laws) {
  std::vector<double> scores, g, e;
  for (int r = 0; r < kReplicates; ++r) {
    Rng rng(0x0b007, uint64_t(r));
    const Motion again = replicate(motion, rng);
    scores.push_back(score_of(judge_again(again, laws)));
    const Estimates estimates = estimate(again);
    if (estimates.g_px_s2) g.push_back(*estimates.g_px_s2);
    if (estimates.restitution) e.push_back(*estimates.restitution);
  }
  Intervals out{interval_of(scores), interval_of(g), interval_of(e)};
  if (out.g_px_s2) out.g_px_s2 = widened(*out.g_px_s2, motion);
  return out;
}

}  // namespace orrery::physics_eval
