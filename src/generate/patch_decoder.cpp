#include "generate/patch_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "core/serial_worker.h"
#include "models/objectives.h"

namespace orrery {
namespace {

constexpr size_t kChunksWaiting = 8;
constexpr int kColumns = kFrameWidth / 16, kRows = kFrameHeight / 16, kPatches = kColumns * kRows;

struct PatchCodes {
  std::vector<float> carried;  // likeliest levels in [-1, 1]: what the next chunk sees, [240][dims]
  ShownCodes shown;
};

struct ThreadsGuard {
  const int before = num_threads();
  explicit ThreadsGuard(int threads) { set_num_threads(threads); }
  ~ThreadsGuard() { set_num_threads(before); }
};

// Likeliest and expected level of one dimension.
void read_levels(const float* logits, int levels, float& likeliest, float& expected) {
  const float* best = std::max_element(logits, logits + levels);
  double sum = 0, mean = 0;
  for (int l = 0; l < levels; ++l) {
    const double p = std::exp(double(logits[l] - *best));
    sum += p;
    mean += l * p;
  }
  likeliest = 2.0f * float(best - logits) / float(levels - 1) - 1;
  expected = float(mean / sum);
}

// One patch: true if the gate keeps its code.
bool update_code(const float* row, int dims, int levels, bool afresh, int patch, PatchCodes& codes) {
  if (!afresh && row[dims * levels] > 0) return true;
  for (int k = 0; k < dims; ++k) read_levels(row + k * levels, levels, codes.carried[patch * dims + k], codes.shown[patch * dims + k]);
  return false;
}

}  // namespace

bool drawn_afresh(int patch, int chunk) {
  constexpr int kStride = 7;  // keeps neighbours apart
  return chunk == 0 || (chunk >= kRefreshChunks && (patch * kStride + chunk) % kRefreshChunks == 0);
}

void decode_chunk(const VideoTokenizer& tokenizer, const ShownCodes& codes, int chunk, const std::function<void(const Frame&)>& sink) {
  constexpr size_t kFrameBytes = size_t(kFrameWidth) * kFrameHeight * 3;
  std::vector<uint8_t> rgb(kFrameBytes * kFramesPerChunk);
  tokenizer.decode(codes.data(), 1, kRows, kColumns, rgb.data());
  for (int f = 0; f < kFramesPerChunk; ++f) {
    Frame frame(kFrameWidth, kFrameHeight);
    frame.seconds = (chunk * kFramesPerChunk + f) / kFramesPerSecond;
    std::memcpy(frame.rgb.data(), rgb.data() + f * kFrameBytes, kFrameBytes);
    sink(frame);
  }
}

std::vector<PatchStats> generate_codes(const UnifiedTransformer& model, std::span<GenerationCache* const> caches, int num_chunks,
                                       const std::function<void(size_t, int, const ShownCodes&)>& sink, const Effort& effort) {
  const int dims = model.config().code_dims, levels = model.config().code_levels;
  const std::vector<float> none(size_t(kPatches) * dims);
  std::vector<PatchCodes> codes(caches.size(), PatchCodes{none, none});
  std::vector<PatchStats> stats(caches.size());
  Rows<float> hidden, logits;
  RoutingOptions routing;
  routing.head_threshold = kHeadThreshold;
  for (int c = 0; c < num_chunks; ++c) {
    TokenBatch batch;
    for (const PatchCodes& clip : codes) {
      for (int p = 0; p < kPatches; ++p) batch.add_patch(p, c, drawn_afresh(p, c) ? nullptr : &clip.carried[size_t(p) * dims], dims);
      batch.end_sequence();
    }
    Pruning pruning;
    if (c > 0) pruning.threshold = effort.copy_threshold;
    model.extend(batch, caches, false, hidden, routing, &pruning);
    if (hidden.rows()) patch_logits(model.heads(), hidden, logits);
    for (PatchStats& s : stats) s.patches += kPatches, s.copied += kPatches, s.pruned += kPatches;
    for (GenerationCache* cache : caches)
      if (cache->trace) cache->trace->passes.back().copied.assign(kPatches, 1);
    for (size_t r = 0; r < pruning.kept.size(); ++r) {
      const size_t clip = size_t(pruning.kept[r]) / kPatches;
      --stats[clip].pruned;
      const int patch = int(pruning.kept[r] % kPatches);
      const bool copied = update_code(logits.row(int64_t(r)), dims, levels, drawn_afresh(patch, c), patch, codes[clip]);
      stats[clip].copied -= !copied;
      if (caches[clip]->trace) caches[clip]->trace->passes.back().copied[size_t(patch)] = copied;
    }
    for (size_t i = 0; i < caches.size(); ++i) sink(i, c, codes[i].shown);
  }
  return stats;
}

PatchStats generate_frames(const UnifiedTransformer& model, const VideoTokenizer& tokenizer, GenerationCache& cache, int num_chunks, const std::function<void(const Frame&)>& sink, const Effort& effort) {
  GenerationCache* const one = &cache;
  const auto codes_of = [&](const std::function<void(size_t, int, const ShownCodes&)>& take) { return generate_codes(model, {&one, 1}, num_chunks, take, effort).front(); };
  const int threads = num_threads(), behind = threads / 2;
  if (behind == 0) return codes_of([&](size_t, int chunk, const ShownCodes& codes) { decode_chunk(tokenizer, codes, chunk, sink); });
  SerialWorker worker(kChunksWaiting, behind);
  ThreadsGuard guard(threads - behind);
  const PatchStats stats = codes_of([&](size_t, int chunk, const ShownCodes& codes) { worker.push([&, chunk, codes] { decode_chunk(tokenizer, codes, chunk, sink); }); });
  worker.finish();
  return stats;
}

}  // namespace orrery
