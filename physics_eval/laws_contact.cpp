// Laws of contact: bounces and collisions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "physics_eval/law_parts.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

double dot(const Vec2& a, const Vec2& b) { return a[0] * b[0] + a[1] * b[1]; }
Vec2 minus(const Vec2& a, const Vec2& b) { return {a[0] - b[0], a[1] - b[1]}; }

// Velocity changes of both. On the ground only what is level counts: the rest goes into the ground.
struct Exchange {
  Vec2 a, b;
  double size_a, size_b;
};

Exchange exchange_of(const Collision& c) {
  Exchange e{minus(c.a_out, c.a_in), minus(c.b_out, c.b_in), 0, 0};
  if (c.supported) e.a[1] = e.b[1] = 0;
  e.size_a = std::hypot(e.a[0], e.a[1]);
  e.size_b = std::hypot(e.b[0], e.b[1]);
  return e;
}

bool measurable(const Collision& c, const Exchange& e) {
  return std::min(e.size_a, e.size_b) > kSignificance.value * c.v_error;
}

// 0: momentum changes antiparallel; 1: parallel. Minus what two standard errors explain.
double parallel_part(const Collision& c, const Exchange& e) {
  const double cosine = dot(e.a, e.b) / (e.size_a * e.size_b);
  const double slack = 2 * c.v_error * (1 / e.size_a + 1 / e.size_b);
  return std::max(0.0, 0.5 * (1 + cosine) - slack * slack);
}

// Speed of separation over speed of approach, along the line of centres; empty where they hardly approached.
std::optional<double> separation(const Collision& c) {
  Vec2 n = c.normal;
  if (c.supported) n = {n[0] < 0 ? -1.0 : 1.0, 0};
  const double approach = dot(minus(c.a_in, c.b_in), n), apart = dot(minus(c.b_out, c.a_out), n);
  if (approach < 6 * c.v_error) return {};
  return apart / approach;
}

// Number of pairs that went through each other.
int passed_through(const Motion& motion, LawResult& law, Violations& violations) {
  int through = 0;
  for (const Crossing& c : motion.crossings) {
    if (!c.through) continue;
    const Track &a = motion.tracks[c.a], &b = motion.tracks[c.b];
    ++through, law.frames += 8;
    violations.push_back(
        {"pass-through", c.frame, a.id,
         fmt::format("goes through object {} on the same line of the floor, neither is pushed", b.id)});
  }
  return through;
}

}  // namespace

// The impulse is up, within 30 degrees. Not of boxes: they leave a corner with any speed that their spin
// allows. Not the last hops, where the next flight is too short to see.
std::vector<Bounce> level_bounces(const Motion& motion) {
  std::vector<Bounce> out;
  for (const Event& event : motion.events) {
    if (event.kind != EventKind::kBounce) continue;
    const double jx = event.v_out[0] - event.v_in[0], jy = event.v_out[1] - event.v_in[1];
    if (-jy < 1.7 * std::abs(jx) || motion.phases[event.before].kind != PhaseKind::kFlight) continue;
    if (!motion.tracks[event.track].is_round() || motion.phases[event.after].kind == PhaseKind::kUniform)
      continue;
    if (event.v_out[1] > 0 || event.v_in[1] < 8 * event.v_error || motion.phases[event.after].count() < 5)
      continue;
    const double e = -event.v_out[1] / event.v_in[1];
    out.push_back({&event, e, event.v_error / event.v_in[1] * std::sqrt(1 + e * e)});
  }
  return out;
}

LawResult restitution(const Motion& motion, Violations& violations) {
  const auto bounces = level_bounces(motion);
  if (bounces.empty()) return not_identifiable("restitution", "no bounce of a ball seen from a free flight");
  LawResult law;
  law.name = "restitution";
  std::vector<double> errors;
  for (const Bounce& b : bounces) {
    const double excess = std::max(0.0, b.restitution - 1 - 2 * b.error);
    law.effect = std::max(law.effect, excess);
    errors.push_back(b.error);
    law.frames += motion.phases[b.event->before].count() + motion.phases[b.event->after].count();
    if (excess > kRestitutionSlack.value)
      violations.push_back({"restitution", b.event->frame, motion.tracks[b.event->track].id,
                            fmt::format("leaves a bounce {:.2f} times as fast as it came", b.restitution)});
  }
  law.detectable = revealed(kRestitutionSlack.value, median(errors));
  law.reveals = fmt::format("a bounce that leaves at {:.2f} times its speed or more", 1 + *law.detectable);
  law.score = quality_of(law.effect, kRestitutionSlack.value);
  law.detail = fmt::format("{} bounce(s); excess over 1: {:.3f}", bounces.size(), law.effect);
  return law;
}

std::optional<double> mass_ratio(const Collision& c) {
  const Exchange e = exchange_of(c);
  if (!measurable(c, e)) return {};
  return e.size_a / e.size_b;
}

LawResult collision(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "collision";
  std::vector<double> errors;
  double parallel = 0, gain = 0, sure_gain = 0, ratio_change = 0;
  std::map<std::pair<int, int>, double> masses;
  for (const Collision& c : motion.collisions) {
    const Exchange e = exchange_of(c);
    const auto apart = separation(c);
    if (!c.lawful || (!measurable(c, e) && !apart)) continue;
    const Track &a = motion.tracks[c.a], &b = motion.tracks[c.b];
    law.frames += 8;
    if (measurable(c, e)) {
      const double now = parallel_part(c, e);
      parallel = std::max(parallel, now);
      if (now > 2 * kMomentumTolerance.value)
        violations.push_back(
            {"momentum", c.frame, a.id,
             fmt::format("objects {} and {} are pushed the same way by each other", a.id, b.id)});
      const double mass = c.a < c.b ? e.size_a / e.size_b : e.size_b / e.size_a;
      const auto [known, fresh] = masses.insert({std::minmax(c.a, c.b), mass});
      const double noise = 2 * c.v_error * (1 / e.size_a + 1 / e.size_b);
      if (!fresh)
        ratio_change =
            std::max(ratio_change, std::max(0.0, std::abs(std::log(mass / known->second)) - 2 * noise));
      errors.push_back(noise / 2);
    }
    if (apart) {
      const double approach_error =
          1.4 * c.v_error / std::max(1e-9, std::abs(dot(minus(c.a_in, c.b_in), c.normal)));
      // What meets is not the centres but the sides: a tumbling box throws with its spin.
      const double spun = a.is_round() && b.is_round() ? 1 : kSpunSeparation.value;
      const double now = std::max(0.0, *apart - 1 - 2 * approach_error) / spun;
      gain = std::max(gain, now);
      // Of a slow approach half seen, what is left after two standard errors still says little.
      sure_gain = std::max(sure_gain, now / (1 + approach_error / kSeparationSlack.value));
      errors.push_back(approach_error);
      if (now > 2 * kSeparationSlack.value)
        violations.push_back(
            {"collision", c.frame, a.id,
             fmt::format("objects {} and {} part {:.1f} times as fast as they met", a.id, b.id, *apart)});
    }
  }
  const int through = passed_through(motion, law, violations);
  if (errors.empty() && !through)
    return not_identifiable("collision", "no two objects are seen to meet and part");
  law.effect = std::max({parallel, gain, ratio_change, double(through)});
  law.detectable = revealed(kSeparationSlack.value, median(errors));
  law.reveals = fmt::format("partners that part {:.1f} times as fast as they met", 1 + *law.detectable);
  law.score = through ? 0
                      : std::min({quality_of(parallel, kMomentumTolerance.value),
                                  quality_of(sure_gain, kSeparationSlack.value),
                                  quality_of(ratio_change, kMassTolerance.value)});
  law.detail = fmt::format(
      "{} collision(s); parallel part {:.2f}, gain in speed {:.2f}, change of mass ratio {:.2f}; {} "
      "passed through each other",
      motion.collisions.size(), parallel, gain, ratio_change, through);
  return law;
}

}  // namespace orrery::physics_eval
