// Fits the expert affinity predictor to a model that stays as it is: what its routers chose on simulated
// sequences of every task, from what goes into the stack alone. Not resumed: half an hour on one core at the most.
#pragma once
#include <filesystem>

#include "data/token_streams.h"
#include "models/unified_transformer.h"
#include "nn/optimizer.h"
#include "train/schedule.h"
#include "train/tokenizer_trainer.h"

namespace orrery {

struct AffinityTrainConfig {
  uint64_t seed = 1;
  std::string tokenizer;  // video tokenizer weights
  int hidden = 128;       // of the predictor
  int scenes =
      240;  // each a window of states, `captions_per_scene` captions with their prologues, and `chunks_per_scene` chunks of patches
  double chunks_per_scene = 0.25;
  double captions_per_scene = 1;
  double word_dropout = 0;    // share of a caption's words that only their vector tells: prompts hold words that no caption does
  int window_chunks = 12;
  double state_noise = 0.3;
  int held_out = 24;          // of the scenes: judged, not fitted
  int rows = 1024;            // tokens a step
  bool plan_experts = false;  // written into the model's config: generation groups tokens as predicted
  AdamWConfig optimizer;
  Schedule schedule;
  int log_steps = 100;
  Json to_json() const;
  static AffinityTrainConfig from_json(const Json& json);  // Error names an unknown or wrong field
};

// Tokens with what every layer's router made of them.
struct RoutedTokens {
  Rows<float> x;  // [tokens, kAffinityParts d]: input to the stack, with that of what stands around
  std::vector<uint8_t> modality;
  std::vector<std::vector<Route>> routes;  // [layer][token]
};
RoutedTokens routed_tokens(const UnifiedTransformer& model, const TokenBatch& batch);

// [layer][domain], over all tokens that chose experts.
std::vector<std::array<Agreement, kNumDomains>> agreement_of(const AffinityPredictor& predictor,
                                                             const RoutedTokens& tokens);

// options.initial: the model, of any weight type; options.weights: where it goes with the predictor in it.
void train_affinity(const AffinityTrainConfig& config, const TrainOptions& options);

}  // namespace orrery
