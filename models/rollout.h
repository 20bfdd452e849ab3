// The dynamics run on: states of every object, chunk after chunk, from the prologue alone.
#pragma once
#include "models/unified_transformer.h"

namespace orrery {

// chunks[c][k]: object k in chunk c = 0, 1, ... `cache` is left holding scene and objects, so that the patches of
// any chunk can attend to them. Pushes: frame 0 is the first frame.
std::vector<std::vector<ObjectChunk>> rollout_states(const UnifiedTransformer& model, const Scene& scene, int num_chunks, std::span<const Push> pushes, GenerationCache& cache);

// The same for several clips, whose tokens share every product; each clip's states are the same bits as alone.
struct Rollout {
  const Scene* scene;
  GenerationCache* cache;
};
std::vector<std::vector<std::vector<ObjectChunk>>> rollout_states(const UnifiedTransformer& model, std::span<const Rollout> clips, int num_chunks, std::span<const Push> pushes = {});

// The plain baseline: everything flies straight on.
std::vector<std::vector<ObjectChunk>> constant_velocity_states(const Scene& scene, int num_chunks);

// States frame by frame; frame 0 of the trajectory is the scene's initial state.
Trajectory trajectory_of(const Scene& scene, const std::vector<std::vector<ObjectChunk>>& chunks);

}  // namespace orrery
