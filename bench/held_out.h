// Held-out sequences of all three tasks, and the losses of a model on them.
#pragma once
#include <string>

#include "data/token_streams.h"
#include "models/objectives.h"
#include "models/text_tokenizer.h"

namespace orrery::bench {

// Held-out sequences of every task, with targets.
struct HeldOut {
  TokenBatch batch;
  std::vector<PrologueItem> items;
  Rows<float> states;
  std::vector<float> state_weights;
  PatchTargets patches;
};

// `count` scenes of the id split.
HeldOut held_out(const TextTokenizer& text, const VideoTokenizer& tokenizer, int count, uint64_t seed);

struct Losses {
  std::string name;
  double text = 0, states = 0, pixels = 0;
  std::vector<RoutingStats> stats;
};

Losses measure(UnifiedTransformer& model, const HeldOut& h, const std::string& name, const RoutingOptions& options);

}  // namespace orrery::bench
