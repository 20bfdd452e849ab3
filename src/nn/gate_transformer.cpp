#include "nn/gate_transformer.h"

namespace orrery {
namespace {

constexpr AttentionDims kHeads{2, 16, kRopeDim, 16};
constexpr int kLatent = 16;

void narrow_and_norm(const GateTransformer& gate, const Rows<bf16>& x, GateCache& c) {
  const int64_t t = x.rows(), w = gate.width;
  linear_forward(gate.in, x, c.narrow);
  c.attention_half.resize(t, w);
  c.attention_rms.resize(size_t(t));
  rms_norm_forward(gate.attention_norm, c.narrow.data(), w, t, nullptr, c.attention_half.data(),
                   c.attention_rms.data());
}

// From c.residual, what attention made, to c.out.
void finish(const GateTransformer& gate, GateCache& c) {
  const int64_t t = c.narrow.rows(), w = gate.width;
  c.mid = c.narrow;
  add_rows(c.residual, c.mid);
  c.unused_half.resize(t, w);
  c.map.input.resize(t, w);
  c.map_rms.resize(size_t(t));
  rms_norm_forward(gate.map_norm, c.mid.data(), w, t, c.map.input.data(), c.unused_half.data(),
                   c.map_rms.data());
  feature_mlp_forward(gate.map, c.map, c.residual);
  c.last = c.mid;
  add_rows(c.residual, c.last);
  c.out.resize(t, w);
  c.out_rms.resize(size_t(t));
  rms_norm_forward(gate.out_norm, c.last.data(), w, t, c.out.data(), c.unused_half.data(), c.out_rms.data());
}

}  // namespace

void GateTransformer::declare(ParameterList& list, const std::string& name, int d, int gate_width, Rng& rng) {
  width = gate_width;
  in.declare(list, name + ".in", d, width, false, rng);
  attention_norm.declare(list, name + ".attention_norm", width);
  attention.declare(list, name + ".attention", {width, kHeads, kLatent}, rng);
  map_norm.declare(list, name + ".map_norm", width);
  map.declare(list, name + ".map", width, 2 * width, width, rng);
  out_norm.declare(list, name + ".out_norm", width);
}

void gate_forward(const GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                  const Rows<bf16>& x, GateCache& c) {
  narrow_and_norm(gate, x, c);
  mla_forward(gate.attention, plan, rope, c.attention_half, {}, c.attention, c.residual);
  finish(gate, c);
}

void gate_backward(GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                   const Rows<bf16>& x, GateCache& c, const Rows<float>& dout, Rows<float>& dx) {
  const int64_t t = x.rows(), w = gate.width;
  Rows<float> d, dnormed;
  d.resize(t, w);
  d.zero();
  rms_norm_backward(gate.out_norm, c.last.data(), w, t, c.out_rms.data(), dout.data(), d.data(), w);
  feature_mlp_backward(gate.map, c.map, d, &dnormed);
  rms_norm_backward(gate.map_norm, c.mid.data(), w, t, c.map_rms.data(), dnormed.data(), d.data(), w);
  mla_backward(gate.attention, plan, rope, c.attention_half, {}, c.attention, d, dnormed);
  rms_norm_backward(gate.attention_norm, c.narrow.data(), w, t, c.attention_rms.data(), dnormed.data(),
                    d.data(), w);
  Rows<bf16> half;
  to_bf16(d, half);
  linear_backward(gate.in, x, half, &dx, true);
}

void gate_latent_rows(const GateTransformer& gate, const Rows<float>& rope, const Rows<bf16>& x, GateCache& c,
                      Rows<float>& rows) {
  narrow_and_norm(gate, x, c);
  mla_latent_rows(gate.attention, rope, c.attention_half, {}, c.attention, rows);
}

void gate_attend(const GateTransformer& gate, const AttentionPlan& plan, const Rows<float>& rope,
                 const Rows<float>& keys, GateCache& c) {
  mla_attend(gate.attention, plan, rope, c.attention_half, keys, {}, 0, c.attention, c.residual);
  finish(gate, c);
}

}  // namespace orrery
