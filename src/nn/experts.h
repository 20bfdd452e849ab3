// The routed feed-forward: y = shared(x) + sum over chosen experts of weight * expert(x). Each expert is a SwiGLU
// (Shazeer 2020). Tokens are grouped by expert, so that each expert is one pair of GEMMs whatever the batch.
#pragma once
#include "nn/linear.h"
#include "nn/router.h"

namespace orrery {

struct SwiGlu {
  Parameter up;    // [2 * hidden, d]: gate rows, then value rows
  Parameter down;  // [d, hidden]
  int d = 0, hidden = 0;
  void declare(ParameterList& list, const std::string& name, int d, int hidden, Rng& rng);
};

struct RoutedFfnConfig {
  int d_model = 256;
  int expert_hidden = 128, shared_hidden = 256;  // shared_hidden 0: no shared expert
  int router_width = 0;                          // of what the router reads; 0: d_model
  RouterConfig router;
};

struct RoutedFfn {
  RoutedFfnConfig config;
  RouterState router;
  SwiGlu shared;
  std::vector<SwiGlu> experts;
  void declare(ParameterList& list, const std::string& name, const RoutedFfnConfig& config, Rng& rng);
};

// Rows of one SwiGLU: input, [gate | value], activation, output.
struct SwiGluRows {
  std::vector<bf16> x, gate_value, activated, y;
};

// Where each expert's tokens stand in the routed rows.
struct ExpertGroups {
  std::vector<int64_t> expert_begin;  // padded row where an expert's tokens start; one more than experts
  std::vector<int64_t> expert_rows;   // rows in use
  std::vector<int32_t> row_slot;      // padded row -> token * kMaxTopK + choice, or -1
};

// Groups the chosen (token, expert) pairs by expert, in token order; each expert's rows start at a padded offset.
void group_by_expert(int num_experts, const std::vector<Route>& routes, ExpertGroups& groups);
// The same from groups prepared for predicted routes of the same tokens: right guesses stay where they are, the others
// move to free rows of their expert; true if there were enough of them (else: group_by_expert).
bool correct_groups(const ExpertGroups& planned, const std::vector<Route>& routes, ExpertGroups& groups);

struct RoutedFfnCache : ExpertGroups {
  RouterCache router;
  SwiGluRows shared, routed;
};

// half: normed input [t, d]; wide: what the router reads [t, router_width], by default the same in f32. y [t, d] is
// overwritten. planned: a guess at the groups, made ahead (nn/affinity.h); the result does not depend on it.
void routed_ffn_forward(const RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                        const RoutingOptions& options, RoutedFfnCache& cache, RoutingStats& stats, Rows<float>& y, const ExpertGroups* planned = nullptr);
// dx [t, d] is overwritten; gradients are added. dwide: takes the router's part of the gradient where the router has an
// input of its own.
void routed_ffn_backward(RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                         const std::vector<int64_t>& sequence_begin, RoutedFfnCache& cache, RoutingStats& stats, const Rows<float>& dy, Rows<float>& dx, Rows<float>* dwide = nullptr);

}  // namespace orrery
