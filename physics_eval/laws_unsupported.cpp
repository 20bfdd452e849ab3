// Up, down or along a slant at one speed for most of what is seen: no free flight, nothing level to roll on,
// no slope that speeds it up. A fall at terminal speed, a belt, a hand do that, so it is no violation, but it
// is no evidence of mechanics either.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/law_parts.h"
#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

// The acceleration as the part of the way that it makes: |a| T^2 / 2 over its length. 1 for a start from
// rest, 0 for one speed along a line. `rms`: what the quadratic leaves, of the way too.
struct Steadiness {
  double share = 0, error = 0, rms = 0;
};

Steadiness steadiness_of(const Motion& motion, const Run& run) {
  const Phase &first = motion.phases[run.first], &last = motion.phases[run.last];
  const Track& track = motion.tracks[first.track];
  const PolynomialFit fit = fit_polynomial(track.points, first.first, last.last, 2);
  const double duration = last.t1 - first.t0, square = duration * duration;
  const auto gone = [&](int axis) { return duration * fit.c[axis][1] + square * fit.c[axis][2]; };
  const double way = std::max(1e-9, std::hypot(gone(0), gone(1))),
               noise = std::max(fit.rms, motion.noise[first.track]) * motion.inflation[first.track],
               drift = 4 * kCentroidDrift.value * track.diameter();
  return {std::hypot(fit.c[0][2], fit.c[1][2]) * square / way,
          std::hypot(fit.unit_error[2] * noise * square, drift) / way, fit.rms / way};
}

// Toward the camera or away from it: on a floor that is seen from above any line is level.
bool comes_nearer(const Track& track, int first, int last) {
  const int third = std::max(1, (last - first + 1) / 3);
  std::vector<double> early, late;
  for (int i = 0; i < third; ++i)
    early.push_back(track.points[first + i].area), late.push_back(track.points[last - i].area);
  return std::abs(std::log(median(late) / median(early))) > 0.5 * kSizeTolerance.value;
}

bool is_unsupported(const Motion& motion, const Run& run) {
  const Phase &from = motion.phases[run.first], &to = motion.phases[run.last];
  const Track& track = motion.tracks[from.track];
  const auto a = from.position(from.t0), b = to.position(to.t1);
  const double dx = std::abs(b[0] - a[0]), dy = std::abs(b[1] - a[1]);
  const bool level = dy < std::tan(kFlightAngle.value * CV_PI / 180) * dx;
  const bool most = 2 * (to.last - from.first + 1) > int(track.points.size());
  if (level || !most || std::hypot(dx, dy) < kSteadyTravel.value * track.diameter()) return false;
  const Steadiness s = steadiness_of(motion, run);
  return s.share + 2 * s.error < kSteady.value && s.rms < kSurfaceTolerance.value &&
         !comes_nearer(track, from.first, to.last) && !is_carried(motion, from.track, from.first, to.last);
}

bool goes_on(const Motion& motion, int phase) {
  const auto moves = [&](const Phase& p) {
    return p.kind == PhaseKind::kUniform || p.kind == PhaseKind::kGuided || p.kind == PhaseKind::kFlight;
  };
  if (!moves(motion.phases[phase]) || phase + 1 >= int(motion.phases.size()) ||
      !moves(motion.phases[phase + 1]))
    return false;
  return std::any_of(motion.events.begin(), motion.events.end(), [&](const Event& e) {
    return e.before == phase && e.after == phase + 1 && e.kind == EventKind::kChange;
  });
}

}  // namespace

std::vector<Run> unsupported_runs(const Motion& motion) {
  std::vector<Run> out;
  for (int i = 0; i < int(motion.phases.size()); ++i) {
    Run run{i, i};
    while (goes_on(motion, run.last)) ++run.last;
    const PhaseKind kind = motion.phases[i].kind;
    const bool still = kind == PhaseKind::kRest || kind == PhaseKind::kContact || kind == PhaseKind::kSwing;
    if (!still && is_unsupported(motion, run)) out.push_back(run);
    i = run.last;
  }
  return out;
}

LawResult unsupported_motion(const Motion& motion, Violations&) {
  LawResult law;
  law.name = "unsupported_motion";
  double error = 0;
  for (const Run& run : unsupported_runs(motion)) {
    const Steadiness s = steadiness_of(motion, run);
    law.effect = std::max(law.effect, 1 - (s.share + 2 * s.error) / kSteady.value);
    error = std::max(error, s.error / kSteady.value);
    law.frames += motion.phases[run.last].last - motion.phases[run.first].first + 1;
  }
  if (law.frames == 0)
    return not_identifiable("unsupported_motion", "nothing keeps one speed up, down or along a slant");
  const double least = revealed(kSteadyTolerance.value, error);
  if (least < 1) {
    law.detectable = least;
    law.reveals = fmt::format("an acceleration that makes {:.1f} % of the way or less",
                              100 * kSteady.value * (1 - least));
  }
  law.score = quality_of(law.effect, kSteadyTolerance.value);
  law.detail = fmt::format(
      "one speed along a slant with nothing to rest on: terminal speed, a belt, a hand, or a line drawn "
      "without mechanics; the acceleration makes {:.1f} % of the way or less",
      100 * kSteady.value * (1 - law.effect));
  return law;
}

}  // namespace orrery::physics_eval
