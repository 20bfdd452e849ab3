// Prompt -> scene: the prologue's attributes sampled one after the other, each given the prompt and those before it.
#pragma once
#include <span>
#include <vector>

#include "models/unified_transformer.h"

namespace orrery {

// ids: word pieces of the prompt. temperature 0: the likeliest value each time. The same arguments give the same scene.
Scene sample_prologue(const UnifiedTransformer& model, std::span<const int> ids, uint64_t seed, double temperature);

// The same for several clips at once: each scene is the one that it would be alone.
struct PrologueRequest {
  std::vector<int> ids;
  uint64_t seed = 0;
  double temperature = 0.7;
  Trace* trace = nullptr;  // records the prompt's pass and one for each attribute
};
std::vector<Scene> sample_prologues(const UnifiedTransformer& model, std::span<const PrologueRequest> requests);

}  // namespace orrery
