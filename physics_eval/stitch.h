// Track pieces that belong together, and deaths and births that nothing explains.
#pragma once
#include <vector>

#include "physics_eval/types.h"

namespace orrery::physics_eval {

// Joins a piece that ends to one that begins soon after, of the same look, where the first would be by then.
// A look-alike elsewhere at once is a teleport. What is left: vanish, appear, duplicate.
std::vector<Violation> stitch(std::vector<Track>& tracks, double fps);

}  // namespace orrery::physics_eval
