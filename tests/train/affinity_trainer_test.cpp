#include "train/affinity_trainer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

AffinityTrainConfig tiny_config() {
  AffinityTrainConfig c;
  c.tokenizer = find_data_file("tokenizer.safetensors").string();
  c.hidden = 16;
  c.scenes = 6;
  c.held_out = 2;
  c.window_chunks = 4;
  c.rows = 256;
  c.schedule.steps = 60;
  c.schedule.peak = 1e-2;
  c.schedule.warmup_steps = 5;
  c.log_steps = 30;
  return c;
}

// The fit beats an unfitted predictor on scenes of its own, and leaves every other byte of the model as it
// was.
TEST(AffinityTrainer, AddsAPredictorAndChangesNothingElse) {
  if (find_data_file("tokenizer.safetensors").empty()) GTEST_SKIP() << "no shipped tokenizer";
  const TemporaryFolder folder;
  const TextTokenizer text = TextTokenizer::load_shipped();
  UnifiedTransformerConfig c;
  c.d_model = 64;
  c.router.fallback_threshold = 0;  // an untrained router trusts no expert
  c.router.by_modality = true;
  c.num_layers = 2;
  c.attention = {2, 16, 32, 16};
  c.kv_latent_dim = c.expert_hidden = c.shared_hidden = 32;
  c.vocabulary_size = text.vocabulary_size();
  c.text_vector_dim = kTextVectorSize;
  c.max_text_tokens = kMaxTextTokens;
  const auto video = VideoTokenizer::load(tiny_config().tokenizer);
  c.code_dims = video->dims(), c.code_levels = video->levels();
  const UnifiedTransformer model(c, text.vectors());
  SafetensorsWriter writer;
  model.save(writer, DType::kBF16);
  TrainOptions options;
  options.out = folder.path() / "run";
  options.initial = folder.path() / "model.safetensors";
  options.weights = folder.path() / "with.safetensors";
  options.quiet = true;
  options.command = "a test";
  writer.write(options.initial);
  train_affinity(tiny_config(), options);
  const SafetensorsFile before(options.initial), after(options.weights);
  for (const auto& [name, t] : before.tensors()) {
    const RawTensor& same = after.tensor(name);
    ASSERT_TRUE(same.dtype == t.dtype &&
                std::equal(t.bytes.begin(), t.bytes.end(), same.bytes.begin(), same.bytes.end()))
        << name;
  }
  const auto loaded = UnifiedTransformer::load(options.weights, text.vectors());
  ASSERT_TRUE(bool(loaded->affinity()));
  EXPECT_FALSE(loaded->config().plan_experts);
  EXPECT_EQ(after.metadata("affinity_command"), "a test");
  const Json last = [&] {
    const std::string log = read_text(options.out / "log.jsonl");
    const size_t end = log.find_last_not_of('\n'), begin = log.rfind('\n', end);
    return parse_json(log.substr(begin + 1, end - begin), "log");
  }();
  EXPECT_EQ(last.at("step").get<int>(), 60);
  double share = 0;
  for (const char* domain : kDomainNames)
    for (const Json& layer : last.at("held_out_agreement").at(domain)) share += layer.get<double>() / 6;
  EXPECT_GT(share, 0.4);  // chance: 0.5, 0.25, 0.25; an untrained router follows little but chance
}

TEST(AffinityTrainer, ConfigNamesWhatIsWrong) {
  EXPECT_THROW(AffinityTrainConfig::from_json({{"scenez", 3}}), Error);
  EXPECT_THROW(AffinityTrainConfig::from_json({{"scenes", 3}, {"held_out", 3}, {"schedule", {{"steps", 5}}}}),
               Error);
  EXPECT_THROW(AffinityTrainConfig::from_json(Json::object()), Error) << "no length";
  EXPECT_EQ(AffinityTrainConfig::from_json(tiny_config().to_json()).to_json(), tiny_config().to_json());
}

}  // namespace
}  // namespace orrery
