#include "generate/patch_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/objectives.h"

namespace orrery {
namespace {

constexpr int kColumns = kFrameWidth / 16, kRows = kFrameHeight / 16, kPatches = kColumns * kRows;

struct PatchCodes {
  std::vector<float> carried;  // likeliest levels in [-1, 1]: what the next chunk sees, [240][dims]
  std::vector<float> shown;    // expected levels 0..L-1: what the decoder gets
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

int64_t update_codes(const Rows<float>& logits, int dims, int levels, bool first, PatchCodes& codes) {
  int64_t copied = 0;
  for (int p = 0; p < kPatches; ++p) {
    const float* row = logits.row(p);
    if (!first && row[dims * levels] > 0) {
      ++copied;
      continue;
    }
    for (int k = 0; k < dims; ++k) read_levels(row + k * levels, levels, codes.carried[p * dims + k], codes.shown[p * dims + k]);
  }
  return copied;
}

void emit(const VideoTokenizer& tokenizer, const PatchCodes& codes, int chunk, const std::function<void(const Frame&)>& sink) {
  constexpr size_t kFrameBytes = size_t(kFrameWidth) * kFrameHeight * 3;
  std::vector<uint8_t> rgb(kFrameBytes * kFramesPerChunk);
  tokenizer.decode(codes.shown.data(), 1, kRows, kColumns, rgb.data());
  for (int f = 0; f < kFramesPerChunk; ++f) {
    Frame frame(kFrameWidth, kFrameHeight);
    frame.seconds = (chunk * kFramesPerChunk + f) / kFramesPerSecond;
    std::memcpy(frame.rgb.data(), rgb.data() + f * kFrameBytes, kFrameBytes);
    sink(frame);
  }
}

}  // namespace

PatchStats generate_frames(const UnifiedTransformer& model, const VideoTokenizer& tokenizer, GenerationCache& cache, int num_chunks, const std::function<void(const Frame&)>& sink) {
  const int dims = model.config().code_dims, levels = model.config().code_levels;
  PatchCodes codes{std::vector<float>(size_t(kPatches) * dims), std::vector<float>(size_t(kPatches) * dims)};
  PatchStats stats;
  Rows<float> hidden, logits;
  for (int c = 0; c < num_chunks; ++c) {
    TokenBatch batch;
    for (int p = 0; p < kPatches; ++p) batch.add_patch(p, c, c ? &codes.carried[size_t(p) * dims] : nullptr, dims);
    model.extend(batch, cache, false, hidden);
    patch_logits(model.heads(), hidden, logits);
    stats.copied += update_codes(logits, dims, levels, c == 0, codes);
    stats.patches += kPatches;
    emit(tokenizer, codes, c, sink);
  }
  return stats;
}

}  // namespace orrery
