#include "physics_eval/speed_ramps.h"

#include <algorithm>
#include <cmath>

#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kMostRamps = 4;               // a clip with more has no clock
constexpr double kEase = 0.6;               // s: the longest transition that editors make
constexpr int kSides = 6;                   // frames needed on both sides
constexpr double kAccelerationSlack = 1.5;  // autocorrelated residuals make errors larger than a_error says

double size_of(const Vec2& v) { return std::hypot(v[0], v[1]); }

bool is_flight(const Phase& p) { return p.kind == PhaseKind::kFlight && p.count() >= kSides; }

double relative_error(const Phase& p) {
  return kAccelerationSlack * p.a_error / std::max(1e-9, size_of(p.a));
}

// Of the end velocity of a quadratic, as in find_events.
double velocity_error(const Phase& p, double noise) {
  const double n = p.count();
  return noise * std::sqrt(192.0 / (n * n * n)) * (n - 1) / std::max(1e-9, p.t1 - p.t0);
}

// sqrt(a after / a before), 0 where they differ by less than a ramp does.
double factor_between(const Phase& before, const Phase& after) {
  const double s = std::sqrt(size_of(after.a) / size_of(before.a)), change = std::abs(std::log(s));
  const double error = 0.5 * std::hypot(relative_error(before), relative_error(after));
  return change < std::log(1 + kSpeedRamp.value) || change < kSignificance.value * error ? 0 : s;
}

// A bounce lies between them, or within the transition: what goes along the floor goes on through it, with
// `factor` times its velocity, as the acceleration has factor^2 times its size. How far it went says how much
// time passed.
std::optional<SpeedRamp> ramp_across_bounce(const Motion& motion, const Phase& before, const Phase& after) {
  const double s = factor_between(before, after), noise = motion.noise[before.track];
  if (s == 0) return {};
  const double v0 = before.velocity(before.t1)[0], v1 = after.velocity(after.t0)[0] / s, v = 0.5 * (v0 + v1);
  const double error = std::hypot(velocity_error(before, noise), velocity_error(after, noise) / s);
  if (std::abs(v1 - v0) > 0.1 * std::abs(v) + 2 * error) return {};
  if (std::abs(s - 1) * std::abs(v) < 0.15 * std::abs(v) + kSignificance.value * error) return {};
  const double gap = after.t0 - before.t1, frame = 1 / motion.fps,
               elapsed = (after.position(after.t0)[0] - before.position(before.t1)[0]) / v;
  if (elapsed < std::min(1.0, s) * gap - frame || elapsed > std::max(1.0, s) * gap + frame) return {};
  return SpeedRamp{before.t1, after.t0, s, elapsed, motion.tracks[before.track].points[before.last].frame};
}

// Does `after` continue `before`, played `factor` times as fast?
std::optional<SpeedRamp> ramp_between(const Motion& motion, const Phase& before, const Phase& after) {
  const double noise = motion.noise[before.track], s = factor_between(before, after);
  if (s == 0) return {};
  const Vec2 v0 = before.velocity(before.t1), v1 = after.velocity(after.t0), x0 = before.position(before.t1),
             x1 = after.position(after.t0);
  const Vec2 true_v1{v1[0] / s, v1[1] / s};
  const double speed = std::max(size_of(v0), size_of(true_v1));
  const double slack = 0.1 * speed + kSignificance.value * std::hypot(velocity_error(before, noise),
                                                                      velocity_error(after, noise));
  // A change of g alone keeps the velocity: that of a ramp must show.
  if (std::abs(s - 1) * speed < 1.5 * slack) return {};
  const double gap = after.t0 - before.t1, frame = 1 / motion.fps,
               elapsed = (true_v1[1] - v0[1]) / before.a[1];
  if (elapsed < 0.7 * std::min(1.0, s) * gap - 0.5 * frame ||
      elapsed > 1.4 * std::max(1.0, s) * gap + 0.5 * frame)
    return {};
  if (std::abs(true_v1[0] - v0[0] - before.a[0] * elapsed) > slack) return {};
  const double dx = x0[0] + v0[0] * elapsed - x1[0],
               dy = x0[1] + (v0[1] + 0.5 * before.a[1] * elapsed) * elapsed - x1[1];
  if (std::hypot(dx, dy) > 0.15 * motion.tracks[before.track].diameter() + 4 * noise) return {};
  return SpeedRamp{before.t1, after.t0, s, elapsed, motion.tracks[before.track].points[before.last].frame};
}

// Something else goes on through the ramp at one speed, or falls before and after it with another ratio.
bool contradicted(const Motion& motion, const SpeedRamp& ramp, int self) {
  const double margin = 3 / motion.fps;
  const Phase *before = nullptr, *after = nullptr;
  int track = -1;
  for (const Phase& p : motion.phases) {
    if (p.track == self || p.count() < kSides) continue;
    if (p.track != track) track = p.track, before = after = nullptr;
    const bool moves = p.kind != PhaseKind::kRest && p.kind != PhaseKind::kContact &&
                       p.travel > kMinTravel.value * motion.px;
    if (moves && p.t0 < ramp.from - margin && p.t1 > ramp.to + margin) return true;
    if (!is_flight(p)) continue;
    if (p.t1 <= ramp.from + margin) before = &p;
    else if (p.t0 >= ramp.to - margin && before && !after) {  // a piece of the transition is neither
      after = &p;
      const double seen = std::log(size_of(after->a) / size_of(before->a)),
                   wanted = 2 * std::log(ramp.factor);
      const double error = std::hypot(relative_error(*before), relative_error(*after));
      if (std::abs(seen - wanted) > 0.3 * std::abs(wanted) + kSignificance.value * error) return true;
    }
  }
  return false;
}

bool flies_through(const Motion& motion, const SpeedRamp& ramp, int track) {
  const double end = ramp.from + ramp.elapsed;
  return std::any_of(motion.flights.begin(), motion.flights.end(),
                     [&](const Flight& f) { return f.track == track && f.t0 < ramp.from && f.t1 > end; });
}

// Pairs of phases of one track that fly, no farther apart than a transition lasts.
std::vector<std::pair<const Phase*, const Phase*>> pairs_of(const Motion& motion) {
  std::vector<std::pair<const Phase*, const Phase*>> out;
  for (size_t i = 0; i < motion.phases.size(); ++i) {
    const Phase& before = motion.phases[i];
    if (!is_flight(before)) continue;
    for (size_t k = i + 1; k < motion.phases.size(); ++k) {
      const Phase& after = motion.phases[k];
      if (after.track != before.track || after.t0 - before.t1 > kEase) break;
      if (is_flight(after)) out.push_back({&before, &after});
    }
  }
  return out;
}

}  // namespace

std::optional<SpeedRamp> find_speed_ramp(const Motion& motion) {
  const auto pairs = pairs_of(motion);
  for (const auto& [before, after] : pairs) {
    const auto ramp = ramp_between(motion, *before, *after);
    if (!ramp || contradicted(motion, *ramp, before->track)) continue;
    Motion again = motion;
    for (Track& track : again.tracks) retime(*ramp, track);
    again = analyse(std::move(again.tracks), motion.px, motion.fps);
    if (flies_through(again, *ramp, before->track)) return ramp;
  }
  // Else the pair whose accelerations are known best: pieces of the transition are short.
  std::optional<SpeedRamp> best;
  double least = 1e30;
  for (const auto& [before, after] : pairs) {
    const double error = std::hypot(relative_error(*before), relative_error(*after));
    const auto ramp = error < least ? ramp_across_bounce(motion, *before, *after) : std::nullopt;
    if (ramp && !contradicted(motion, *ramp, before->track)) best = ramp, least = error;
  }
  return best;
}

void retime(const SpeedRamp& ramp, Track& track) {
  for (TrackPoint& p : track.points) {
    if (p.t <= ramp.from) continue;
    if (p.t < ramp.to) {
      p.t = ramp.from + ramp.elapsed * (p.t - ramp.from) / (ramp.to - ramp.from);
      p.odd = true;
    } else {
      p.t = ramp.from + ramp.elapsed + (p.t - ramp.to) * ramp.factor;
    }
  }
}

std::vector<SpeedRamp> take_out_speed_ramps(Motion& motion) {
  std::vector<SpeedRamp> out;
  while (out.size() < size_t(kMostRamps)) {
    const auto ramp = find_speed_ramp(motion);
    if (!ramp) break;
    for (Track& track : motion.tracks) retime(*ramp, track);
    motion = analyse(std::move(motion.tracks), motion.px, motion.fps);
    out.push_back(*ramp);
  }
  return out;
}

}  // namespace orrery::physics_eval
