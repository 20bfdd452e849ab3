// What follows when the velocity of one object is edited? The rollout before and after, and for every other
// object whether it changed only once something that had changed could touch it.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "core/json.h"
#include "models/rollout.h"

namespace orrery {

struct EditEffect {
  double change = 0;  // m: largest distance between before and after
  int reached =
      -1;  // frame from which something that changed could touch it (0: it is the edited one); -1: never
  double change_before = 0;                // m: largest distance before that frame; what should have stayed
  std::optional<double> simulated_change;  // m: `change` in the simulator
};

struct VelocityEdit {
  int object = 0;
  double vx = 0, vy = 0, new_vx = 0, new_vy = 0;  // m/s
  Trajectory before, after;
  std::optional<Trajectory> simulated_before, simulated_after;
  std::vector<EditEffect> effects;  // an object
};

using Simulator = std::function<Trajectory(const Scene&, int num_frames)>;

// Adds (dvx, dvy) to the object's initial velocity. simulator may be null.
VelocityEdit edit_velocity(const UnifiedTransformer& model, const Scene& scene, int object, double dvx,
                           double dvy, int chunks, const Simulator& simulator);
// For a scene's effects from two trajectories: `reached`, `change`, `change_before`.
std::vector<EditEffect> edit_effects(const Scene& scene, int edited, const Trajectory& before,
                                     const Trajectory& after);

Json edit_json(const Scene& scene, const VelocityEdit& edit, bool with_paths);

}  // namespace orrery
