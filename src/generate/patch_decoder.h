// States -> codes -> frames, chunk after chunk: the visual half of generation.
#pragma once
#include <functional>

#include "core/frame.h"
#include "models/rollout.h"
#include "models/video_tokenizer.h"

namespace orrery {

struct PatchStats {
  int64_t patches = 0, copied = 0;  // copied: the gate said "unchanged since the chunk before"
};

// `cache` holds scene and objects of every chunk (rollout_states). Calls sink for each of the 4 * num_chunks frames.
PatchStats generate_frames(const UnifiedTransformer& model, const VideoTokenizer& tokenizer, GenerationCache& cache, int num_chunks, const std::function<void(const Frame&)>& sink);

}  // namespace orrery
