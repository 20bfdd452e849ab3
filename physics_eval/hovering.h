// What stands still in the air: a warning and no violation, since a string, a hand or a shelf may be out of sight.
#pragma once
#include "physics_eval/evaluate.h"
#include "physics_eval/motion.h"

namespace orrery::physics_eval {

// A rest of half a second or more with something seen lower by a diameter right below it at any time, and nothing that
// it could stand on or lean against. Kind "hover".
std::vector<Flag> hovering(const Motion& motion);

}  // namespace orrery::physics_eval
