// True states and their rendering, for what the patch decoder makes of the same states to be held against.
#pragma once
#include <cstdint>
#include <vector>

#include "core/scene.h"
#include "core/trajectory.h"
#include "models/unified_transformer.h"
#include "models/video_tokenizer.h"

namespace orrery::bench {

// A clip's frames one after the other, rgb [frames][H][W][3].
using Pixels = std::vector<uint8_t>;

struct Truth {
  Scene scene;
  Trajectory trajectory;
  Pixels rgb, background;
  std::vector<uint8_t> objects;  // [frames][H][W]: inside a dilated object
};

// Frame i of the clip shows state i + 1: chunk c covers states 4c + 1 to 4c + 4. A scene of the id split.
Truth render_truth(uint64_t seed, int chunks);

// The cache that a rollout would have left, had it been right everywhere.
GenerationCache cache_of(const UnifiedTransformer& model, const Truth& truth, int chunks);

// rgb [4 chunks][H][W][3] through the video tokenizer's codes and back.
Pixels reconstructed(const VideoTokenizer& tokenizer, const Pixels& rgb, int chunks);

}  // namespace orrery::bench
