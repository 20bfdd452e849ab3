// States -> codes -> frames, chunk after chunk: the visual half of generation.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "core/frame.h"
#include "generate/effort.h"
#include "models/rollout.h"
#include "models/video_tokenizer.h"

namespace orrery {

struct PatchStats {
  int64_t patches = 0, copied = 0;  // copied: the gate said "unchanged since the chunk before"
  int64_t pruned = 0;                // copied by the early gate: these skipped the deeper layers
};

// What the decoder gets of one chunk: expected levels 0..L-1, [240][dims].
using ShownCodes = std::vector<float>;

// `cache` holds scene and objects of every chunk (rollout_states). Calls sink for each of the 4 * num_chunks frames, in
// order, on a thread beside the one that generates where there is more than one.
PatchStats generate_frames(const UnifiedTransformer& model, const VideoTokenizer& tokenizer, GenerationCache& cache, int num_chunks, const std::function<void(const Frame&)>& sink, const Effort& effort = {});

// Codes of several clips, chunk by chunk, whose patches share every product: sink(clip, chunk, codes). Each clip's
// codes are the same bits as alone. Statistics: one a clip.
std::vector<PatchStats> generate_codes(const UnifiedTransformer& model, std::span<GenerationCache* const> caches, int num_chunks,
                                       const std::function<void(size_t, int, const ShownCodes&)>& sink, const Effort& effort = {});

// Whether a patch is drawn as if nothing had been there before: in the first chunk, and after four seconds once in four,
// ten patches a chunk. What a carried code has kept of a thing that crept away goes by it. A shorter clip does without:
// patches beside a fresh one copy less.
inline constexpr int kRefreshChunks = 24;
bool drawn_afresh(int patch, int chunk);

// The 4 frames of one chunk of one clip.
void decode_chunk(const VideoTokenizer& tokenizer, const ShownCodes& codes, int chunk, const std::function<void(const Frame&)>& sink);

}  // namespace orrery
