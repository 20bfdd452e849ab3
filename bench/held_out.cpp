#include "bench/held_out.h"

#include <algorithm>

namespace orrery::bench {
namespace {

constexpr int kClipFrames = 97, kWindowChunks = 12, kPatchesASample = 240;

}  // namespace

HeldOut held_out(const TextTokenizer& text, const VideoTokenizer& tokenizer, int count, uint64_t seed) {
  SceneDataset dataset(seed, Split::kId, kClipFrames);
  dataset.grow_to(count);
  Rng rng(seed, hash64("routing"));
  HeldOut h;
  std::vector<float> targets;
  for (int i = 0; i < count; ++i) {
    const StateWindow w = make_state_window(dataset.clip(i), kWindowChunks, rng);
    add_state_sequence(w, h.batch);
    for (size_t c = 0; c < w.input.size(); ++c)
      for (size_t k = 0; k < w.input[c].size(); ++k) {
        targets.resize(targets.size() + kObjectOutputs);
        residual_targets(w.input[c][k], w.truth[c][k], targets.data() + targets.size() - kObjectOutputs);
        h.state_weights.push_back(1);
      }
  }
  const CaptionNoise plain(text, 0);
  for (int i = 0; i < count; ++i) add_prologue_sequence(dataset.clip(i), plain, 0, rng, h.batch, h.items);
  for (int i = 0; i < std::max(1, count / 8); ++i)
    add_pixel_sequence(make_pixel_sample(dataset.clip(i), 1 + i % 20, tokenizer), kPatchesASample, tokenizer.dims(), tokenizer.levels(), rng, h.batch,
                       h.patches);
  h.state_weights.resize(h.batch.objects.count(), 0.0f);
  h.states.resize(h.batch.objects.count(), kObjectOutputs);
  h.states.zero();
  std::copy(targets.begin(), targets.end(), h.states.data());
  return h;
}

Losses measure(UnifiedTransformer& model, const HeldOut& h, const std::string& name, const RoutingOptions& options) {
  ForwardCache cache;
  model.forward(h.batch, options, cache);
  return {name, prologue_objective(model, h.batch, h.items, cache.hidden, 1, nullptr).mean(),
          object_objective(model, h.batch, h.states, h.state_weights, cache.hidden, 1, nullptr).mean(),
          patch_objective(model, h.batch, h.patches.codes, h.patches.unchanged, cache.hidden, 1, nullptr).mean(), cache.stats};
}

}  // namespace orrery::bench
