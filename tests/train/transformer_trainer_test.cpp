#include "train/transformer_trainer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "models/rollout.h"
#include "world/simulate.h"

namespace orrery {
namespace {

TransformerTrainConfig tiny_config() {
  TransformerTrainConfig c;
  c.model.d_model = 64;
  c.model.num_layers = 2;
  c.model.attention = {2, 16, 32, 16};
  c.model.kv_latent_dim = 32;
  c.model.expert_hidden = 32;
  c.model.shared_hidden = 64;
  c.model.router.experts = {2, 4, 4};
  c.scenes = 8;
  c.scenes_per_step = 0;
  c.phases = {TrainPhase{1.0, 4, 16, 0, 2, 0.5}};
  c.schedule.peak = 3e-3;
  c.schedule.warmup_steps = 5;
  c.schedule.steps = 60;
  return c;
}

TEST(TransformerTrainer, OverfitsAFewScenes) {
  TransformerTrainer trainer(tiny_config());
  TransformerStep first = trainer.step(), last;
  for (int i = 0; i < 59; ++i) last = trainer.step();
  EXPECT_LT(last.prologue.mean(), 0.75 * first.prologue.mean());
  EXPECT_LT(last.states.mean(), 0.75 * first.states.mean());
  int64_t tokens = 0, left = 0;
  for (const RoutingStats& r : last.routing) tokens += r.tokens, left += r.left_modality;
  EXPECT_LT(double(left), 0.2 * double(tokens));  // the clustering loss pulls tokens to their modality's domain
}

TEST(TransformerTrainer, ResumesBitForBit) {
  const fs::path path = fs::temp_directory_path() / fmt::format("orrery_resume_{}.safetensors", getpid());
  TransformerTrainer whole(tiny_config()), first(tiny_config()), second(tiny_config());
  for (int i = 0; i < 6; ++i) whole.step();
  for (int i = 0; i < 3; ++i) first.step();
  first.save(path);
  second.load(path);
  for (int i = 0; i < 3; ++i) second.step();
  for (size_t k = 0; k < whole.model().parameters().all().size(); ++k)
    ASSERT_EQ(whole.model().parameters().all()[k]->value, second.model().parameters().all()[k]->value) << whole.model().parameters().all()[k]->name;
  for (size_t l = 0; l < whole.model().layers().size(); ++l) EXPECT_EQ(whole.model().layers()[l].ffn.router.bias, second.model().layers()[l].ffn.router.bias);
  fs::remove(path);
}

TEST(TransformerTrainer, FrozenRoutingStaysWhileTheOtherDomainsLearn) {
  TransformerTrainConfig config = tiny_config();
  config.frozen_routing = {"physical"};
  TransformerTrainer trainer(config);
  const RouterState& router = trainer.model().layers()[1].ffn.router;
  const auto rows = [&](int domain) {
    const int first = router.config.first_expert(domain), end = first + router.config.experts[size_t(domain)];
    const auto d = router.gate.weight.shape[1];
    std::vector<float> out(router.gate.weight.value.begin() + (kNumDomains + first) * d, router.gate.weight.value.begin() + (kNumDomains + end) * d);
    out.insert(out.end(), router.bias.begin() + first, router.bias.begin() + end);
    return out;
  };
  const std::vector<float> linguistic = rows(0), physical = rows(2);
  for (int i = 0; i < 3; ++i) trainer.step();
  EXPECT_EQ(rows(2), physical);
  EXPECT_NE(rows(0), linguistic);
}

TEST(TransformerTrainer, HeadsOfAFrozenDomainStayAndClosedOnesOfAReopenedDomainLearnAgain) {
  const fs::path path = fs::temp_directory_path() / fmt::format("orrery_heads_{}.safetensors", getpid());
  TransformerTrainConfig config = tiny_config();
  config.model.gated_heads = true;
  TransformerTrainer before(config);
  constexpr float kClosed = -9;
  for (TransformerLayer& layer : before.model().layers()) std::ranges::fill(layer.attention.gates.logit.value, kClosed);
  SafetensorsWriter writer;
  before.model().save(writer, DType::kF32);
  writer.write(path);
  config.frozen_routing = {"physical"};
  config.reopened_heads = {"linguistic"};
  TransformerTrainer trainer(config);
  trainer.load_weights(path);
  trainer.step();
  for (TransformerLayer& layer : trainer.model().layers()) {
    const HeadGates& gates = layer.attention.gates;
    EXPECT_NE(gates.logit.value[0], 0);  // opened half, and moved since
    EXPECT_NEAR(gates.logit.value[0], 0, 0.1);
    EXPECT_EQ(gates.logit.value[size_t(2 * gates.heads)], kClosed);
  }
  fs::remove(path);
}

TEST(TransformerTrainer, StopsOnWhatIsNotFiniteAndNamesIt) {
  TransformerTrainer trainer(tiny_config());
  trainer.step();
  trainer.model().layers()[1].attention.out.weight.value[5] = std::numeric_limits<float>::quiet_NaN();
  trainer.model().layers()[1].attention.out.weight.refresh();
  try {
    trainer.step();
    FAIL() << "a NaN went unnoticed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
}

TEST(TransformerTrainer, ConfigNamesUnknownDomains) {
  Json json = tiny_config().to_json();
  json["frozen_routing"] = {"visible"};
  EXPECT_THROW(TransformerTrainConfig::from_json(json), Error);
}

TEST(TransformerTrainer, ConfigNamesUnknownFields) {
  EXPECT_THROW(TransformerTrainConfig::from_json({{"scenez", 3}}), Error);
  EXPECT_THROW(TransformerTrainConfig::from_json({{"model", {{"d_model", 0}}}}), Error);
  EXPECT_EQ(TransformerTrainConfig::from_json(tiny_config().to_json()).to_json(), tiny_config().to_json());
}

// Data alone changes the physics: the same prologues (g = 9.81 written in them), trajectories simulated at g = 5.
TEST(SlowFinetune, ScenesWithLessGravityMakeTheShippedModelFallSlower) {
  const fs::path weights = find_data_file("transformer.safetensors");
  if (weights.empty()) GTEST_SKIP() << "no shipped weights";
  const TextTokenizer text = TextTokenizer::load_shipped();
  auto model = UnifiedTransformer::load(weights, text.vectors());
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 0, 0, 0.3, 5, 5.0}};
  auto fallen = [&] {
    GenerationCache cache;
    return scene.objects[0].y - rollout_states(*model, scene, 4, {}, cache).back()[0].states.back().y;
  };
  const double before = fallen();
  AdamW optimizer(model->parameters(), {});
  for (int step = 0; step < 40; ++step) {
    Rng rng(9, uint64_t(step));
    std::vector<StateWindow> windows;
    TokenBatch batch;
    for (int i = 0; i < 24; ++i) {
      Scene truth = build_scene("drop", rng, Split::kTrain);
      const double written = truth.gravity;
      truth.gravity = 5;
      DatasetClip clip{"drop", truth, simulate(truth, 49)};
      clip.scene.gravity = written;
      windows.push_back(make_state_window(clip, 8, rng));
      add_state_sequence(windows.back(), batch);
    }
    Rows<float> targets, dhidden;
    targets.resize(batch.objects.count(), kObjectOutputs);
    int64_t row = 0;
    for (const StateWindow& w : windows)
      for (size_t c = 0; c < w.input.size(); ++c)
        for (size_t k = 0; k < w.input[c].size(); ++k) residual_targets(w.input[c][k], w.truth[c][k], targets.row(row++));
    ForwardCache cache;
    model->parameters().zero_gradients();
    model->forward(batch, {}, cache);
    dhidden.resize(cache.hidden.rows(), cache.hidden.cols());
    dhidden.zero();
    object_objective(*model, batch, targets, std::vector<float>(size_t(row), 1.0f), cache.hidden, 1.0, &dhidden);
    model->backward(batch, cache, dhidden);
    optimizer.step(3e-4);
  }
  EXPECT_LT(fallen(), 0.75 * before);  // 5 / 9.81 = 0.51 when done
}

}  // namespace
}  // namespace orrery
