// The two references of the benchmark: the simulator's rendering of a scene as the prompt asks for it, and
// the same with one law broken on purpose. What is known of a clip's states becomes tracks for the laws.
#pragma once
#include <string>
#include <vector>

#include "cli/world/benchmark_suite.h"
#include "core/frame.h"
#include "core/trajectory.h"
#include "physics_eval/evaluate.h"

namespace orrery {

inline constexpr int kReferenceVersion = 1;  // of everything below that decides pixels

// A scene of the scenario's family with the objects that it asks for, gravity 9.81. The same scenario (id,
// family, objects) and seed: the same scene. Error if the family has none.
Scene reference_scene(const Scenario& scenario, int64_t seed);
// The base's scene, changed as the pair says.
Scene changed_scene(const PromptPair& pair, int64_t seed);

struct ReferenceClip {
  Scene scene;
  Trajectory trajectory;
  int hidden_object = -1, hidden_from = 0;  // vanished from this frame on
  std::string broken;                       // what; empty: nothing
};
ReferenceClip simulated(const Scene& scene, int num_frames);
// By the scenario's law: gravity weakens in flight, a bounce gains speed, a collision gains momentum,
// something turns round or starts by itself; otherwise an object vanishes.
ReferenceClip perturbed(const Scene& scene, int num_frames, const std::string& law);

std::vector<Frame> drawn_frames(const ReferenceClip& clip, uint64_t seed);

// As `orrery score --tracks` writes them, from states instead of pixels: what `--tracks-in` reads. Frames
// count from `first`.
std::string tracks_csv_of_states(const Scene& scene, const Trajectory& trajectory, int first = 0);

}  // namespace orrery
