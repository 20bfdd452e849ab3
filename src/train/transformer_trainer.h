// Trains the unified transformer on three streams at once: captions -> prologues, states -> states, states -> codes.
// Everything a step does follows from (config, step).
#pragma once
#include <filesystem>
#include <memory>

#include "data/token_streams.h"
#include "models/objectives.h"
#include "nn/optimizer.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/tokenizer_trainer.h"

namespace orrery {

// What a step is made of; the mixture changes at `until` (progress 0..1 of the schedule).
struct TrainPhase {
  double until = 1;
  int prologues = 24, windows = 96, pixels = 0;  // sequences a step
  int own_passes = 0;      // chunks replaced by the model's own prediction, up to so many chunks deep
  double state_noise = 1;
  Json to_json() const;
  static TrainPhase from_json(const Json& json);
};

struct TransformerTrainConfig {
  UnifiedTransformerConfig model;
  uint64_t seed = 1;
  std::string tokenizer;  // video tokenizer weights; needed by phases with pixels
  int scenes = 4000, scenes_per_step = 16, max_scenes = 60000;
  int clip_frames = 97, window_chunks = 12, patches_per_sample = 64;
  int pixel_pool = 400, pixels_new_per_step = 2;
  double bias_rate = 0.01;      // of the routers' balance bias a step; falls to a tenth over the run
  double struck_share = 0;      // of pixel samples: a chunk in which something bounces or is hit, where the clip has one
  double word_dropout = 0.15;
  std::string trainable;        // regular expression on parameters' names: the others stay as they are; empty: all learn
  std::vector<std::string> frozen_routing;  // domains whose experts and heads are chosen as before: their rows of the gates, and biases
  std::vector<std::string> reopened_heads;  // domains whose closed heads start half open again: one that is closed gets no gradient
  double picture_weight = 0;    // of the error of the pictures that the codes decode to; above 0 patches come in squares
  int picture_side = 4;         // patches
  double prologue_weight = 0.5, state_weight = 1, pixel_weight = 0.5;
  double early_copy_weight = 0.05;
  double small_k_share = 0.15;  // of steps: one expert a token instead of top_k, so that fewer do at run time
  double max_own_error = 0.5;  // m: beyond it an own prediction is another story, and its loss is left out
  std::vector<TrainPhase> phases;
  AdamWConfig optimizer;
  bool muon = true;  // orthogonalised updates for the layers' matrices
  Schedule schedule;
  double checkpoint_minutes = 5;
  int log_steps = 20;
  int evaluation_scenes = 12;  // a family
  Json to_json() const;
  static TransformerTrainConfig from_json(const Json& json);  // Error names an unknown or wrong field
};

struct TransformerStep {
  LossSums prologue, states, pixels, early_copy;
  ReconstructionError picture;
  std::vector<RoutingStats> routing;
  double gradient_norm = 0, rate = 0;
  int64_t tokens = 0;
};

class TransformerTrainer {
 public:
  explicit TransformerTrainer(const TransformerTrainConfig& config);
  TransformerStep step();  // Error naming the tensor if something is not finite
  // Held-out scenes of every family, rolled out from the prologue with the averaged weights: median place error in
  // metres at 1 and 3 s beside constant velocity's.
  Json evaluate(int scenes_per_family);
  void save(const std::filesystem::path& path) const;
  void load(const std::filesystem::path& path);
  void load_weights(const std::filesystem::path& path);  // start from shipped weights, fresh optimizer
  void export_to(const std::filesystem::path& path, const std::string& command);
  const TrainState& state() const { return state_; }
  void set_seconds(double seconds) { state_.seconds = seconds; }
  UnifiedTransformer& model() { return model_; }

 private:
  const TrainPhase& phase() const;
  void choose_muon();
  void build_batch(const TrainPhase& phase, Rng& rng);
  void own_predictions(const TrainPhase& phase, std::vector<StateWindow>& windows, Rng& rng);
  void state_targets(const std::vector<StateWindow>& windows);
  LossSums patches_step(ReconstructionError& error);
  void refill_pixels(const TrainPhase& phase);
  int pixel_chunk(const Trajectory& trajectory, Rng& rng) const;
  PixelSample make_pixel(int64_t index) const;
  void move_router_bias(const std::vector<RoutingStats>& stats);
  void hold_routing();  // of the frozen domains, as it was the first time
  void reopen_heads();

  TransformerTrainConfig config_;
  TextTokenizer text_;
  CaptionNoise caption_noise_;
  std::unique_ptr<VideoTokenizer> video_;
  UnifiedTransformer model_;
  ParameterList trainable_;
  AdamW optimizer_;
  SceneDataset dataset_;
  TrainState state_;
  std::vector<PixelSample> pool_;
  int64_t pool_made_ = 0, pixel_steps_ = 0;
  std::vector<std::vector<float>> held_;  // a layer: gate rows, biases and head gates of the frozen domains
  // The step's batch.
  TokenBatch batch_;
  std::vector<PrologueItem> prologue_targets_;
  Rows<float> state_targets_;
  std::vector<float> state_weights_;
  PatchTargets patch_targets_;
  ForwardCache cache_, own_cache_;
  DecodeCache decode_cache_;
  Rows<float> dhidden_;
};

void train_transformer(TransformerTrainConfig config, const TrainOptions& options);

}  // namespace orrery
