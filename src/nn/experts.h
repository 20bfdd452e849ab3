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
  int expert_hidden = 128, shared_hidden = 256;
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

struct RoutedFfnCache {
  RouterCache router;
  SwiGluRows shared, routed;
  std::vector<int64_t> expert_begin;  // padded row where an expert's tokens start; one more than experts
  std::vector<int64_t> expert_rows;   // rows in use
  std::vector<int32_t> row_slot;      // padded row -> token * kMaxTopK + choice, or -1
};

// half and wide are the same normed input [t, d] in bf16 and f32. y [t, d] is overwritten.
void routed_ffn_forward(const RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                        const RoutingOptions& options, RoutedFfnCache& cache, RoutingStats& stats, Rows<float>& y);
// dx [t, d] is overwritten; gradients are added.
void routed_ffn_backward(RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                         const std::vector<int64_t>& sequence_begin, RoutedFfnCache& cache, RoutingStats& stats, const Rows<float>& dy, Rows<float>& dx);

}  // namespace orrery
