// Between tokens and frames there are learned layers, constant-velocity extrapolation and angle normalisation, and
// nothing else: no gravity, floor, collision, palette or parser of ours. These tests take the learned parts away
// and look at what is left. (That no simulator is linked: tests/e2e. That fine-tuning alone changes physics and
// words: tests/train.)
#include <gtest/gtest.h>

#include <cmath>

#include "core/files.h"
#include "generate/pipeline.h"

namespace orrery {
namespace {

bool shipped() { return !find_data_file("transformer.safetensors").empty(); }

Scene falling_ball(double x) {
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 0, 0, 0.3, x, 3.0}};
  return quantized(scene);
}

TEST(WhatMustNotBeThere, WithTheDynamicsHeadZeroedObjectsFlyStraightOnThroughTheFloor) {
  if (!shipped()) GTEST_SKIP() << "no shipped weights";
  const TextTokenizer text = TextTokenizer::load_shipped();
  auto model = UnifiedTransformer::load(find_data_file("transformer.safetensors"), text.vectors());
  Scene scene = falling_ball(5);
  scene.objects[0].vy = -2;
  GenerationCache learned_cache, zeroed_cache;
  const auto learned = rollout_states(*model, scene, 12, {}, learned_cache);
  for (Parameter* p : {&model->heads().objects.weight, &model->heads().objects.bias}) init_constant(*p, 0.0f);
  const auto zeroed = rollout_states(*model, scene, 12, {}, zeroed_cache);
  const ObjectState& end = zeroed.back()[0].states.back();
  EXPECT_NEAR(end.y, scene.objects[0].y - 2.0 * 2, 1e-3);  // 12 chunks = 2 s at -2 m/s: under the floor
  EXPECT_LT(end.y, kFloorY);
  EXPECT_FLOAT_EQ(end.vy, -2);
  EXPECT_GT(learned.back()[0].states.back().y, kFloorY);
}

TEST(WhatMustNotBeThere, WithRandomWeightsThePromptMeansNothing) {
  const TextTokenizer text = TextTokenizer::load_shipped();
  UnifiedTransformerConfig config;
  config.num_layers = 2;
  config.vocabulary_size = text.vocabulary_size();
  const UnifiedTransformer model(config, text.vectors(), 77);
  int right = 0;
  constexpr int kTries = 60;
  for (int i = 0; i < kTries; ++i) {
    const int color = i % int(kColorNames.size());
    const Scene scene = sample_prologue(model, text.encode(fmt::format("a {} ball falls", kColorNames[color])), uint64_t(i), 1.0);
    right += scene.objects.size() == 1 && scene.objects[0].shape == Shape::kBall && scene.objects[0].color == color;
  }
  EXPECT_LE(right, kTries / 6);  // chance is below one in ten
}

// Mean distance of an object's square of pixels between two frames.
double difference_at(const Frame& a, const Frame& b, const ObjectState& s, double size) {
  double sum = 0;
  int n = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x) {
      if (std::hypot(x / kPixelsPerMeter - s.x, (kFrameHeight - y) / kPixelsPerMeter - s.y) > size * 0.7) continue;
      for (int c = 0; c < 3; ++c) sum += std::abs(int(a.at(x, y)[c]) - int(b.at(x, y)[c])), ++n;
    }
  return n ? sum / n : 0;
}

TEST(WhatMustNotBeThere, WithPhysicalTokensMaskedFromVisualOnesObjectsVanish) {
  if (!shipped()) GTEST_SKIP() << "no shipped weights";
  const Generator generator;
  Scene scene = falling_ball(5), empty = scene, moved = falling_ball(2);
  empty.objects.clear();
  auto first_frame = [&](const Scene& s, bool masked) {
    GenerationCache cache;
    const auto chunks = rollout_states(generator.transformer(), s, 1, {}, cache);
    GenerationCache statics;
    rollout_states(generator.transformer(), empty, 1, {}, statics);
    Frame first;
    generate_frames(generator.transformer(), generator.tokenizer(), masked ? statics : cache, 1, [&](const Frame& f) { if (f.seconds == 0) first = f; });
    return std::pair(first, chunks.empty() ? ObjectState{} : chunks[0][0].states[0]);
  };
  const auto [with, state] = first_frame(scene, false);
  const auto [masked, ignored] = first_frame(scene, true);
  const auto [elsewhere, other] = first_frame(moved, false);
  // Where the ball is: far from the background with its tokens, near it without.
  const double shown = difference_at(with, elsewhere, state, 0.3), hidden = difference_at(masked, elsewhere, state, 0.3);
  EXPECT_GT(shown, 25) << "levels of 255";
  EXPECT_LT(hidden, 0.5 * shown);
}

TEST(Generate, SamePromptAndSeedTwiceIsTheSameScene) {
  if (!shipped()) GTEST_SKIP() << "no shipped weights";
  const Generator generator;
  auto a = generator.plan("a blue box slides across the floor", 5, 0.7, 6), b = generator.plan("a blue box slides across the floor", 5, 0.7, 6);
  ASSERT_EQ(a.scene.objects.size(), b.scene.objects.size());
  for (size_t c = 0; c < a.chunks.size(); ++c)
    for (size_t k = 0; k < a.chunks[c].size(); ++k) ASSERT_EQ(a.chunks[c][k].states[3].x, b.chunks[c][k].states[3].x);
}

TEST(Generate, ChunksCoverTheSecondsAskedFor) {
  EXPECT_EQ(chunks_for(4), 24);
  EXPECT_EQ(chunks_for(0.01), 1);
  EXPECT_EQ(chunks_for(1.0 / 6 + 0.001), 2);
}

}  // namespace
}  // namespace orrery
