// One function a law; laws.cpp holds their table. Each fills a LawResult and adds violations of its own.
#pragma once
#include "physics_eval/laws.h"

namespace orrery::physics_eval {

using Violations = std::vector<Violation>;

LawResult constant_acceleration(const Motion& motion, Violations& violations);
LawResult common_gravity(const Motion& motion, Violations& violations);
LawResult drop_from_rest(const Motion& motion, Violations& violations);
LawResult bounce_timing(const Motion& motion, Violations& violations);
LawResult energy(const Motion& motion, Violations& violations);
LawResult restitution(const Motion& motion, Violations& violations);
LawResult collision(const Motion& motion, Violations& violations);
LawResult pendulum(const Motion& motion, Violations& violations);
LawResult surface_motion(const Motion& motion, Violations& violations);
LawResult unsupported_motion(const Motion& motion, Violations& violations);
LawResult continuity(const Motion& motion, Violations& violations);
LawResult permanence(const Motion& motion, Violations& violations);
LawResult identity(const Motion& motion, Violations& violations);

// Phases [first, last] of one track, by index, without events between.
struct Run {
  int first, last;
};
// Those that keep one speed up, down or along a slant.
std::vector<Run> unsupported_runs(const Motion& motion);

struct Bounce {
  const Event* event;
  double restitution, error;
};
// Bounces of balls off something level, with a flight seen on both sides.
std::vector<Bounce> level_bounces(const Motion& motion);

// Mass of b over that of a from the sizes of their velocity changes; empty where one of them is not
// measurable.
std::optional<double> mass_ratio(const Collision& collision);

inline LawResult not_identifiable(const char* name, std::string why) {
  LawResult law;
  law.name = name;
  law.detail = std::move(why);
  return law;
}

// The effect that is found in 95 of 100 clips: it must pass the tolerance after two standard errors were
// taken off.
inline double revealed(double tolerance, double error) { return tolerance + 3.645 * error; }

}  // namespace orrery::physics_eval
