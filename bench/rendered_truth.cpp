#include "bench/rendered_truth.h"

#include <cstring>
#include <span>

#include "data/pixel_classes.h"
#include "models/picture_loss.h"
#include "models/rollout.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

constexpr size_t kPixels = size_t(kFrameWidth) * kFrameHeight, kFrameBytes = kPixels * 3;

}  // namespace

Truth render_truth(uint64_t seed, int chunks) {
  const Sample sample = make_sample(seed, Split::kId);
  Truth truth{sample.scene, simulate(sample.scene, chunks * kFramesPerChunk + 1), {}, {}, {}};
  Scene bare = sample.scene;
  bare.objects.clear();
  const Renderer renderer(sample.scene), empty(bare);
  const size_t frames = size_t(chunks) * kFramesPerChunk;
  truth.rgb.resize(frames * kFrameBytes);
  truth.background.resize(frames * kFrameBytes);
  std::vector<uint8_t> ids(kPixels * kFramesPerChunk);
  for (size_t f = 0; f < frames; ++f) {
    const std::span states(&truth.trajectory.at(int(f) + 1, 0), size_t(truth.trajectory.num_objects));
    renderer.draw(states, {}, &truth.rgb[f * kFrameBytes]);
    if (f == 0) empty.draw({}, {}, truth.background.data());
    else std::memcpy(&truth.background[f * kFrameBytes], truth.background.data(), kFrameBytes);
    renderer.mask(states, {}, &ids[f % kFramesPerChunk * kPixels]);
    if (f % kFramesPerChunk + 1 < kFramesPerChunk) continue;
    const Pixels chunk(truth.rgb.begin() + int64_t((f - 3) * kFrameBytes),
                       truth.rgb.begin() + int64_t((f + 1) * kFrameBytes));
    for (uint8_t k : classify_pixels(chunk, ids, kFrameHeight, kFrameWidth, {}))
      truth.objects.push_back(k & kObject ? 1 : 0);
  }
  return truth;
}

GenerationCache cache_of(const UnifiedTransformer& model, const Truth& truth, int chunks) {
  GenerationCache cache;
  Rows<float> hidden;
  TokenBatch statics;
  statics.add_scene(truth.scene);
  model.extend(statics, cache, true, hidden);
  for (int c = kInitialChunk; c < chunks; ++c) {
    TokenBatch step;
    for (size_t k = 0; k < truth.scene.objects.size(); ++k) {
      const ObjectSpec& spec = truth.scene.objects[k];
      step.add_object(int(k), c,
                      c == kInitialChunk ? initial_chunk(spec) : chunk_of(truth.trajectory, int(k), c), spec,
                      truth.scene.gravity);
    }
    model.extend(step, cache, true, hidden);
  }
  return cache;
}

Pixels reconstructed(const VideoTokenizer& tokenizer, const Pixels& rgb, int chunks) {
  std::vector<int8_t> codes(size_t(chunks) * size_t(kFrameHeight / kPatch * (kFrameWidth / kPatch)) * size_t(tokenizer.dims()));
  tokenizer.encode(rgb.data(), chunks, kFrameHeight, kFrameWidth, codes.data());
  const std::vector<float> levels(codes.begin(), codes.end());
  Pixels out(rgb.size());
  tokenizer.decode(levels.data(), chunks, kFrameHeight / kPatch, kFrameWidth / kPatch, out.data());
  return out;
}

}  // namespace orrery::bench
