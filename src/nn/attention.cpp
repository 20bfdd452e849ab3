#include "nn/attention.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "tensor/small_gemm.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

// One head of one sequence, gathered so that the inner products run over contiguous memory.
struct HeadBlock {
  int64_t nq, nk, nk16;
  std::vector<float> q, kt, p, vt, dp;  // [nq][qk], [qk][nk16], [nq][nk16], [value][nk16], [nq][nk16]
  std::vector<float> k, dkq;            // [nk][qk]
};

HeadBlock& scratch() {
  static thread_local HeadBlock block;
  return block;
}

void grow(std::vector<float>& v, int64_t n) {
  if (int64_t(v.size()) < n) v.resize(n);
}

// Rows of K transposed: kt[c][j]. Padding columns are zero.
void gather_keys(const AttentionDims& d, const AttentionInput& in, int h, int64_t k0, HeadBlock& b) {
  grow(b.kt, d.qk() * b.nk16);
  std::fill_n(b.kt.begin(), d.qk() * b.nk16, 0.0f);
  for (int64_t j = 0; j < b.nk; ++j) {
    const float* nope = in.k_nope + (k0 + j) * in.kv_stride + (in.one_head ? 0 : h * d.nope);
    const float* rope = in.k_rope + (k0 + j) * in.rope_stride;
    for (int c = 0; c < d.nope; ++c) b.kt[c * b.nk16 + j] = nope[c];
    for (int c = 0; c < d.rope; ++c) b.kt[(d.nope + c) * b.nk16 + j] = rope[c];
  }
}

ORRERY_SIMD void softmax_row(float* s, const uint8_t* bucket, const float* bias, float scale, int64_t n, int64_t n16) {
  float top = -1e30f;
  for (int64_t j = 0; j < n; ++j) s[j] = bucket[j] == kMasked ? -1e30f : s[j] * scale + bias[bucket[j] & (kTimeBuckets - 1)];
#pragma omp simd reduction(max : top)
  for (int64_t j = 0; j < n; ++j) top = top > s[j] ? top : s[j];
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; ++j) {
    const float e = s[j] <= -1e29f ? 0.0f : fast_exp(s[j] - top);
    s[j] = e;
    sum += e;
  }
  const float r = sum > 0 ? 1.0f / sum : 0.0f;
  for (int64_t j = 0; j < n; ++j) s[j] *= r;
  for (int64_t j = n; j < n16; ++j) s[j] = 0;
}

// p = softmax(q k^T * scale + bias) for head h of sequence s.
void probabilities(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, int64_t s, int h, HeadBlock& b) {
  const int64_t q0 = plan.query_begin[s], q_cols = int64_t(d.heads) * d.qk();
  b.nq = plan.query_begin[s + 1] - q0;
  b.nk = plan.key_begin[s + 1] - plan.key_begin[s];
  b.nk16 = round16(b.nk);
  gather_keys(d, in, h, plan.key_begin[s], b);
  grow(b.p, b.nq * b.nk16);
  small_gemm(int(b.nq), int(b.nk16), d.qk(), in.q + q0 * q_cols + h * d.qk(), q_cols, 1, b.kt.data(), b.nk16, b.p.data(), b.nk16, false);
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  const uint8_t* bucket = plan.bucket.data() + plan.bucket_begin[s];
  for (int64_t i = 0; i < b.nq; ++i)
    softmax_row(&b.p[i * b.nk16], bucket + i * b.nk, in.bias + h * kTimeBuckets, scale, b.nk, b.nk16);
}

// dp <- p * (dp - sum(p * dp)): the softmax's gradient, row by row.
ORRERY_SIMD void softmax_backward_row(const float* p, float* dp, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t j = 0; j < n; ++j) dot += p[j] * dp[j];
  for (int64_t j = 0; j < n; ++j) dp[j] = p[j] * (dp[j] - dot);
}

void head_backward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<const float>& dout, const AttentionGradient& g,
                   int64_t s, int h, float* dbias, HeadBlock& b) {
  probabilities(plan, d, in, s, h, b);
  const int64_t q0 = plan.query_begin[s], k0 = plan.key_begin[s], q_cols = int64_t(d.heads) * d.qk();
  const float* dO = dout.values + q0 * dout.stride + h * d.value;
  const float* dR = dout.relative ? dout.relative + q0 * dout.stride + h * d.rope : nullptr;
  // dV = P^T dO, and of the rotary keys as values
  small_gemm(int(b.nk), d.value, int(b.nq), b.p.data(), 1, b.nk16, dO, dout.stride, g.dv + k0 * in.kv_stride + h * d.value, in.kv_stride, false);
  if (dR) small_gemm(int(b.nk), d.rope, int(b.nq), b.p.data(), 1, b.nk16, dR, dout.stride, g.dk_rope + k0 * in.rope_stride, in.rope_stride, true);
  // dP = dO V^T + dR K_rope^T
  grow(b.vt, d.value * b.nk16);
  std::fill_n(b.vt.begin(), d.value * b.nk16, 0.0f);
  for (int64_t j = 0; j < b.nk; ++j)
    for (int c = 0; c < d.value; ++c) b.vt[c * b.nk16 + j] = in.v[(k0 + j) * in.kv_stride + h * d.value + c];
  grow(b.dp, b.nq * b.nk16);
  small_gemm(int(b.nq), int(b.nk16), d.value, dO, dout.stride, 1, b.vt.data(), b.nk16, b.dp.data(), b.nk16, false);
  if (dR) small_gemm(int(b.nq), int(b.nk16), d.rope, dR, dout.stride, 1, &b.kt[d.nope * b.nk16], b.nk16, b.dp.data(), b.nk16, true);
  const uint8_t* bucket = plan.bucket.data() + plan.bucket_begin[s];
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  for (int64_t i = 0; i < b.nq; ++i) {
    float* row = &b.dp[i * b.nk16];
    softmax_backward_row(&b.p[i * b.nk16], row, b.nk16);
    for (int64_t j = 0; j < b.nk; ++j)
      if (bucket[i * b.nk + j] != kMasked) dbias[h * kTimeBuckets + bucket[i * b.nk + j]] += row[j];
    for (int64_t j = 0; j < b.nk; ++j) row[j] *= scale;
  }
  // dQ = dS K; dK = dS^T Q
  grow(b.k, b.nk * d.qk());
  for (int64_t j = 0; j < b.nk; ++j)
    for (int c = 0; c < d.qk(); ++c) b.k[j * d.qk() + c] = b.kt[c * b.nk16 + j];
  small_gemm(int(b.nq), d.qk(), int(b.nk), b.dp.data(), b.nk16, 1, b.k.data(), d.qk(), g.dq + q0 * q_cols + h * d.qk(), q_cols, false);
  grow(b.dkq, b.nk * d.qk());
  small_gemm(int(b.nk), d.qk(), int(b.nq), b.dp.data(), 1, b.nk16, in.q + q0 * q_cols + h * d.qk(), q_cols, b.dkq.data(), d.qk(), false);
  for (int64_t j = 0; j < b.nk; ++j) {
    float* nope = g.dk_nope + (k0 + j) * in.kv_stride + h * d.nope;
    float* rope = g.dk_rope + (k0 + j) * in.rope_stride;
    for (int c = 0; c < d.nope; ++c) nope[c] = b.dkq[j * d.qk() + c];
    for (int c = 0; c < d.rope; ++c) rope[c] += b.dkq[j * d.qk() + d.nope + c];
  }
}

// Rows [begin, end) of `width` columns, zero.
void clear_columns(float* first, int64_t stride, int64_t begin, int64_t end, int64_t width) {
  for (int64_t r = begin; r < end; ++r) std::fill_n(first + r * stride, width, 0.0f);
}

void clear_head(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const AttentionGradient& g, int64_t s, int h) {
  clear_columns(g.dq + h * d.qk(), int64_t(d.heads) * d.qk(), plan.query_begin[s], plan.query_begin[s + 1], d.qk());
  clear_columns(g.dk_nope + h * d.nope, in.kv_stride, plan.key_begin[s], plan.key_begin[s + 1], d.nope);
  clear_columns(g.dv + h * d.value, in.kv_stride, plan.key_begin[s], plan.key_begin[s + 1], d.value);
}

}  // namespace

void AttentionPlan::add(int64_t queries, int64_t keys, const std::vector<uint8_t>& table) {
  ORRERY_ASSERT(int64_t(table.size()) == queries * keys);
  query_begin.push_back(query_begin.back() + queries);
  key_begin.push_back(key_begin.back() + keys);
  bucket.insert(bucket.end(), table.begin(), table.end());
  bucket_begin.push_back(int64_t(bucket.size()));
}

void attention_forward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<float>& out, const uint8_t* open) {
  parallel_for_dynamic(plan.sequences() * d.heads, [&](int64_t task) {
    const int64_t s = task / d.heads;
    const int h = int(task % d.heads);
    if (open && !open[task]) {
      clear_columns(out.values + h * d.value, out.stride, plan.query_begin[s], plan.query_begin[s + 1], d.value);
      if (out.relative) clear_columns(out.relative + h * d.rope, out.stride, plan.query_begin[s], plan.query_begin[s + 1], d.rope);
      return;
    }
    HeadBlock& b = scratch();
    probabilities(plan, d, in, s, h, b);
    small_gemm(int(b.nq), d.value, int(b.nk), b.p.data(), b.nk16, 1, in.v + plan.key_begin[s] * in.kv_stride + (in.one_head ? 0 : h * d.value), in.kv_stride,
               out.values + plan.query_begin[s] * out.stride + h * d.value, out.stride, false);
    if (out.relative)
      small_gemm(int(b.nq), d.rope, int(b.nk), b.p.data(), b.nk16, 1, in.k_rope + plan.key_begin[s] * in.rope_stride, in.rope_stride,
                 out.relative + plan.query_begin[s] * out.stride + h * d.rope, out.stride, false);
  });
}

void attention_backward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<const float>& dout, const AttentionGradient& g, const uint8_t* open) {
  const int64_t per_sequence = int64_t(d.heads) * kTimeBuckets;
  std::vector<float> dbias(plan.sequences() * per_sequence, 0.0f);
  parallel_for_dynamic(plan.sequences(), [&](int64_t s) {
    clear_columns(g.dk_rope, in.rope_stride, plan.key_begin[s], plan.key_begin[s + 1], d.rope);
    for (int h = 0; h < d.heads; ++h)
      if (!open || open[s * d.heads + h]) head_backward(plan, d, in, dout, g, s, h, &dbias[s * per_sequence], scratch());
      else clear_head(plan, d, in, g, s, h);
  });
  for (int64_t s = 0; s < plan.sequences(); ++s)
    for (int64_t i = 0; i < per_sequence; ++i) g.dbias[i] += dbias[s * per_sequence + i];
}

}  // namespace orrery
