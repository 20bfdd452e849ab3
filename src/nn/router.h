// Two-level routing. A domain softmax over {linguistic, visual, physical} picks the domain of a token; sigmoid
// affinities (DeepSeek-V3, arXiv 2412.19437) pick the best groups of the domain's experts and the top k in them.
// Selection uses affinity + bias, where the bias is moved after each step toward equal load (no auxiliary loss
// needed for balance); the gate's weight uses the affinity alone.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/linear.h"

namespace orrery {

enum class Domain : int { kLinguistic, kVisual, kPhysical };
inline constexpr int kNumDomains = 3;
inline constexpr std::array<const char*, kNumDomains> kDomainNames = {"linguistic", "visual", "physical"};
inline int domain_named(std::string_view name) {  // kNumDomains: none
  return int(std::find(kDomainNames.begin(), kDomainNames.end(), name) - kDomainNames.begin());
}
inline constexpr int kMaxTopK = 4;

struct RouterConfig {
  std::array<int, kNumDomains> experts{4, 8, 8};  // a domain; none in all three: dense, the shared expert alone
  int group_size = 2;
  int top_groups = 2;
  int top_k = 2;
  double capacity_factor = 2.0;      // training only: rows an expert takes at most, in units of an even share
  double fallback_threshold = 0.02;  // domain probability x best affinity below this: the shared expert alone; not in training
  double cluster_weight = 0.02;      // soft-clustering loss: cross-entropy of the domain softmax to the modality
  double z_weight = 1e-4;            // z-loss of the domain softmax and of the domain's experts: mean squared logit
  double balance_weight = 1e-4;      // sequence-level balance loss
  bool balance_bias = true;          // the selection bias moves toward equal load
  bool by_modality = false;          // hard routing: the domain is the token's modality, and nothing of it is learned
  int num_experts() const { return experts[0] + experts[1] + experts[2]; }
  int first_expert(int domain) const { return domain == 0 ? 0 : domain == 1 ? experts[0] : experts[0] + experts[1]; }
};

// The decision for one token.
struct Route {
  int8_t domain = 0;
  int8_t count = 0;                      // experts chosen; 0 = shared expert alone
  std::array<int16_t, kMaxTopK> expert;  // global index
  std::array<float, kMaxTopK> weight;    // domain probability x normalised affinity
  std::array<float, kMaxTopK> affinity;
};

// The domain of every token.
void domains_of(const std::vector<Route>& routes, std::vector<uint8_t>& domain);

struct RouterState {
  RouterConfig config;
  Linear gate;                // [3 + num_experts, d], f32: domain logits, then expert logits
  std::vector<float> bias;    // [num_experts], selection only; no gradient
  void declare(ParameterList& list, const std::string& name, const RouterConfig& config, int d, Rng& rng);
};

struct RouterCache {
  Rows<float> logits;  // [t, 3 + num_experts]
  std::vector<Route> routes;
};

struct RoutingStats {
  std::vector<int64_t> load;  // tokens an expert was chosen for
  int64_t tokens = 0, dropped = 0, fallback = 0, left_modality = 0;
  double cluster_loss = 0, z_loss = 0, balance_loss = 0;  // sums over tokens (balance: over sequences)
};

struct RoutingOptions {
  bool training = false;  // capacity limit on, fallback off
  int top_k = 0;          // 0: the config's
  int force_domain = -1;  // >= 0: modality + force_domain, modulo 3, for the wrong-domain measurement
  float head_threshold = 0;  // heads that a token's domain opens no further are left out (generation)
};

// x [t, d] in f32; modality[t]. Fills cache.routes.
void router_forward(const RouterState& router, const Rows<float>& x, const std::vector<uint8_t>& modality, const RoutingOptions& options, RouterCache& cache, RoutingStats& stats);
// dweight [t][kMaxTopK]: gradient of each chosen expert's weight. Adds the auxiliary losses' gradients, scaled by
// 1 / t (balance: by 1 / sequences). dx [t, d] is overwritten.
void router_backward(RouterState& router, const Rows<float>& x, const std::vector<uint8_t>& modality, const std::vector<int64_t>& sequence_begin,
                     const RouterCache& cache, const std::vector<float>& dweight, Rows<float>& dx, RoutingStats& stats);
// Moves the selection bias by `rate` toward equal load inside each domain, where its mean stays 0; not in
// a domain that has less than a hundredth of the load.
void update_router_bias(RouterState& router, const std::vector<int64_t>& load, double rate);

}  // namespace orrery
