// Trains the video tokenizer on crops. Everything a step does follows from (config, seed, step).
#pragma once
#include <filesystem>

#include "models/picture_loss.h"
#include "models/video_tokenizer.h"
#include "train/checkpoint.h"
#include "train/crop_source.h"
#include "train/schedule.h"

namespace orrery {

struct TokenizerTrainConfig {
  VideoTokenizerConfig model;
  uint64_t seed = 1;
  int batch = 32;               // crops a step
  CropConfig crops;
  int pool_scenes = 512, scenes_per_step = 2;  // per_step 0: the same scenes for ever, to see whether it can overfit
  double absolute_weight = 0.1;  // loss = squared error + this * absolute error ...
  double moving_weight = 8, object_weight = 3;  // ... times 1 + these where the pixel is of that class
  double unrounded_share = 0.2;  // of crops: the decoder gets the latent before rounding, to learn fractional levels
  AdamWConfig optimizer;
  bool train_encoder = true;  // false: the codes stay what they are, only the decoder learns
  bool muon = true;  // orthogonalised updates for the convolutions inside
  Schedule schedule;
  double checkpoint_minutes = 4;
  int log_steps = 25;
  Json to_json() const;
  static TokenizerTrainConfig from_json(const Json& json);  // Error names an unknown or wrong field
};

struct TokenizerStep {
  ReconstructionError error;
  double gradient_norm = 0, rate = 0;
  double data_seconds = 0;
};

class TokenizerTrainer {
 public:
  explicit TokenizerTrainer(const TokenizerTrainConfig& config);
  // One optimizer step. Error naming the tensor if something is not finite.
  TokenizerStep step();
  // Averaged weights on crops of the `id` split, always the same ones.
  ReconstructionError evaluate(int scenes);
  void save(const std::filesystem::path& path) const;
  void load(const std::filesystem::path& path);
  void load_weights(const std::filesystem::path& path);  // start from shipped weights, fresh optimizer
  void export_to(const std::filesystem::path& path, const std::string& command);
  const TrainState& state() const { return state_; }
  void set_seconds(double seconds) { state_.seconds = seconds; }
  VideoTokenizer& model() { return model_; }
  const TokenizerTrainConfig& config() const { return config_; }

 private:
  void choose_muon();
  void gather(const std::vector<const Crop*>& crops);
  ReconstructionError forward(int batch, const uint8_t* unrounded);
  TokenizerTrainConfig config_;
  VideoTokenizer model_;
  ParameterList trained_;  // what the optimizer moves
  AdamW optimizer_;
  CropPool pool_;
  TrainState state_;
  std::vector<uint8_t> patches_, classes_;
  EncodeCache encode_cache_;
  DecodeCache decode_cache_;
  std::vector<float> levels_, d_levels_, pixels_;  // pixels_ becomes its own gradient
};

struct TrainOptions {
  std::filesystem::path out;  // checkpoints and log
  std::filesystem::path initial;  // weights to start from; empty: random
  std::filesystem::path weights;  // exported at every checkpoint; empty: not
  bool resume = false, quiet = false;
  std::string command;        // for the metadata
};

// The whole run: steps, log, checkpoints, export.
void train_tokenizer(TokenizerTrainConfig config, const TrainOptions& options);

}  // namespace orrery
