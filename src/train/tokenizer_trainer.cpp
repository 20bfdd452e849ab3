#include "train/tokenizer_trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

TokenizerTrainer::TokenizerTrainer(const TokenizerTrainConfig& config)
    : config_(config), model_(config.model, config.seed), trained_(model_.parameters().subset(config.train_encoder ? "" : "decoder")), optimizer_(trained_, config.optimizer),
      pool_(CropSource(config.crops, config.seed, Split::kTrain), config.pool_scenes, config.scenes_per_step) {
  state_.config = config.to_json();
  choose_muon();
}

void TokenizerTrainer::choose_muon() {
  if (!config_.muon) return;
  // Matrices inside the network; what touches pixels or codes keeps AdamW.
  for (const Parameter* p : trained_.all())
    if (p->shape.size() == 4 && p->name != "encoder0.change.weight" && p->name != "encoder.latent.weight" && p->name != "decoder.pixels.weight")
      optimizer_.use_muon(*p);
}

void TokenizerTrainer::gather(const std::vector<const Crop*>& crops) {
  const size_t n = crops[0]->patches.size(), m = crops[0]->classes.size();
  patches_.resize(n * crops.size());
  classes_.resize(m * crops.size());
  for (size_t i = 0; i < crops.size(); ++i) {
    std::memcpy(&patches_[i * n], crops[i]->patches.data(), n);
    std::memcpy(&classes_[i * m], crops[i]->classes.data(), m);
  }
}

ReconstructionError TokenizerTrainer::forward(int batch, const uint8_t* unrounded) {
  const int size = config_.crops.size, tokens = size / kPatch;
  model_.encode_forward(patches_.data(), batch, size, size, encode_cache_);
  const auto& latent = encode_cache_.latent;
  levels_.resize(latent.size());
  fsq_forward(latent.data(), int64_t(latent.size()), model_.dims(), model_.levels(), unrounded, levels_.data());
  pixels_.resize(patches_.size());
  model_.decode_forward(levels_.data(), batch, tokens, tokens, decode_cache_, pixels_.data());
  return picture_loss(pixels_, patches_.data(), classes_.data(), {config_.absolute_weight, config_.moving_weight, config_.object_weight}, 1.0f / float(pixels_.size()));
}

TokenizerStep TokenizerTrainer::step() {
  TokenizerStep result;
  const auto start = Clock::now();
  pool_.advance(state_.step);
  gather(pool_.draw(state_.step, config_.batch, config_.seed));
  result.data_seconds = seconds_since(start);

  const int tokens = config_.crops.size / kPatch * (config_.crops.size / kPatch);
  std::vector<uint8_t> unrounded(size_t(config_.batch) * tokens);
  Rng rng(config_.seed, mix64(hash64("unrounded") + uint64_t(state_.step)));
  for (int b = 0; b < config_.batch; ++b)
    std::fill_n(&unrounded[size_t(b) * tokens], tokens, uint8_t(rng.chance(config_.unrounded_share)));

  result.error = forward(config_.batch, unrounded.data());
  if (!std::isfinite(result.error.loss)) fail("step {}: the loss is not finite (decoder output)", state_.step);
  trained_.zero_gradients();
  d_levels_.resize(levels_.size());
  model_.decode_backward(decode_cache_, pixels_.data(), d_levels_.data());
  if (config_.train_encoder) {
    fsq_backward(encode_cache_.latent.data(), int64_t(levels_.size()), model_.levels(), d_levels_.data(), d_levels_.data());
    model_.encode_backward(encode_cache_, d_levels_.data());
  }
  result.rate = config_.schedule.rate(state_.step, state_.seconds);
  result.gradient_norm = optimizer_.step(result.rate);
  model_.weights_changed();
  ++state_.step;
  return result;
}

ReconstructionError TokenizerTrainer::evaluate(int scenes) {
  const CropSource source(config_.crops, 0, Split::kId);
  ReconstructionError total;
  optimizer_.swap_ema();
  model_.weights_changed();
  for (int s = 0; s < scenes; ++s) {
    const std::vector<Crop> crops = source.crops_of_scene(s);
    std::vector<const Crop*> pointers;
    for (const Crop& crop : crops) pointers.push_back(&crop);
    gather(pointers);
    const ReconstructionError e = forward(int(crops.size()), nullptr);
    total.loss += e.loss, total.squared += e.squared, total.object_squared += e.object_squared;
    total.count += e.count, total.object_count += e.object_count;
  }
  optimizer_.swap_ema();
  model_.weights_changed();
  return total;
}

void TokenizerTrainer::save(const std::filesystem::path& path) const {
  save_checkpoint(path, const_cast<VideoTokenizer&>(model_).parameters(), optimizer_, state_);
}

void TokenizerTrainer::load(const std::filesystem::path& path) {
  TrainState loaded;
  load_checkpoint(path, model_.parameters(), optimizer_, loaded);
  loaded.config = state_.config;
  state_ = loaded;
  model_.weights_changed();
}

void TokenizerTrainer::load_weights(const std::filesystem::path& path) {
  model_.parameters().load_into_larger(SafetensorsFile(path));
  model_.weights_changed();
  optimizer_ = AdamW(trained_, config_.optimizer);
  choose_muon();
}

void TokenizerTrainer::export_to(const std::filesystem::path& path, const std::string& command) {
  export_weights(path, model_.parameters(), optimizer_,
                 {{"tokenizer.config", config_.model.to_json().dump()},
                  {"train.config", state_.config.dump()},
                  {"train.command", command},
                  {"train.step", std::to_string(state_.step)},
                  {"train.seconds", fmt::format("{:.0f}", state_.seconds)},
                  {"license", "Apache-2.0"}});
  model_.weights_changed();
}

}  // namespace orrery
