// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values are expanded from one normalised
// latent a token; one rotary key is shared by all heads. A cache holds latent + rotary key and nothing else.
#pragma once
#include "nn/domain_adapter.h"
#include "nn/head_gates.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rope.h"

namespace orrery {

struct MlaConfig {
  int d_model = 256;
  AttentionDims dims;
  int kv_latent_dim = 64;
  int gate_domains = 0;          // domains that gate the heads; 0: no gates
  double head_gate_weight = 0;   // of the gates' penalty
  bool relative_values = false;  // heads also give where the attended keys lie from the query (HeadRows::relative)
  int adapter_rank = 0;          // of what a domain adds to q, kv and out; 0: nothing
  int attended_width() const { return dims.heads * (dims.value + (relative_values ? dims.rope : 0)); }
};

struct MlaLayer {
  MlaConfig config;
  Linear q;       // [heads * (nope + rope), d]
  Linear kv;      // [kv_latent_dim + rope, d]
  RmsNorm latent_norm;
  Linear expand;  // [heads * (nope + value), kv_latent_dim]: keys of all heads, then values of all heads
  Linear out;     // [d, heads * value, then heads * rope of the relative values]
  Parameter bias;  // [heads, kTimeBuckets]
  HeadGates gates;
  DomainAdapter q_adapter, kv_adapter, out_adapter;
  void declare(ParameterList& list, const std::string& name, const MlaConfig& config, Rng& rng);
};

struct MlaCache {
  Rows<float> q, kv, expanded, attended;  // attended: what the gates let through
  Rows<float> ungated;                    // kept for the backward where there are gates
  std::vector<uint8_t> open;              // [sequences][heads]; empty without gates
  Rows<bf16> latent_half, attended_half;
  std::vector<float> latent_inverse_rms;
  AdapterCache q_adapter, kv_adapter, out_adapter;
  Rows<float> latent_wide, absorbed_q, absorbed_out;  // of the absorbed form
};

// The same function in two orders. Expanded: keys and values of all heads are made from the latents, once a pass.
// Absorbed: the queries move into the latent space and the heads attend to the latents themselves: less work for few
// queries over many keys. The choice follows from a sequence's own size, so that its result never depends on its company.
enum class MlaForm { kAuto, kExpanded, kAbsorbed };
MlaForm faster_form(const MlaConfig& config, int64_t queries, int64_t keys);

// x [t, d] (normed) -> y [t, d]. Keys are the same tokens (training, prefill). domain[t] chooses a token's head gates and adapters.
void mla_forward(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache, Rows<float>& y);
// dy [t, d] -> dx [t, d] (overwritten).
void mla_backward(MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache, const Rows<float>& dy, Rows<float>& dx);

// Generation. First the new tokens' latent rows [t, latent + rope] are computed and appended by the caller to
// the keys' rows; then queries of the new tokens attend to all rows of `keys` under the plan. Heads whose gate is at
// most `gate_threshold` are left out.
void mla_latent_rows(const MlaLayer& layer, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& scratch, Rows<float>& rows);
void mla_attend(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, const Rows<float>& keys, std::span<const uint8_t> domain, float gate_threshold, MlaCache& scratch, Rows<float>& y, MlaForm form = MlaForm::kAuto);

}  // namespace orrery
