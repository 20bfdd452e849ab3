// 95 % intervals: flights are resampled, and within each the residuals in blocks, so that their correlation
// stays.
#pragma once
#include <array>
#include <optional>

#include "physics_eval/laws.h"

namespace orrery::physics_eval {

using Interval = std::array<double, 2>;

struct Intervals {
  std::optional<Interval> score, g_px_s2, restitution;
};

// `laws`: as judged from the motion itself.
Intervals bootstrap(const Motion& motion, const std::vector<LawResult>& laws);

}  // namespace orrery::physics_eval
