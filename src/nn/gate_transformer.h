// The router's gate as a small transformer of its own (an option): the feed-forward's normed input narrowed
// to `width`, one block of latent attention over the sequence and one two-layer map. What comes out is what
// the router reads in place of the token alone. Keys of earlier tokens are cached like the layer's own.
#pragma once
#include "nn/mla.h"

namespace orrery {

struct GateTransformer {
  int width = 0;
  Linear in;  // [width, d]
  RmsNorm attention_norm, map_norm, out_norm;
  MlaLayer attention;
  FeatureMlp map;  // width -> 2 width -> width
  void declare(ParameterList& list, const std::string& name, int d, int width, Rng& rng);
};

struct GateCache {
  Rows<float> narrow, mid, last, residual, out;  // [t, width]; out: what the router reads
  Rows<bf16> attention_half, unused_half;        // unused_half: what the norms write beside f32
  std::vector<float> attention_rms, map_rms, out_rms;
  MlaCache attention;
  FeatureMlp::Cache map;
};

// x [t, d] -> cache.out. All tokens of the plan are in x.
void gate_forward(const GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                  const Rows<bf16>& x, GateCache& cache);
// dout [t, width]; the gradient of x is added to dx [t, d].
void gate_backward(GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                   const Rows<bf16>& x, GateCache& cache, const Rows<float>& dout, Rows<float>& dx);

// Generation, in two halves: the new tokens' latent rows, and, with the rows of all keys, cache.out.
void gate_latent_rows(const GateTransformer& gate, const Rows<float>& rope, const Rows<bf16>& x,
                      GateCache& cache, Rows<float>& rows);
void gate_attend(const GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                 const Rows<float>& keys, GateCache& cache);

}  // namespace orrery
