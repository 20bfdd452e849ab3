#include "nn/attention.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/parallel.h"
#include "tensor/small_gemm.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

// One head of one sequence, gathered so that the inner products run over contiguous memory.
struct HeadBlock {
  int64_t nq, nk, nk16;
  int64_t ld;  // between rows of what is transposed: an odd number of cache lines, or its columns would share a few sets
  std::vector<float> kt, p, vt, dp;  // [qk][ld], [nq][nk16], [value][ld], [nq][nk16]
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
  grow(b.kt, d.qk() * b.ld);
  for (int c = 0; c < d.qk(); ++c) std::fill_n(b.kt.begin() + c * b.ld + b.nk, b.nk16 - b.nk, 0.0f);
  for (int64_t j = 0; j < b.nk; ++j) {
    const float* nope = in.k_nope + (k0 + j) * in.kv_stride + (in.one_head ? 0 : h * d.nope);
    const float* rope = in.k_rope + (k0 + j) * in.rope_stride;
    for (int c = 0; c < d.nope; ++c) b.kt[c * b.ld + j] = nope[c];
    for (int c = 0; c < d.rope; ++c) b.kt[(d.nope + c) * b.ld + j] = rope[c];
  }
}

// Scores of keys -> scaled and biased, -1e30 where masked.
ORRERY_SIMD void bias_scores(float* s, const uint8_t* bucket, const float* bias, float scale, int64_t n) {
  for (int64_t j = 0; j < n; ++j) s[j] = bucket[j] == kMasked ? -1e30f : s[j] * scale + bias[bucket[j] & (kTimeBuckets - 1)];
}

ORRERY_SIMD void softmax_row(float* s, int64_t n) {
  float top = -1e30f;
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
}

void size_block(const AttentionPlan& plan, int64_t s, HeadBlock& b) {
  b.nq = plan.query_begin[s + 1] - plan.query_begin[s];
  b.nk = plan.key_begin[s + 1] - plan.key_begin[s];
  b.nk16 = round16(b.nk);
  b.ld = b.nk16 / 16 % 2 ? b.nk16 : b.nk16 + 16;
}

// p = softmax(q k^T * scale + bias) for head h of sequence s.
void probabilities(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, int64_t s, int h, HeadBlock& b) {
  const int64_t q0 = plan.query_begin[s], q_cols = int64_t(d.heads) * d.qk();
  size_block(plan, s, b);
  gather_keys(d, in, h, plan.key_begin[s], b);
  grow(b.p, b.nq * b.nk16);
  small_gemm(int(b.nq), int(b.nk16), d.qk(), in.q + q0 * q_cols + h * d.qk(), q_cols, 1, b.kt.data(), b.ld, b.p.data(), b.nk16, false);
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  const uint8_t* bucket = plan.bucket.data() + plan.bucket_begin[s];
  for (int64_t i = 0; i < b.nq; ++i) {
    float* row = &b.p[i * b.nk16];
    bias_scores(row, bucket + i * b.nk, in.bias + h * kTimeBuckets, scale, b.nk);
    std::fill(row + b.nk, row + b.nk16, -1e30f);
    softmax_row(row, b.nk16);
  }
}

// The same for one tile of queries over the keys that it sees, and what the head makes of them: rows of out.
void tile_forward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<float>& out, int64_t s, int h, int64_t tile, HeadBlock& b) {
  const int64_t first = (tile - plan.tile_begin[s]) * AttentionPlan::kTile, rows = std::min(AttentionPlan::kTile, b.nq - first);
  const int64_t row0 = plan.query_begin[s] + first, k0 = plan.key_begin[s], q_cols = int64_t(d.heads) * d.qk();
  const std::span<const KeyRun> runs(&plan.runs[size_t(plan.run_begin[tile])], size_t(plan.run_begin[tile + 1] - plan.run_begin[tile]));
  int64_t width = 0;
  for (const KeyRun& run : runs) width += round16(run.end - run.begin);
  grow(b.p, rows * width);
  const float* q = in.q + row0 * q_cols + h * d.qk();
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  int64_t at = 0;
  for (const KeyRun& run : runs) {
    const int64_t n = run.end - run.begin, n16 = round16(n);
    small_gemm(int(rows), int(n16), d.qk(), q, q_cols, 1, &b.kt[run.begin], b.ld, &b.p[at], width, false);
    for (int64_t i = 0; i < rows; ++i) {
      float* row = &b.p[i * width + at];
      bias_scores(row, &plan.bucket[size_t(plan.bucket_begin[s] + (first + i) * b.nk + run.begin)], in.bias + h * kTimeBuckets, scale, n);
      std::fill(row + n, row + n16, -1e30f);
    }
    at += n16;
  }
  for (int64_t i = 0; i < rows; ++i) softmax_row(&b.p[i * width], width);
  at = 0;
  for (const KeyRun& run : runs) {
    const int n = int(run.end - run.begin);
    small_gemm(int(rows), d.value, n, &b.p[at], width, 1, in.v + (k0 + run.begin) * in.kv_stride + (in.one_head ? 0 : h * d.value), in.kv_stride,
               out.values + row0 * out.stride + h * d.value, out.stride, at > 0);
    if (out.relative)
      small_gemm(int(rows), d.rope, n, &b.p[at], width, 1, in.k_rope + (k0 + run.begin) * in.rope_stride, in.rope_stride,
                 out.relative + row0 * out.stride + h * d.rope, out.stride, at > 0);
    at += round16(n);
  }
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
  grow(b.vt, d.value * b.ld);
  for (int c = 0; c < d.value; ++c) std::fill_n(b.vt.begin() + c * b.ld + b.nk, b.nk16 - b.nk, 0.0f);
  for (int64_t j = 0; j < b.nk; ++j)
    for (int c = 0; c < d.value; ++c) b.vt[c * b.ld + j] = in.v[(k0 + j) * in.kv_stride + h * d.value + c];
  grow(b.dp, b.nq * b.nk16);
  small_gemm(int(b.nq), int(b.nk16), d.value, dO, dout.stride, 1, b.vt.data(), b.ld, b.dp.data(), b.nk16, false);
  if (dR) small_gemm(int(b.nq), int(b.nk16), d.rope, dR, dout.stride, 1, &b.kt[d.nope * b.ld], b.ld, b.dp.data(), b.nk16, true);
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
    for (int c = 0; c < d.qk(); ++c) b.k[j * d.qk() + c] = b.kt[c * b.ld + j];
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

// Blocks of 16 keys of which some query [rows][keys] sees one, joined where they touch; at least one run.
void add_runs(const uint8_t* table, int64_t rows, int64_t keys, std::vector<KeyRun>& runs) {
  const size_t before = runs.size();
  for (int64_t begin = 0; begin < keys; begin += 16) {
    const int64_t end = std::min(begin + 16, keys);
    bool seen = false;
    for (int64_t i = 0; i < rows && !seen; ++i)
      for (int64_t j = begin; j < end; ++j) seen |= table[i * keys + j] != kMasked;
    if (!seen) continue;
    if (runs.size() > before && runs.back().end == begin) runs.back().end = end;
    else runs.push_back({begin, end});
  }
  if (runs.size() == before) runs.push_back({0, std::min<int64_t>(16, keys)});
}

}  // namespace

void AttentionPlan::add(int64_t queries, int64_t keys, const std::vector<uint8_t>& table) {
  ORRERY_ASSERT(int64_t(table.size()) == queries * keys);
  query_begin.push_back(query_begin.back() + queries);
  key_begin.push_back(key_begin.back() + keys);
  bucket.insert(bucket.end(), table.begin(), table.end());
  bucket_begin.push_back(int64_t(bucket.size()));
  for (int64_t first = 0; first < queries; first += kTile) {
    add_runs(table.data() + first * keys, std::min(kTile, queries - first), keys, runs);
    run_begin.push_back(int64_t(runs.size()));
  }
  tile_begin.push_back(int64_t(run_begin.size()) - 1);
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
    size_block(plan, s, b);
    gather_keys(d, in, h, plan.key_begin[s], b);
    for (int64_t tile = plan.tile_begin[s]; tile < plan.tile_begin[s + 1]; ++tile) tile_forward(plan, d, in, out, s, h, tile, b);
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
