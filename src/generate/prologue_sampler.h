// Prompt -> scene: the prologue's attributes sampled one after the other, each given the prompt and those before it.
#pragma once
#include <span>

#include "models/unified_transformer.h"

namespace orrery {

// ids: word pieces of the prompt. temperature 0: the likeliest value each time. The same arguments give the same scene.
Scene sample_prologue(const UnifiedTransformer& model, std::span<const int> ids, uint64_t seed, double temperature);

}  // namespace orrery
