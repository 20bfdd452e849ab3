#include "nn/experts.h"

#include "core/parallel.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

template <class T>
void grow(std::vector<T>& v, int64_t n) {
  if (int64_t(v.size()) < n) v.resize(n);
}

void reserve(SwiGluRows& r, int64_t rows, int d, int hidden) {
  grow(r.x, rows * d);
  grow(r.gate_value, rows * 2 * hidden);
  grow(r.activated, rows * hidden);
  grow(r.y, rows * d);
}

ORRERY_SIMD void swiglu_row(const bf16* gate_value, bf16* out, int64_t hidden) {
  for (int64_t i = 0; i < hidden; ++i) {
    const float g = from_bf16(gate_value[i]), v = from_bf16(gate_value[hidden + i]);
    out[i] = to_bf16(g * fast_sigmoid(g) * v);
  }
}

// dact [hidden] -> dgate_value [2 * hidden]
ORRERY_SIMD void swiglu_backward_row(const bf16* gate_value, const bf16* dact, bf16* dgate_value, int64_t hidden) {
  for (int64_t i = 0; i < hidden; ++i) {
    const float g = from_bf16(gate_value[i]), v = from_bf16(gate_value[hidden + i]), da = from_bf16(dact[i]);
    const float s = fast_sigmoid(g);
    dgate_value[i] = to_bf16(da * v * s * (1 + g * (1 - s)));
    dgate_value[hidden + i] = to_bf16(da * g * s);
  }
}

// Rows [begin, begin + rows) of r; x is filled.
void swiglu_forward(const SwiGlu& f, SwiGluRows& r, const bf16* x, int64_t begin, int64_t rows) {
  bf16* gv = r.gate_value.data() + begin * 2 * f.hidden;
  bf16* act = r.activated.data() + begin * f.hidden;
  weight_product(rows, x, f.up, gv);
  parallel_for(rows, [&](int64_t i) { swiglu_row(gv + i * 2 * f.hidden, act + i * f.hidden, f.hidden); });
  weight_product(rows, act, f.down, r.y.data() + begin * f.d);
}

// dy [rows, d] bf16 -> dx [rows, d] f32 (overwritten, or added to).
void swiglu_backward(SwiGlu& f, const SwiGluRows& r, const bf16* x, int64_t begin, int64_t rows, const bf16* dy, float* dx, bool accumulate,
                     std::vector<bf16>& dact, std::vector<bf16>& dgate_value) {
  const bf16* gv = r.gate_value.data() + begin * 2 * f.hidden;
  const bf16* act = r.activated.data() + begin * f.hidden;
  grow(dact, rows * f.hidden);
  grow(dgate_value, rows * 2 * f.hidden);
  matmul(MatmulLayout::kTN, f.d, f.hidden, rows, dy, act, f.down.gradient.data(), true);
  matmul(MatmulLayout::kNN, rows, f.hidden, f.d, dy, f.down.half.data(), dact.data());
  parallel_for(rows, [&](int64_t i) { swiglu_backward_row(gv + i * 2 * f.hidden, &dact[i * f.hidden], &dgate_value[i * 2 * f.hidden], f.hidden); });
  matmul(MatmulLayout::kTN, 2 * f.hidden, f.d, rows, dgate_value.data(), x, f.up.gradient.data(), true);
  matmul(MatmulLayout::kNN, rows, f.d, 2 * f.hidden, dgate_value.data(), f.up.half.data(), dx, accumulate);
}

ORRERY_SIMD void add_scaled(const bf16* x, float scale, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += scale * from_bf16(x[i]);
}

ORRERY_SIMD void widen_row(const bf16* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = from_bf16(x[i]);
}

// dy * weight -> bf16, and dy . y: the gradient of the weight.
ORRERY_SIMD float scale_and_dot(const float* dy, const bf16* y, float weight, bf16* out, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < n; ++i) dot += dy[i] * from_bf16(y[i]);
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(dy[i] * weight);
  return dot;
}

// Rows of a token's choices, so that sums over choices run in a fixed order a token: [t][kMaxTopK], -1 = none.
std::vector<int32_t> rows_of_tokens(const RoutedFfnCache& c, int64_t tokens) {
  std::vector<int32_t> rows(tokens * kMaxTopK, -1);
  for (size_t r = 0; r < c.row_slot.size(); ++r)
    if (c.row_slot[r] >= 0) rows[c.row_slot[r]] = int32_t(r);
  return rows;
}

}  // namespace

void SwiGlu::declare(ParameterList& list, const std::string& name, int d_model, int hidden_dim, Rng& rng) {
  d = d_model;
  hidden = hidden_dim;
  list.add(up, name + ".up", {2 * hidden, d});
  list.add(down, name + ".down", {d, hidden});
  init_uniform(up, d, 1.0, rng);
  init_uniform(down, hidden, 0.5, rng);
}

void RoutedFfn::declare(ParameterList& list, const std::string& name, const RoutedFfnConfig& c, Rng& rng) {
  config = c;
  router.declare(list, name + ".router", c.router, c.router_width ? c.router_width : c.d_model, rng);
  if (c.shared_hidden) shared.declare(list, name + ".shared", c.d_model, c.shared_hidden, rng);
  experts.resize(c.router.num_experts());
  for (size_t e = 0; e < experts.size(); ++e) experts[e].declare(list, fmt::format("{}.expert.{}", name, e), c.d_model, c.expert_hidden, rng);
}

void routed_ffn_forward(const RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                        const RoutingOptions& options, RoutedFfnCache& c, RoutingStats& stats, Rows<float>& y, const ExpertGroups* planned) {
  const int d = ffn.config.d_model;
  const int64_t t = half.rows();
  router_forward(ffn.router, wide, modality, options, c.router, stats);
  const bool shares = ffn.config.shared_hidden > 0;
  if (shares) {
    reserve(c.shared, half.padded(), d, ffn.shared.hidden);
    swiglu_forward(ffn.shared, c.shared, half.data(), 0, half.padded());
  }
  if (!planned || !correct_groups(*planned, c.router.routes, c)) group_by_expert(int(ffn.experts.size()), c.router.routes, c);
  reserve(c.routed, int64_t(c.row_slot.size()), d, ffn.config.expert_hidden);
  parallel_for(int64_t(c.row_slot.size()), [&](int64_t r) {
    bf16* row = &c.routed.x[r * d];
    if (c.row_slot[r] < 0) std::memset(row, 0, d * sizeof(bf16));
    else std::memcpy(row, half.row(c.row_slot[r] / kMaxTopK), d * sizeof(bf16));
  });
  for (size_t e = 0; e < ffn.experts.size(); ++e) {
    const int64_t begin = c.expert_begin[e], rows = c.expert_begin[e + 1] - begin;
    if (rows) swiglu_forward(ffn.experts[e], c.routed, &c.routed.x[begin * d], begin, rows);
  }
  y.resize(t, d);
  const std::vector<int32_t> rows = rows_of_tokens(c, t);
  parallel_for(t, [&](int64_t i) {
    if (shares) widen_row(&c.shared.y[i * d], y.row(i), d);
    else std::fill_n(y.row(i), d, 0.0f);
    for (int j = 0; j < kMaxTopK; ++j)
      if (const int32_t r = rows[i * kMaxTopK + j]; r >= 0) add_scaled(&c.routed.y[int64_t(r) * d], c.router.routes[i].weight[j], y.row(i), d);
  });
}

void routed_ffn_backward(RoutedFfn& ffn, const Rows<float>& wide, const Rows<bf16>& half, const std::vector<uint8_t>& modality,
                         const std::vector<int64_t>& sequence_begin, RoutedFfnCache& c, RoutingStats& stats, const Rows<float>& dy, Rows<float>& dx, Rows<float>* dwide) {
  const int d = ffn.config.d_model;
  const int64_t t = half.rows(), routed_rows = int64_t(c.row_slot.size());
  static thread_local std::vector<bf16> dact, dgate_value, dy_routed;
  static thread_local std::vector<float> dx_routed;
  std::vector<float> dweight(t * kMaxTopK, 0.0f);
  grow(dy_routed, routed_rows * d);
  grow(dx_routed, routed_rows * d);
  bf16* dyr = dy_routed.data();
  float* dxr = dx_routed.data();
  parallel_for(routed_rows, [&](int64_t r) {
    const int32_t slot = c.row_slot[r];
    if (slot < 0) return void(std::memset(dyr + r * d, 0, d * sizeof(bf16)));
    dweight[slot] = scale_and_dot(dy.row(slot / kMaxTopK), &c.routed.y[r * d], c.router.routes[slot / kMaxTopK].weight[slot % kMaxTopK], dyr + r * d, d);
  });
  for (size_t e = 0; e < ffn.experts.size(); ++e) {
    const int64_t begin = c.expert_begin[e], rows = c.expert_begin[e + 1] - begin;
    if (rows) swiglu_backward(ffn.experts[e], c.routed, &c.routed.x[begin * d], begin, rows, dyr + begin * d, dxr + begin * d, false, dact, dgate_value);
  }
  router_backward(ffn.router, wide, modality, sequence_begin, c.router, dweight, dwide ? *dwide : dx, stats);
  if (dwide) {
    dx.resize(t, d);
    dx.zero();
  }
  if (ffn.config.shared_hidden) {
    Rows<bf16> dy_half;
    to_bf16(dy, dy_half);
    swiglu_backward(ffn.shared, c.shared, half.data(), 0, half.padded(), dy_half.data(), dx.data(), true, dact, dgate_value);
  }
  const std::vector<int32_t> rows = rows_of_tokens(c, t);
  parallel_for(t, [&](int64_t i) {
    for (int j = 0; j < kMaxTopK; ++j)
      if (const int32_t r = rows[i * kMaxTopK + j]; r >= 0)
        for (int k = 0; k < d; ++k) dx.row(i)[k] += dxr[int64_t(r) * d + k];
  });
}

}  // namespace orrery
