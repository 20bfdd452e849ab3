#pragma once
#include <vector>

namespace orrery::physics_eval {

inline constexpr double kForbidden = 1e6;

// Minimum-cost one-to-one assignment (Hungarian method with potentials, O(rows^2 columns)); cost[row][column].
// Returns for each row its column, or -1 where only forbidden ones were left.
std::vector<int> assign(const std::vector<std::vector<double>>& cost);

}  // namespace orrery::physics_eval
