// Laws of guided motion: pendulums, rolling and sliding.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "physics_eval/law_parts.h"
#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr double kGainWeight = 0.2;  // of a gain of speed, as a part of it, beside a departure as a part of the way

bool smooth_after(const Motion& motion, int phase) {
  for (const Event& e : motion.events)
    if (e.before == phase) return e.kind == EventKind::kChange && e.after == phase + 1;
  return false;
}

// On a straight line.
std::vector<Run> runs_of(const Motion& motion) {
  std::vector<Run> out;
  for (int i = 0; i < int(motion.phases.size()); ++i) {
    if (!on_a_line(motion.phases[i], motion.px)) continue;
    int last = i;
    while (last + 1 < int(motion.phases.size()) && motion.phases[last + 1].track == motion.phases[i].track &&
           on_a_line(motion.phases[last + 1], motion.px) && smooth_after(motion, last))
      ++last;
    const Phase &a = motion.phases[i], &b = motion.phases[last];
    if (!is_carried(motion, a.track, a.first, b.last)) out.push_back({i, last});
    i = last;
  }
  return out;
}

// What a run of more than two phases departs from the best two quadratics, px beyond the noise: a phase cut in two by a
// waver of the outline departs hardly, a third rate of slowing down does.
double beyond_two_rates(const Motion& motion, const Run& run) {
  const int track = motion.phases[run.first].track;
  const auto& points = motion.tracks[track].points;
  const int first = motion.phases[run.first].first, last = motion.phases[run.last].last;
  const auto squares = [&](int from, int to) {
    const double rms = fit_polynomial(points, from, to, 2).rms;
    return rms * rms * (to - from + 1);
  };
  double least = 1e30;
  for (int i = run.first; i < run.last; ++i) {
    const int cut = motion.phases[i].last, next = motion.phases[i + 1].first;
    if (cut - first >= 3 && last - next >= 3) least = std::min(least, squares(first, cut) + squares(next, last));
  }
  const double noise = motion.noise[track];
  return std::sqrt(std::max(0.0, least / (last - first + 1) - noise * noise));
}

double speed_at(const Phase& p, double t) {
  const auto v = p.velocity(t);
  return std::hypot(v[0], v[1]);
}

bool is_level(const Phase& p) {
  const auto from = p.position(p.t0), to = p.position(p.t1);
  return std::abs(to[1] - from[1]) < std::tan(kLevel.value * CV_PI / 180) * std::abs(to[0] - from[0]);
}

// What comes back along its own line, untouched: how much faster than it went, at the same place.
struct Return {
  int after;          // phase
  double gain, part;  // px/s; gain beyond two standard errors over the larger speed
};

// The time at which phase `p` was nearest to a place; empty where it never came within `reach`.
std::optional<double> time_at(const Phase& p, const std::array<double, 2>& place, double reach) {
  constexpr int kSteps = 40;
  double best = 0, least = reach;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = p.t0 + (p.t1 - p.t0) * i / kSteps;
    const auto at = p.position(t);
    const double distance = std::hypot(at[0] - place[0], at[1] - place[1]);
    if (distance < least) least = distance, best = t;
  }
  return least < reach ? std::optional(best) : std::nullopt;
}

std::optional<Return> return_of(const Motion& motion, int before, int after) {
  const Phase &a = motion.phases[before], &b = motion.phases[after];
  const double reach = 0.1 * motion.tracks[a.track].diameter() + motion.px;
  std::optional<Return> found;
  for (double t : {b.t0, 0.5 * (b.t0 + b.t1), b.t1}) {
    const auto then = time_at(a, b.position(t), reach);
    if (!then) continue;
    const auto v = a.velocity(*then), w = b.velocity(t);
    const double out = std::hypot(v[0], v[1]), back = std::hypot(w[0], w[1]);
    if (v[0] * w[0] + v[1] * w[1] > -0.95 * out * back) continue;
    const double noise = motion.noise[a.track] * motion.inflation[a.track],
                 error = std::hypot(velocity_error(motion.tracks[a.track], a, *then, noise), velocity_error(motion.tracks[b.track], b, t, noise));
    const Return now{after, back - out, std::max(0.0, back - out - 2 * error) / std::max(1e-9, std::max(out, back))};
    if (!found || now.part > found->part) found = now;
  }
  const bool touched = is_struck(motion, a.track, a.first, b.last) || is_carried(motion, a.track, a.first, b.last);
  return touched ? std::nullopt : found;
}

std::vector<Return> returns_of(const Motion& motion) {
  std::vector<Return> out;
  for (int i = 0; i < int(motion.phases.size()); ++i) {
    if (!on_a_line(motion.phases[i], motion.px)) continue;
    for (int k = i + 1; k < int(motion.phases.size()) && motion.phases[k].track == motion.phases[i].track; ++k)
      if (const auto r = on_a_line(motion.phases[k], motion.px) ? return_of(motion, i, k) : std::nullopt) out.push_back(*r);
  }
  return out;
}

}  // namespace

LawResult pendulum(const Motion& motion, Violations& violations) {
  if (motion.pendulums.empty())
    return not_identifiable("pendulum", "nothing swings on an arc for 1.5 periods, or 1.3 from its release");
  LawResult law;
  law.name = "pendulum";
  double weighted = 0, pivot = 0, error = 0;
  for (const Pendulum& p : motion.pendulums) {
    const double noise = motion.noise[p.track];
    // The angle beyond what the noise explains, in amplitudes; the length in lengths.
    const double angle =
        std::sqrt(std::max(0.0, p.residual * p.residual - std::pow(noise / p.length, 2))) / p.amplitude;
    const double length = std::max(0.0, p.length_error - 2 * noise) / p.length;
    weighted += angle * p.count();
    pivot = std::max(pivot, length);
    error = std::max(error, p.residual / p.amplitude / std::sqrt(double(p.count())));
    law.frames += p.count();
    const double gain = -p.damping - 2 * p.damping_error;
    if (gain > kGrowth.value * std::sqrt(p.k))
      violations.push_back(
          {"energy", motion.tracks[p.track].points[p.first].frame, motion.tracks[p.track].id,
           fmt::format("swings wider and wider: energy grows by {:.0f} % a second", 100 * gain)});
  }
  const double angle = weighted / law.frames;
  law.effect = std::max(angle, pivot);
  law.detectable = revealed(kPendulumTolerance.value, error);
  law.reveals = fmt::format("a departure from the swing by {:.0f} % of its amplitude", 100 * *law.detectable);
  law.score = std::min(quality_of(angle, kPendulumTolerance.value), quality_of(pivot, kPivotTolerance.value));
  law.detail = fmt::format(
      "period {:.3f} s, amplitude {:.0f} degrees; residual {:.3f} of the amplitude, length varies by {:.3f}",
      motion.pendulums[0].period(), motion.pendulums[0].amplitude * 180 / CV_PI, angle, pivot);
  return law;
}

// On a level line nothing gains speed, and it slows down evenly: at one rate, or at a higher one (skidding)
// and then a lower one (rolling). On a slope one rate holds from end to end, whatever its sign. What comes back
// over the same place, from a slope, a wall or a spring unseen, is no faster than it went.
LawResult surface_motion(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "surface_motion";
  double weighted = 0, error = 0;
  const std::vector<Run> unsupported = unsupported_runs(motion);
  for (const Run& run : runs_of(motion)) {
    if (std::any_of(unsupported.begin(), unsupported.end(),
                    [&](const Run& u) { return u.first <= run.first && run.last <= u.last; }))
      continue;
    const Phase &first = motion.phases[run.first], &last = motion.phases[run.last];
    const auto& points = motion.tracks[first.track].points;
    const int count = last.last - first.first + 1;
    const double noise = motion.noise[first.track];
    double effect = 0, travel = 0;
    for (int i = run.first; i <= run.last; ++i) travel += motion.phases[i].travel;
    if (noise > kSurfaceTolerance.value * travel) continue;  // hides what the law would show: shuffled frames
    for (int i = run.first; i <= run.last; ++i) {
      const Phase& p = motion.phases[i];
      effect = std::max(effect, std::sqrt(std::max(0.0, p.rms * p.rms - noise * noise)) / travel);
    }
    const PolynomialFit whole = fit_polynomial(points, first.first, last.last, 1);
    const double v_error = 4 * noise * whole.unit_error[1],
                 top = std::max(speed_at(first, first.t0), speed_at(last, last.t1));
    if (is_level(first) && is_level(last)) {
      const double gain = speed_at(last, last.t1) - speed_at(first, first.t0) - 2 * v_error;
      effect = std::max(effect, kGainWeight * std::max(0.0, gain) / std::max(1e-9, top));
    }
    // More than skid and roll: every further change of rate costs, as far as it shows.
    if (run.last - run.first > 1)
      effect = std::max(effect, std::min(kSurfaceTolerance.value * 0.5 * (run.last - run.first - 1),
                                         6 * beyond_two_rates(motion, run) / travel));
    weighted += effect * count;
    error += count * noise / travel;
    law.effect = std::max(law.effect, effect);
    law.frames += count;
  }
  if (law.frames == 0)
    return not_identifiable("surface_motion", "nothing rolls or slides along a straight line untouched");
  double regained = 0;
  for (const Return& r : returns_of(motion)) {
    const Phase& back = motion.phases[r.after];
    regained = std::max(regained, kGainWeight * r.part);
    if (kGainWeight * r.part > 2 * kSurfaceTolerance.value)
      violations.push_back({"energy", motion.tracks[back.track].points[back.first].frame, motion.tracks[back.track].id,
                            fmt::format("comes back over the same place faster than it went, by {:.0f} px/s, and nothing touched it", r.gain)});
  }
  law.effect = std::max(law.effect, regained);
  law.detectable = revealed(kSurfaceTolerance.value, error / law.frames);
  law.reveals = fmt::format("a gain of {:.0f} % in speed on the level", 100 / kGainWeight * *law.detectable);
  law.score = std::min(quality_of(weighted / law.frames, kSurfaceTolerance.value), quality_of(regained, kSurfaceTolerance.value));
  law.detail = fmt::format("largest departure from even slowing down {:.3f}", law.effect);
  return law;
}

}  // namespace orrery::physics_eval
