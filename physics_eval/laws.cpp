#include "physics_eval/laws.h"

#include <algorithm>
#include <cmath>

#include "physics_eval/law_parts.h"
#include "physics_eval/statistics.h"

namespace orrery::physics_eval {
namespace {

struct Row {
  LawResult (*judge)(const Motion&, Violations&);
  bool of_flights;  // depends on flights and bounces, which the bootstrap draws anew
};

constexpr Row kLaws[] = {{constant_acceleration, true},
                         {common_gravity, true},
                         {drop_from_rest, true},
                         {bounce_timing, false},
                         {restitution, true},
                         {energy, true},
                         {collision, false},
                         {pendulum, false},
                         {surface_motion, false},
                         {unsupported_motion, false},
                         {identity, false},
                         {continuity, true},
                         {permanence, false}};

}  // namespace

std::vector<LawResult> judge(const Motion& motion, std::vector<Violation>& violations) {
  std::vector<LawResult> laws;
  for (const Row& row : kLaws) laws.push_back(row.judge(motion, violations));
  return laws;
}

std::vector<LawResult> judge_again(const Motion& motion, const std::vector<LawResult>& before) {
  std::vector<LawResult> laws;
  std::vector<Violation> ignored;
  for (size_t i = 0; i < before.size(); ++i)
    laws.push_back(kLaws[i].of_flights ? kLaws[i].judge(motion, ignored) : before[i]);
  return laws;
}

double score_of(const std::vector<LawResult>& laws) {
  double worst = 1, sum = 0, validity = 1;
  int n = 0;
  for (const LawResult& law : laws) {
    if (!law.score) continue;
    if (law.name == "permanence") {
      validity = *law.score;
      continue;
    }
    worst = std::min(worst, *law.score);
    sum += *law.score;
    ++n;
  }
  return 100 * validity * (n ? 0.5 * worst + 0.5 * sum / n : 1);
}

Estimates estimate(const Motion& motion) {
  Estimates out;
  if (!motion.flights.empty()) {
    double error = 0;
    const Vec2 mean = mean_acceleration(motion.flights, &error);
    out.g_px_s2 = std::hypot(mean[0], mean[1]);
    out.g_error_px_s2 = error;
  } else {
    const Phase* longest = nullptr;
    for (const Phase& p : motion.phases)
      if (p.kind != PhaseKind::kRest && p.kind != PhaseKind::kSwing && p.count() >= 4 &&
          (!longest || p.count() > longest->count()))
        longest = &p;
    if (longest) out.acceleration_px_s2 = std::hypot(longest->a[0], longest->a[1]);
  }
  for (const Bounce& b : level_bounces(motion)) out.restitutions.push_back(b.restitution);
  if (!out.restitutions.empty()) out.restitution = median(out.restitutions);
  const auto longest =
      std::max_element(motion.pendulums.begin(), motion.pendulums.end(),
                       [](const Pendulum& a, const Pendulum& b) { return a.count() < b.count(); });
  if (longest != motion.pendulums.end()) out.period_s = longest->period();
  for (const Collision& c : motion.collisions) {
    const auto ratio = mass_ratio(c);
    if (!ratio) continue;
    // Velocity changes are as the inverse of the masses: size_a / size_b is m_b / m_a.
    out.mass_ratio = motion.tracks[c.a].id < motion.tracks[c.b].id ? 1 / *ratio : *ratio;
    break;
  }
  return out;
}

}  // namespace orrery::physics_eval
