// What `inspect` asks of the simulator: held-out scenes for the probes, and the true answer to an edited
// velocity.
#pragma once
#include <functional>

#include "cli/inspect_probes.h"
#include "generate/pipeline.h"

namespace orrery {

// Probes on held-out scenes (split id) simulated for this: the generator's weights against untrained ones of
// the same config. progress(scenes done, of).
ProbeReport probe_model(const Generator& generator, int scenes, uint64_t seed,
                        const std::function<void(int, int)>& progress);

Trajectory simulated_trajectory(const Scene& scene, int num_frames);

}  // namespace orrery
