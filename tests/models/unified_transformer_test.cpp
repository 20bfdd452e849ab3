#include "models/unified_transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "models/affinity_input.h"
#include "models/objectives.h"
#include "tests/models/tiny_config.h"

namespace orrery {
namespace {

using test::tiny_config;

std::vector<float> word_vectors(const UnifiedTransformerConfig& c) {
  Rng rng(3);
  std::vector<float> v(size_t(c.vocabulary_size) * c.text_vector_dim);
  for (float& x : v) x = float(rng.normal() * 0.3);
  return v;
}

Scene two_objects() {
  Scene scene;
  scene.ramp = {true, 2.0, 5.0, 1.2};
  scene.objects = {ObjectSpec{Shape::kBall, 3, 1, 0.35, 2.1, 4.0, 0.4, 1.0, -2.0, 0.5}, ObjectSpec{Shape::kBox, 5, 2, 0.4, 6.1, 1.0}};
  return quantized(scene);
}

// Prompt + prologue, a window of object chunks, and a few patches: every kind of token, three sequences.
struct Example {
  TokenBatch batch;
  std::vector<PrologueItem> items;
  Rows<float> targets;
  std::vector<float> weights;
  std::vector<int8_t> codes;
  std::vector<uint8_t> unchanged;
};

Example example(const UnifiedTransformerConfig& c) {
  Example e;
  Rng rng(11);
  const Scene scene = two_objects();
  e.items = prologue_of(scene);
  e.batch.add_task(Task::kGenerate);
  for (int i = 0; i < 5; ++i) e.batch.add_text(3 + i, i);
  for (size_t i = 0; i < e.items.size(); ++i) e.batch.add_prologue(std::span(e.items).first(i));
  e.batch.end_sequence();
  auto objects = [&](int chunk) {
    for (int k = 0; k < 2; ++k) {
      ObjectChunk content = initial_chunk(scene.objects[k]);
      content.initial = chunk < 0;
      for (ObjectState& s : content.states) s.x += float(0.1 * chunk + 0.05 * rng.normal());
      e.batch.add_object(k, chunk, content, scene.objects[k], scene.gravity);
    }
  };
  e.batch.add_scene(scene);
  for (int chunk = -1; chunk < 5; ++chunk) objects(chunk);
  e.batch.end_sequence();
  e.batch.add_scene(scene);
  objects(0);
  for (int p = 60; p < 70; ++p) {
    const std::vector<float> previous(c.code_dims, 0.25f);
    e.batch.add_patch(p, 0, p % 3 ? previous.data() : nullptr, c.code_dims);
    for (int k = 0; k < c.code_dims; ++k) e.codes.push_back(int8_t(rng.below(c.code_levels)));
    e.unchanged.push_back(p % 2);
  }
  e.batch.end_sequence();
  e.targets.resize(e.batch.objects.count(), kObjectOutputs);
  for (int64_t i = 0; i < e.batch.objects.count(); ++i) {
    for (int k = 0; k < kObjectOutputs - 1; ++k) e.targets.row(i)[k] = float(rng.normal());
    e.targets.row(i)[kObjectOutputs - 1] = float(i % 2);
    e.weights.push_back(i % 5 ? 1.0f : 0.0f);
  }
  return e;
}

double total_loss(UnifiedTransformer& model, const Example& e, ForwardCache& cache, Rows<float>* dhidden) {
  RoutingOptions options;
  model.forward(e.batch, options, cache);
  if (dhidden) {
    dhidden->resize(cache.hidden.rows(), cache.hidden.cols());
    dhidden->zero();
  }
  return prologue_objective(model, e.batch, e.items, cache.hidden, 1.0, dhidden).mean() +
         object_objective(model, e.batch, e.targets, e.weights, cache.hidden, 1.0, dhidden).mean() +
         patch_objective(model, e.batch, e.codes, e.unchanged, cache.hidden, 1.0, dhidden).mean() +
         early_copy_objective(model, e.batch, e.unchanged, cache, dhidden ? 1.0 : 0.0).mean();
}

// The error of the decoded picture alone, through the frozen decoder and the expected levels to the patch head.
TEST(UnifiedTransformer, PictureGradientMatchesFiniteDifferences) {
  const UnifiedTransformerConfig config = tiny_config();
  UnifiedTransformer model(config, word_vectors(config));
  VideoTokenizerConfig video;
  video.fsq_dims = config.code_dims, video.fsq_levels = config.code_levels;
  video.encoder_width = video.decoder_width = {16, 16, 16};
  VideoTokenizer tokenizer(video, 3);
  constexpr int kSide = 2, kSquares = 3, kRows = kSide * kSide * kSquares;
  Rng rng(7);
  TokenBatch batch;
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 0, 0, 0.3, 5, 3}};
  batch.add_scene(scene);
  batch.add_object(0, 0, initial_chunk(scene.objects[0]), scene.objects[0], scene.gravity);
  for (int p = 0; p < kRows; ++p) batch.add_patch(p, 0, nullptr, config.code_dims);
  batch.end_sequence();
  std::vector<uint8_t> pixels(size_t(kRows) * 16 * kPixelChannels), classes(pixels.size() / 3);
  for (uint8_t& v : pixels) v = uint8_t(rng.below(256));
  for (uint8_t& c : classes) c = uint8_t(rng.below(4));
  const std::vector<int8_t> codes(size_t(kRows) * config.code_dims, 1);
  const std::vector<uint8_t> unchanged(kRows, 0);
  ForwardCache cache;
  DecodeCache decode_cache;
  model.forward(batch, {}, cache);
  const auto error = [&](Rows<float>* dhidden) {
    PictureObjective picture{tokenizer, kSide, pixels, classes, {}, 1.0, decode_cache};
    patch_objective(model, batch, codes, unchanged, cache.hidden, 0, dhidden, &picture);
    return picture.error.mean_loss();
  };
  Rows<float> dhidden;
  dhidden.resize(cache.hidden.rows(), cache.hidden.cols());
  dhidden.zero();
  model.parameters().zero_gradients();
  error(&dhidden);
  Parameter& weight = model.heads().patches.weight;
  double norm = 0;
  for (float g : weight.gradient) norm += double(g) * g;
  norm = std::sqrt(norm);
  ASSERT_GT(norm, 0);
  const std::vector<float> saved = weight.value;
  const auto error_at = [&](double s) {
    for (size_t i = 0; i < saved.size(); ++i) weight.value[i] = saved[i] + float(s * weight.gradient[i] / norm);
    weight.refresh();
    return error(nullptr);
  };
  constexpr double kStep = 0.01;  // the expected levels saturate soon
  EXPECT_NEAR((error_at(kStep) - error_at(-kStep)) / (2 * kStep) / norm, 1.0, 0.2);
}

TEST(UnifiedTransformer, GradientMatchesFiniteDifferences) {
  UnifiedTransformerConfig config = tiny_config();
  config.router.cluster_weight = config.router.z_weight = config.router.balance_weight = 0;  // not part of total_loss
  UnifiedTransformer model(config, word_vectors(config));
  Rng rng(5);
  for (Parameter* p : model.parameters().all())
    if (p->name.find("head.objects") == 0 || p->name.find("text_learned") != std::string::npos) init_uniform(*p, 16, 1.0, rng);
  const Example e = example(config);
  ForwardCache cache;
  Rows<float> dhidden;
  model.parameters().zero_gradients();
  total_loss(model, e, cache, &dhidden);
  model.backward(e.batch, cache, dhidden);
  // Directional derivative a parameter: bf16 products leave about 1 % of noise in the loss differences.
  for (Parameter* p : model.parameters().all()) {
    if (p->name.find("router") != std::string::npos) continue;  // choices are discrete: checked in tests/nn
    double norm = 0;
    for (float g : p->gradient) norm += double(g) * g;
    norm = std::sqrt(norm);
    if (norm < 1e-3) continue;
    const std::vector<float> saved = p->value;
    auto loss_at = [&](double s) {
      for (size_t i = 0; i < saved.size(); ++i) p->value[i] = saved[i] + float(s * p->gradient[i] / norm);
      p->refresh();
      ForwardCache scratch;
      return total_loss(model, e, scratch, nullptr);
    };
    const double h = std::clamp(0.01 / norm, 0.02, 0.3);  // far enough that the loss moves more than bf16 noise
    const double slope = (loss_at(h) - loss_at(-h)) / (2 * h);
    p->value = saved;
    p->refresh();
    EXPECT_NEAR(slope / norm, 1.0, 0.5) << p->name << " norm " << norm << " slope " << slope;
  }
}

void expect_cached_equals_uncached(const UnifiedTransformerConfig& config) {
  UnifiedTransformer model(config, word_vectors(config));
  const Scene scene = two_objects();
  auto chunk_content = [&](int k, int chunk) {
    ObjectChunk content = initial_chunk(scene.objects[k]);
    for (ObjectState& s : content.states) s.x += 0.1f * float(chunk);
    return content;
  };
  TokenBatch whole;
  whole.add_scene(scene);
  for (int chunk = -1; chunk < 6; ++chunk)
    for (int k = 0; k < 2; ++k) whole.add_object(k, chunk, chunk_content(k, chunk), scene.objects[k], scene.gravity);
  whole.end_sequence();
  ForwardCache uncached;
  model.forward(whole, {}, uncached);
  GenerationCache cache;
  TokenBatch first;
  first.add_scene(scene);
  Rows<float> hidden;
  model.extend(first, cache, true, hidden);
  int64_t row = first.size();
  for (int chunk = -1; chunk < 6; ++chunk) {
    TokenBatch step;
    for (int k = 0; k < 2; ++k) step.add_object(k, chunk, chunk_content(k, chunk), scene.objects[k], scene.gravity);
    model.extend(step, cache, true, hidden);
    for (int k = 0; k < 2; ++k, ++row)
      for (int j = 0; j < config.d_model; ++j) EXPECT_NEAR(hidden.row(k)[j], uncached.hidden.row(row)[j], 0.03) << chunk << " " << k << " " << j;
  }
}

TEST(UnifiedTransformer, CachedEqualsUncached) { expect_cached_equals_uncached(tiny_config()); }

TEST(UnifiedTransformer, CachedEqualsUncachedWithATransformerForAGate) {
  UnifiedTransformerConfig config = tiny_config();
  config.gate_width = 16;
  expect_cached_equals_uncached(config);
}

// A gate of its own, no experts, no shared expert, hard routing: losses fall along their gradient, and what is saved is
// what is loaded.
TEST(UnifiedTransformer, EveryKindOfRoutingTrainsAndIsSaved) {
  UnifiedTransformerConfig gate = tiny_config(), dense = tiny_config(), unshared = tiny_config(), hard = tiny_config();
  gate.gate_width = 16;
  dense.router.experts = {0, 0, 0};
  unshared.shared_hidden = 0;
  hard.router.by_modality = true;
  for (UnifiedTransformerConfig config : {gate, dense, unshared, hard}) {
    EXPECT_EQ(UnifiedTransformerConfig::from_json(config.to_json()).to_json(), config.to_json());
    config.router.cluster_weight = config.router.z_weight = config.router.balance_weight = 0;  // not part of total_loss
    UnifiedTransformer model(config, word_vectors(config));
    const Example e = example(config);
    ForwardCache cache;
    Rows<float> dhidden;
    model.parameters().zero_gradients();
    const double before = total_loss(model, e, cache, &dhidden);
    model.backward(e.batch, cache, dhidden);
    double squares = 0;
    for (Parameter* p : model.parameters().all())
      for (float g : p->gradient) squares += double(g) * g;
    constexpr double kStep = 0.05;
    for (Parameter* p : model.parameters().all()) {
      for (int64_t i = 0; i < p->size(); ++i) p->value[i] -= float(kStep / std::sqrt(squares)) * p->gradient[i];
      p->refresh();
    }
    const double after = total_loss(model, e, cache, nullptr);
    EXPECT_NEAR((before - after) / (kStep * std::sqrt(squares)), 1.0, 0.3) << config.to_json().dump();
    SafetensorsWriter writer;
    model.save(writer, DType::kF32);
    UnifiedTransformer again(config, word_vectors(config), 99);
    again.load_weights(SafetensorsFile(writer.serialize(), "test"));
    EXPECT_EQ(total_loss(again, e, cache, nullptr), after);
  }
}

TEST(UnifiedTransformer, ConfigRefusesHalfADenseModel) {
  UnifiedTransformerConfig c = tiny_config();
  c.router.experts = {0, 2, 2};
  EXPECT_THROW(UnifiedTransformerConfig::from_json(c.to_json()), Error);
  c.router.experts = {0, 0, 0};
  c.shared_hidden = 0;
  EXPECT_THROW(UnifiedTransformerConfig::from_json(c.to_json()), Error);
}

// The predictor is saved with the weights, guesses for every layer of a watched pass, and grouping as it guesses changes
// no bit of what is generated, patches that leave early included.
TEST(UnifiedTransformer, GroupingAheadChangesNoBit) {
  if (!rows_are_independent()) GTEST_SKIP() << "this CPU's products depend on the number of rows";
  UnifiedTransformerConfig config = tiny_config();
  config.router.experts = {2, 6, 4};
  UnifiedTransformer trained(config, word_vectors(config));
  Rng rng(6);
  init_uniform(trained.heads().early_copy.weight, 16, 1.0, rng);
  trained.set_affinity(AffinityPredictor(kAffinityParts * config.d_model, 8, config.num_layers, config.router, rng));
  SafetensorsWriter writer;
  trained.save(writer, DType::kF32);
  const SafetensorsFile file(writer.serialize(), "test");
  UnifiedTransformer model(config, word_vectors(config), 2);
  model.load_weights(file);
  ASSERT_TRUE(bool(model.affinity()));
  const Scene scene = two_objects();
  const auto generate = [&](Trace* trace) {
    GenerationCache cache;
    cache.trace = trace;
    TokenBatch before, patches;
    before.add_scene(scene);
    for (int k = 0; k < 2; ++k) before.add_object(k, 1, initial_chunk(scene.objects[k]), scene.objects[k], scene.gravity);
    before.end_sequence();
    Rng content(4);
    for (int p = 0; p < 240; ++p) {
      std::vector<float> previous(static_cast<size_t>(config.code_dims));
      for (float& v : previous) v = float(content.normal());
      patches.add_patch(p, 1, previous.data(), config.code_dims);
    }
    patches.end_sequence();
    Rows<float> objects, hidden;
    model.extend(before, cache, true, objects);
    GenerationCache* const one = &cache;
    Pruning pruning{0.5, {}};
    model.extend(patches, {&one, 1}, false, hidden, {}, &pruning);
    std::vector<float> all(objects.data(), objects.data() + objects.rows() * objects.cols());
    all.insert(all.end(), hidden.data(), hidden.data() + hidden.rows() * hidden.cols());
    return all;
  };
  Trace trace;
  const std::vector<float> plain = generate(nullptr), watched = generate(&trace);
  model.plan_experts(true);
  const std::vector<float> planned = generate(nullptr);
  EXPECT_EQ(plain, watched);
  EXPECT_EQ(plain, planned);
  ASSERT_EQ(trace.passes.size(), 2u);
  for (const PassTrace& pass : trace.passes) {
    ASSERT_EQ(pass.predicted.size(), size_t(config.num_layers));
    for (const auto& layer : pass.predicted) EXPECT_EQ(layer.size(), pass.tokens.size());
  }
  model.load_weights(file, true);  // to train on: the predictor was fitted to other weights
  EXPECT_FALSE(bool(model.affinity()));
}

TEST(UnifiedTransformer, TheFutureLeavesThePastUnchanged) {
  const UnifiedTransformerConfig config = tiny_config();
  UnifiedTransformer model(config, word_vectors(config));
  const Scene scene = two_objects();
  auto hidden_with = [&](float last_x) {
    TokenBatch batch;
    batch.add_scene(scene);
    for (int chunk = -1; chunk < 4; ++chunk) {
      ObjectChunk content = initial_chunk(scene.objects[0]);
      if (chunk == 3)
        for (ObjectState& s : content.states) s.x = last_x;
      batch.add_object(0, chunk, content, scene.objects[0], scene.gravity);
    }
    batch.end_sequence();
    ForwardCache cache;
    model.forward(batch, {}, cache);
    return cache.hidden;
  };
  const Rows<float> a = hidden_with(3), b = hidden_with(7);
  for (int64_t i = 0; i + 1 < a.rows(); ++i)
    for (int64_t j = 0; j < a.cols(); ++j) ASSERT_EQ(a.row(i)[j], b.row(i)[j]);
  EXPECT_NE(a.row(a.rows() - 1)[0], b.row(b.rows() - 1)[0]);
}

// The early gate, given weights that part the patches: what it calls unchanged leaves, the rest goes all the way, in
// order, and as if it had been alone with what stayed from layer `prune_layer` on.
TEST(UnifiedTransformer, PruningKeepsWhatTheEarlyGateDoesNotCallUnchanged) {
  const UnifiedTransformerConfig config = tiny_config();
  UnifiedTransformer model(config, word_vectors(config));
  const Scene scene = two_objects();
  GenerationCache cache;
  TokenBatch before, patches;
  before.add_scene(scene);
  for (int k = 0; k < 2; ++k) before.add_object(k, 1, initial_chunk(scene.objects[k]), scene.objects[k], scene.gravity);
  before.end_sequence();
  Rows<float> hidden, whole, none;
  model.extend(before, cache, true, hidden);
  Rng rng(4);
  for (int p = 0; p < 40; ++p) {
    std::vector<float> previous(config.code_dims);
    for (float& v : previous) v = float(rng.uniform(-1, 1));
    patches.add_patch(p, 1, previous.data(), config.code_dims);
  }
  patches.end_sequence();
  GenerationCache* const caches[] = {&cache};
  model.extend(patches, caches, false, whole);
  Pruning all{1.0, {}}, some{0.5, {}}, sure{0.999, {}};
  model.extend(patches, caches, false, hidden, {}, &all);
  ASSERT_EQ(all.kept.size(), 40u);
  for (int64_t i = 0; i < 40; ++i)
    for (int j = 0; j < config.d_model; ++j) ASSERT_EQ(hidden.row(i)[j], whole.row(i)[j]);
  init_uniform(model.heads().early_copy.weight, 16, 1.0, rng);
  model.extend(patches, caches, false, hidden, {}, &some);
  ASSERT_GT(some.kept.size(), 0u);
  ASSERT_LT(some.kept.size(), 40u);
  EXPECT_EQ(hidden.rows(), int64_t(some.kept.size()));
  EXPECT_TRUE(std::ranges::is_sorted(some.kept));
  model.extend(patches, caches, false, hidden, {}, &sure);
  EXPECT_TRUE(std::ranges::includes(sure.kept, some.kept));  // surer, so fewer leave
  model.heads().early_copy.bias.value[0] = 1000;
  model.extend(patches, caches, false, none, {}, &some);
  EXPECT_TRUE(some.kept.empty());
  EXPECT_EQ(none.rows(), 0);
}

}  // namespace
}  // namespace orrery
