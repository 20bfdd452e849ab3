#include <algorithm>
#include <set>

#include "core/json_fields.h"
#include "models/unified_transformer.h"

namespace orrery {
namespace {

// One list of fields gives writing, reading and the check for unknown names.
template <class Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
  visit("d_model", c.d_model);
  visit("num_layers", c.num_layers);
  visit("num_heads", c.attention.heads);
  visit("nope_head_dim", c.attention.nope);
  visit("rope_head_dim", c.attention.rope);
  visit("v_head_dim", c.attention.value);
  visit("kv_latent_dim", c.kv_latent_dim);
  visit("expert_hidden", c.expert_hidden);
  visit("shared_hidden", c.shared_hidden);
  visit("gated_heads", c.gated_heads);
  visit("head_gate_weight", c.head_gate_weight);
  visit("frame_waves", c.frame_waves);
  visit("relative_values", c.relative_values);
  visit("patch_relations", c.patch_relations);
  visit("adapter_rank", c.adapter_rank);
  visit("experts_linguistic", c.router.experts[0]);
  visit("experts_visual", c.router.experts[1]);
  visit("experts_physical", c.router.experts[2]);
  visit("expert_group_size", c.router.group_size);
  visit("top_groups", c.router.top_groups);
  visit("top_k", c.router.top_k);
  visit("capacity_factor", c.router.capacity_factor);
  visit("fallback_threshold", c.router.fallback_threshold);
  visit("cluster_weight", c.router.cluster_weight);
  visit("z_weight", c.router.z_weight);
  visit("balance_weight", c.router.balance_weight);
  visit("balance_bias", c.router.balance_bias);
  visit("route_by_modality", c.router.by_modality);
  visit("gate_width", c.gate_width);
  visit("plan_experts", c.plan_experts);
  visit("window", c.layout.window);
  visit("patch_radius", c.layout.patch_radius);
  visit("vocabulary_size", c.vocabulary_size);
  visit("text_vector_dim", c.text_vector_dim);
  visit("text_learned_dim", c.text_learned_dim);
  visit("max_text_tokens", c.max_text_tokens);
  visit("code_dims", c.code_dims);
  visit("code_levels", c.code_levels);
  visit("prune_layer", c.prune_layer);
}

// Bounds that keep a damaged file from asking for absurd memory.
void check(const UnifiedTransformerConfig& c) {
  auto in = [](const char* name, int64_t value, int64_t lo, int64_t hi) {
    if (value < lo || value > hi) fail("transformer config: {} = {} is outside {}..{}", name, value, lo, hi);
  };
  in("d_model", c.d_model, 16, 4096);
  in("num_layers", c.num_layers, 1, 64);
  in("num_heads", c.attention.heads, 1, 64);
  in("nope_head_dim", c.attention.nope, 16, 256);
  in("rope_head_dim", c.attention.rope, kRopeDim, kRopeDim);
  in("v_head_dim", c.attention.value, 16, 256);
  in("kv_latent_dim", c.kv_latent_dim, 8, 1024);
  in("expert_hidden", c.expert_hidden, 8, 8192);
  in("shared_hidden", c.shared_hidden, 0, 8192);
  in("adapter_rank", c.adapter_rank, 0, 256);
  in("gate_width", c.gate_width, 0, 1024);
  in("top_k", c.router.top_k, 1, kMaxTopK);
  in("expert_group_size", c.router.group_size, 1, 64);
  in("top_groups", c.router.top_groups, 1, 64);
  for (int n : c.router.experts) in("experts of a domain", n, 0, 256);
  const bool dense = c.router.num_experts() == 0;
  if (!dense && std::ranges::count(c.router.experts, 0)) fail("transformer config: a domain without experts; all three without are a dense model");
  if (dense && c.shared_hidden == 0) fail("transformer config: neither experts nor a shared expert");
  in("window", c.layout.window, 1, 6);
  in("vocabulary_size", c.vocabulary_size, 0, 1 << 20);
  in("text_vector_dim", c.text_vector_dim, 0, 1024);
  in("text_learned_dim", c.text_learned_dim, 0, 1024);
  in("max_text_tokens", c.max_text_tokens, 1, 1024);
  in("code_dims", c.code_dims, 1, 64);
  in("code_levels", c.code_levels, 2, 64);
  in("prune_layer", c.prune_layer, 0, c.num_layers - 1);
  if (c.attention.nope % 16 || c.attention.value % 16) fail("transformer config: head widths must be multiples of 16");
  for (int n : c.router.experts)
    if (n % c.router.group_size) fail("transformer config: {} experts do not divide into groups of {}", n, c.router.group_size);
  if (c.router.top_groups * c.router.group_size < c.router.top_k) fail("transformer config: top_groups hold fewer experts than top_k");
}

}  // namespace

Json UnifiedTransformerConfig::to_json() const {
  Json json;
  visit_fields(*this, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

UnifiedTransformerConfig UnifiedTransformerConfig::from_json(const Json& json) {
  UnifiedTransformerConfig config;
  std::set<std::string> known;
  visit_fields(config, [&](const char* name, auto& value) {
    known.insert(name);
    read_field(json, "transformer config", name, value);
  });
  refuse_unknown(json, known, "transformer config");
  check(config);
  return config;
}

}  // namespace orrery
