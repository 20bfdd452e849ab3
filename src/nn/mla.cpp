#include "nn/mla.h"

namespace orrery {
namespace {

// Latent rows -> keys and values of all heads.
void expand_rows(const MlaLayer& layer, const Rows<float>& kv, MlaCache& cache) {
  const int64_t t = kv.rows(), latent = layer.config.kv_latent_dim;
  cache.latent_half.resize(t, latent);
  cache.latent_inverse_rms.resize(t);
  rms_norm_forward(layer.latent_norm, kv.data(), kv.cols(), t, nullptr, cache.latent_half.data(), cache.latent_inverse_rms.data());
  linear_forward(layer.expand, cache.latent_half, cache.expanded);
}

void queries(const MlaLayer& layer, const Rows<float>& rope, const Rows<bf16>& x, Rows<float>& q) {
  const AttentionDims& d = layer.config.dims;
  linear_forward(layer.q, x, q);
  rope_apply(rope, q.data(), q.cols(), d.nope, d.qk(), d.heads, false);
}

AttentionInput inputs(const MlaLayer& layer, const Rows<float>& q, const Rows<float>& kv, const Rows<float>& expanded) {
  const AttentionDims& d = layer.config.dims;
  return {q.data(), expanded.data(), kv.data() + layer.config.kv_latent_dim, expanded.data() + d.heads * d.nope,
          expanded.cols(), kv.cols(), layer.bias.value.data()};
}

// What the heads make of cache.q and the keys, before the gates.
void attend(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& kv, std::span<const uint8_t> domain, float gate_threshold, MlaCache& cache) {
  const AttentionDims& d = layer.config.dims;
  cache.open.clear();
  if (layer.gates.domains) cache.open = open_heads(layer.gates.values(), d.heads, plan, domain, gate_threshold);
  cache.attended.resize(cache.q.rows(), int64_t(d.heads) * d.value);
  attention_forward(plan, d, inputs(layer, cache.q, kv, cache.expanded), cache.attended.data(), cache.open.empty() ? nullptr : cache.open.data());
}

void gate_and_project(const MlaLayer& layer, std::span<const uint8_t> domain, float gate_threshold, MlaCache& cache, Rows<float>& y) {
  if (layer.gates.domains) apply_gates(layer.gates.values(), layer.config.dims.heads, domain, gate_threshold, cache.attended);
  to_bf16(cache.attended, cache.attended_half);
  linear_forward(layer.out, cache.attended_half, y);
}

}  // namespace

void MlaLayer::declare(ParameterList& list, const std::string& name, const MlaConfig& c, Rng& rng) {
  config = c;
  const AttentionDims& d = c.dims;
  ORRERY_ASSERT(d.rope == kRopeDim);
  q.declare(list, name + ".q", c.d_model, int64_t(d.heads) * d.qk(), false, rng);
  kv.declare(list, name + ".kv", c.d_model, c.kv_latent_dim + d.rope, false, rng);
  latent_norm.declare(list, name + ".latent_norm", c.kv_latent_dim);
  expand.declare(list, name + ".expand", c.kv_latent_dim, int64_t(d.heads) * (d.nope + d.value), false, rng);
  out.declare(list, name + ".out", int64_t(d.heads) * d.value, c.d_model, false, rng, 0.3);
  list.add(bias, name + ".time_bias", {d.heads, kTimeBuckets}, false);
  init_constant(bias, 0.0f);
  if (c.gate_domains) gates.declare(list, name + ".head_gates", c.gate_domains, d.heads, c.head_gate_weight);
}

void mla_latent_rows(const MlaLayer& layer, const Rows<float>& rope, const Rows<bf16>& x, Rows<float>& rows) {
  linear_forward(layer.kv, x, rows);
  rope_apply(rope, rows.data(), rows.cols(), layer.config.kv_latent_dim, 0, 1, false);
}

void mla_attend(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, const Rows<float>& keys, std::span<const uint8_t> domain, float gate_threshold, MlaCache& scratch, Rows<float>& y) {
  queries(layer, rope, x, scratch.q);
  expand_rows(layer, keys, scratch);
  attend(layer, plan, keys, domain, gate_threshold, scratch);
  gate_and_project(layer, domain, gate_threshold, scratch, y);
}

void mla_forward(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache, Rows<float>& y) {
  mla_latent_rows(layer, rope, x, cache.kv);
  queries(layer, rope, x, cache.q);
  expand_rows(layer, cache.kv, cache);
  attend(layer, plan, cache.kv, domain, 0, cache);
  if (layer.gates.domains) cache.ungated = cache.attended;
  gate_and_project(layer, domain, 0, cache, y);
}

void mla_backward(MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache, const Rows<float>& dy, Rows<float>& dx) {
  const AttentionDims& d = layer.config.dims;
  const int64_t t = x.rows(), latent = layer.config.kv_latent_dim;
  Rows<bf16> half;
  Rows<float> dattended, dq, dexpanded, dlatent, dkv;
  to_bf16(dy, half);
  linear_backward(layer.out, cache.attended_half, half, &dattended);
  if (layer.gates.domains) gates_backward(layer.gates, domain, cache.ungated, dattended);
  dq.resize(t, cache.q.cols());
  dexpanded.resize(t, cache.expanded.cols());
  dkv.resize(t, cache.kv.cols());
  dkv.zero();
  attention_backward(plan, d, inputs(layer, cache.q, cache.kv, cache.expanded), dattended.data(),
                     {dq.data(), dexpanded.data(), dkv.data() + latent, dexpanded.data() + d.heads * d.nope, layer.bias.gradient.data()},
                     cache.open.empty() ? nullptr : cache.open.data());
  to_bf16(dexpanded, half);
  linear_backward(layer.expand, cache.latent_half, half, &dlatent);
  rms_norm_backward(layer.latent_norm, cache.kv.data(), cache.kv.cols(), t, cache.latent_inverse_rms.data(), dlatent.data(), dkv.data(), dkv.cols());
  rope_apply(rope, dkv.data(), dkv.cols(), latent, 0, 1, true);
  rope_apply(rope, dq.data(), dq.cols(), d.nope, d.qk(), d.heads, true);
  to_bf16(dkv, half);
  linear_backward(layer.kv, x, half, &dx);
  to_bf16(dq, half);
  linear_backward(layer.q, x, half, &dx, true);
}

}  // namespace orrery
