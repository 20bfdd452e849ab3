#include "nn/mla.h"

#include <algorithm>
#include <cmath>

#include "tensor/small_gemm.h"

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

void queries(const MlaLayer& layer, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache) {
  const AttentionDims& d = layer.config.dims;
  linear_forward(layer.q, x, cache.q);
  layer.q_adapter.add_to(x, domain, cache.q_adapter, cache.q);
  rope_apply(rope, cache.q.data(), cache.q.cols(), d.nope, d.qk(), d.heads, false);
}

AttentionInput inputs(const MlaLayer& layer, const Rows<float>& q, const Rows<float>& kv, const Rows<float>& expanded) {
  const AttentionDims& d = layer.config.dims;
  return {q.data(), expanded.data(), kv.data() + layer.config.kv_latent_dim, expanded.data() + d.heads * d.nope,
          expanded.cols(), kv.cols(), layer.bias.value.data()};
}

// The heads that are to be computed, or null for all.
const uint8_t* find_open_heads(const MlaLayer& layer, const AttentionPlan& plan, std::span<const uint8_t> domain, float gate_threshold, MlaCache& cache) {
  cache.open.clear();
  if (layer.gates.domains) cache.open = open_heads(layer.gates.values(), layer.config.dims.heads, plan, domain, gate_threshold);
  return cache.open.empty() ? nullptr : cache.open.data();
}

// The two parts of a row of what the heads make.
template <class Float>
HeadRows<Float> head_rows(const MlaLayer& layer, Float* data, int64_t stride, int64_t values) {
  return {data, stride, layer.config.relative_values ? data + values : nullptr};
}

int64_t value_columns(const MlaLayer& layer) { return int64_t(layer.config.dims.heads) * layer.config.dims.value; }

// Relative values as seen from the query's place; inverse: the gradient's way.
void rotate_relative(const MlaLayer& layer, const Rows<float>& rope, Rows<float>& attended, bool inverse) {
  if (layer.config.relative_values) rope_apply(rope, attended.data(), attended.cols(), value_columns(layer), kRopeDim, layer.config.dims.heads, !inverse);
}

// What the heads make of q and the keys, before the gates: attended [queries, attended_width], relative values not yet rotated.
void attend_expanded(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& q, const Rows<float>& kv, const uint8_t* open, MlaCache& cache, Rows<float>& attended) {
  const AttentionDims& d = layer.config.dims;
  expand_rows(layer, kv, cache);
  attended.resize(q.rows(), layer.config.attended_width());
  attention_forward(plan, d, inputs(layer, q, kv, cache.expanded), head_rows(layer, attended.data(), attended.cols(), value_columns(layer)), open);
}

// The same with W_k moved to the queries and W_v behind the sum: every head attends to the latents.
void attend_absorbed(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& q, const Rows<float>& kv, const uint8_t* open, MlaCache& cache, Rows<float>& attended) {
  const AttentionDims& d = layer.config.dims;
  const int latent = layer.config.kv_latent_dim;
  const AttentionDims wide{d.heads, latent, d.rope, latent};
  const int64_t t = q.rows();
  cache.latent_wide.resize(kv.rows(), latent);
  cache.latent_half.resize(kv.rows(), latent);
  cache.latent_inverse_rms.resize(kv.rows());
  rms_norm_forward(layer.latent_norm, kv.data(), kv.cols(), kv.rows(), cache.latent_wide.data(), cache.latent_half.data(), cache.latent_inverse_rms.data());
  cache.absorbed_q.resize(t, int64_t(d.heads) * wide.qk());
  const float scale = std::sqrt(float(wide.qk()) / float(d.qk()));  // attention divides by the root of its own width
  const float* w = layer.expand.weight.value.data();
  for (int h = 0; h < d.heads; ++h) {
    float* to = cache.absorbed_q.data() + h * wide.qk();
    small_gemm(int(t), latent, d.nope, q.data() + h * d.qk(), q.cols(), 1, w + int64_t(h) * d.nope * latent, latent, to, cache.absorbed_q.cols(), false);
    for (int64_t i = 0; i < t; ++i) {
      float* row = to + i * cache.absorbed_q.cols();
      std::copy_n(q.row(i) + h * d.qk() + d.nope, d.rope, row + latent);
      for (int j = 0; j < wide.qk(); ++j) row[j] *= scale;
    }
  }
  const int64_t relative = layer.config.attended_width() - value_columns(layer);
  cache.absorbed_out.resize(t, int64_t(d.heads) * latent + relative);
  const AttentionInput in{cache.absorbed_q.data(), cache.latent_wide.data(), kv.data() + latent, cache.latent_wide.data(), latent, kv.cols(), layer.bias.value.data(), true};
  attention_forward(plan, wide, in, head_rows(layer, cache.absorbed_out.data(), cache.absorbed_out.cols(), int64_t(d.heads) * latent), open);
  attended.resize(t, layer.config.attended_width());
  const float* values = w + int64_t(d.heads) * d.nope * latent;
  for (int64_t i = 0; i < t; ++i) {
    std::copy_n(cache.absorbed_out.row(i) + int64_t(d.heads) * latent, relative, attended.row(i) + value_columns(layer));
    for (int64_t v = 0; v < value_columns(layer); ++v) {
      const float *from = cache.absorbed_out.row(i) + v / d.value * latent, *row = values + v * latent;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int j = 0; j < latent; ++j) sum += from[j] * row[j];
      attended.row(i)[v] = sum;
    }
  }
}

// The sequences of a plan that take one form, as a plan of their own.
struct Part {
  AttentionPlan plan;
  std::vector<int64_t> queries, keys;  // rows of the whole
  std::vector<uint8_t> open;
};

Part part_of(const MlaConfig& config, const AttentionPlan& plan, const uint8_t* open, MlaForm form) {
  Part part;
  const int heads = config.dims.heads;
  for (int64_t s = 0; s < plan.sequences(); ++s) {
    const int64_t nq = plan.query_begin[s + 1] - plan.query_begin[s], nk = plan.key_begin[s + 1] - plan.key_begin[s];
    if (faster_form(config, nq, nk) != form) continue;
    const auto table = plan.bucket.begin() + plan.bucket_begin[s];
    part.plan.add(nq, nk, {table, table + nq * nk});
    for (int64_t i = 0; i < nq; ++i) part.queries.push_back(plan.query_begin[s] + i);
    for (int64_t i = 0; i < nk; ++i) part.keys.push_back(plan.key_begin[s] + i);
    if (open) part.open.insert(part.open.end(), open + s * heads, open + (s + 1) * heads);
  }
  return part;
}

Rows<float> rows_of(const Rows<float>& all, const std::vector<int64_t>& rows) {
  Rows<float> out;
  gather_rows(all, rows, out);
  return out;
}

void attend(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& q, const Rows<float>& kv, const uint8_t* open, MlaForm form, MlaCache& cache, Rows<float>& attended) {
  if (form == MlaForm::kExpanded) return attend_expanded(layer, plan, q, kv, open, cache, attended);
  if (form == MlaForm::kAbsorbed) return attend_absorbed(layer, plan, q, kv, open, cache, attended);
  attended.resize(q.rows(), layer.config.attended_width());
  for (const MlaForm each : {MlaForm::kExpanded, MlaForm::kAbsorbed}) {
    const Part part = part_of(layer.config, plan, open, each);
    if (part.plan.sequences() == plan.sequences()) return attend(layer, plan, q, kv, open, each, cache, attended);
    Rows<float> own;
    if (part.queries.empty()) continue;
    attend(layer, part.plan, rows_of(q, part.queries), rows_of(kv, part.keys), open ? part.open.data() : nullptr, each, cache, own);
    for (size_t i = 0; i < part.queries.size(); ++i) std::copy_n(own.row(int64_t(i)), own.cols(), attended.row(part.queries[i]));
  }
}

void gate_and_project(const MlaLayer& layer, std::span<const uint8_t> domain, float gate_threshold, MlaCache& cache, Rows<float>& y) {
  if (layer.gates.domains) apply_gates(layer.gates.values(), layer.config.dims, domain, gate_threshold, cache.attended);
  to_bf16(cache.attended, cache.attended_half);
  linear_forward(layer.out, cache.attended_half, y);
  layer.out_adapter.add_to(cache.attended_half, domain, cache.out_adapter, y);
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
  out.declare(list, name + ".out", c.attended_width(), c.d_model, false, rng, 0.3);
  for (int64_t i = 0; i < out.out(); ++i)  // relative values come in from nothing: weights trained without them go on as they were
    std::fill_n(out.weight.value.begin() + i * out.in() + value_columns(*this), out.in() - value_columns(*this), 0.0f);
  out.weight.refresh();
  list.add(bias, name + ".time_bias", {d.heads, kTimeBuckets}, false);
  init_constant(bias, 0.0f);
  if (c.gate_domains) gates.declare(list, name + ".head_gates", c.gate_domains, d.heads, c.head_gate_weight);
  q_adapter.declare(list, name + ".adapter.q", c.d_model, q.out(), c.adapter_rank, rng);
  kv_adapter.declare(list, name + ".adapter.kv", c.d_model, kv.out(), c.adapter_rank, rng);
  out_adapter.declare(list, name + ".adapter.out", out.in(), c.d_model, c.adapter_rank, rng);
}

void mla_latent_rows(const MlaLayer& layer, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& scratch, Rows<float>& rows) {
  linear_forward(layer.kv, x, rows);
  layer.kv_adapter.add_to(x, domain, scratch.kv_adapter, rows);
  rope_apply(rope, rows.data(), rows.cols(), layer.config.kv_latent_dim, 0, 1, false);
}

// Costs in multiply-adds; one of attention's own loops takes as long as kGemmAdvantage in a GEMM (bench/mla_forms).
MlaForm faster_form(const MlaConfig& c, int64_t queries, int64_t keys) {
  constexpr double kGemmAdvantage = 8;
  if (c.kv_latent_dim % 16) return MlaForm::kExpanded;
  const double heads = c.dims.heads, latent = c.kv_latent_dim, widths = c.dims.nope + c.dims.value, rope = c.dims.rope, nq = double(queries), nk = double(keys);
  const double expanded = heads * (nk * latent * widths / kGemmAdvantage + nq * nk * (widths + rope));
  const double absorbed = heads * (nq * latent * widths + nq * nk * (2 * latent + rope));
  return absorbed < expanded ? MlaForm::kAbsorbed : MlaForm::kExpanded;
}

void mla_attend(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, const Rows<float>& keys, std::span<const uint8_t> domain, float gate_threshold, MlaCache& scratch, Rows<float>& y, MlaForm form) {
  queries(layer, rope, x, domain, scratch);
  const uint8_t* open = find_open_heads(layer, plan, domain, gate_threshold, scratch);
  attend(layer, plan, scratch.q, keys, open, form, scratch, scratch.attended);
  rotate_relative(layer, rope, scratch.attended, false);
  gate_and_project(layer, domain, gate_threshold, scratch, y);
}

void mla_forward(const MlaLayer& layer, const AttentionPlan& plan, const Rows<float>& rope, const Rows<bf16>& x, std::span<const uint8_t> domain, MlaCache& cache, Rows<float>& y) {
  mla_latent_rows(layer, rope, x, domain, cache, cache.kv);
  queries(layer, rope, x, domain, cache);
  attend_expanded(layer, plan, cache.q, cache.kv, find_open_heads(layer, plan, domain, 0, cache), cache, cache.attended);
  rotate_relative(layer, rope, cache.attended, false);
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
  layer.out_adapter.backward(cache.out_adapter, half, dattended);
  if (layer.gates.domains) gates_backward(layer.gates, d, domain, cache.ungated, dattended);
  rotate_relative(layer, rope, dattended, true);
  dq.resize(t, cache.q.cols());
  dexpanded.resize(t, cache.expanded.cols());
  dkv.resize(t, cache.kv.cols());
  dkv.zero();
  attention_backward(plan, d, inputs(layer, cache.q, cache.kv, cache.expanded), head_rows<const float>(layer, dattended.data(), dattended.cols(), value_columns(layer)),
                     {dq.data(), dexpanded.data(), dkv.data() + latent, dexpanded.data() + d.heads * d.nope, layer.bias.gradient.data()},
                     cache.open.empty() ? nullptr : cache.open.data());
  to_bf16(dexpanded, half);
  linear_backward(layer.expand, cache.latent_half, half, &dlatent);
  rms_norm_backward(layer.latent_norm, cache.kv.data(), cache.kv.cols(), t, cache.latent_inverse_rms.data(), dlatent.data(), dkv.data(), dkv.cols());
  rope_apply(rope, dkv.data(), dkv.cols(), latent, 0, 1, true);
  rope_apply(rope, dq.data(), dq.cols(), d.nope, d.qk(), d.heads, true);
  to_bf16(dkv, half);
  linear_backward(layer.kv, x, half, &dx);
  layer.kv_adapter.backward(cache.kv_adapter, half, dx);
  to_bf16(dq, half);
  linear_backward(layer.q, x, half, &dx, true);
  layer.q_adapter.backward(cache.q_adapter, half, dx);
}

}  // namespace orrery
