// A transformer small enough for finite differences: every expert is chosen, since a choice that flips would spoil them.
#pragma once
#include "models/unified_transformer.h"

namespace orrery::test {

inline UnifiedTransformerConfig tiny_config() {
  UnifiedTransformerConfig c;
  c.d_model = 64;
  c.num_layers = 2;
  c.attention = {2, 16, 32, 16};
  c.kv_latent_dim = 32;
  c.expert_hidden = 32;
  c.shared_hidden = 32;
  c.router.experts = {2, 2, 2};
  c.router.capacity_factor = 100;
  c.vocabulary_size = 20;
  c.text_vector_dim = 8;
  c.text_learned_dim = 8;
  c.code_dims = 4;
  c.code_levels = 5;
  return c;
}

}  // namespace orrery::test
