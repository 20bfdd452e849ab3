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
  std::vector<float> kt, vt;  // [qk][ld], [value][ld]
  std::vector<float> p, dp;   // of one tile: [rows][width]
  std::vector<float> k, dkq;  // [nk][qk]
};

// Queries [row0, row0 + rows) of the batch, the (first)th of their sequence on, and the keys that one of them sees.
struct Tile {
  int64_t first, rows, row0, width;  // width: sum of the runs' lengths, each rounded up to 16
  std::span<const KeyRun> runs;
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

Tile tile_of(const AttentionPlan& plan, int64_t s, int64_t index, const HeadBlock& b) {
  Tile t;
  t.first = (index - plan.tile_begin[s]) * AttentionPlan::kTile;
  t.rows = std::min(AttentionPlan::kTile, b.nq - t.first);
  t.row0 = plan.query_begin[s] + t.first;
  t.runs = {&plan.runs[size_t(plan.run_begin[index])], size_t(plan.run_begin[index + 1] - plan.run_begin[index])};
  t.width = 0;
  for (const KeyRun& run : t.runs) t.width += round16(run.end - run.begin);
  return t;
}

// Calls body(run, its first column of p, length, length rounded up) for each run.
template <class Body>
void for_runs(const Tile& t, Body&& body) {
  int64_t at = 0;
  for (const KeyRun& run : t.runs) {
    const int64_t n = run.end - run.begin;
    body(run, at, n, round16(n));
    at += round16(n);
  }
}

// b.p = softmax(q k^T * scale + bias) for head h of sequence s, one tile of its queries over the keys that it sees.
void probabilities(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, int64_t s, int h, const Tile& t, HeadBlock& b) {
  const int64_t q_cols = int64_t(d.heads) * d.qk();
  const float* q = in.q + t.row0 * q_cols + h * d.qk();
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  grow(b.p, t.rows * t.width);
  for_runs(t, [&](const KeyRun& run, int64_t at, int64_t n, int64_t n16) {
    small_gemm(int(t.rows), int(n16), d.qk(), q, q_cols, 1, &b.kt[run.begin], b.ld, &b.p[at], t.width, false);
    for (int64_t i = 0; i < t.rows; ++i) {
      float* row = &b.p[i * t.width + at];
      bias_scores(row, &plan.bucket[size_t(plan.bucket_begin[s] + (t.first + i) * b.nk + run.begin)], in.bias + h * kTimeBuckets, scale, n);
      std::fill(row + n, row + n16, -1e30f);
    }
  });
  for (int64_t i = 0; i < t.rows; ++i) softmax_row(&b.p[i * t.width], t.width);
}

// What the head makes of the keys: rows of out.
void tile_forward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<float>& out, int64_t s, int h, int64_t index, HeadBlock& b) {
  const Tile t = tile_of(plan, s, index, b);
  const int64_t k0 = plan.key_begin[s];
  probabilities(plan, d, in, s, h, t, b);
  for_runs(t, [&](const KeyRun& run, int64_t at, int64_t n, int64_t) {
    small_gemm(int(t.rows), d.value, int(n), &b.p[at], t.width, 1, in.v + (k0 + run.begin) * in.kv_stride + (in.one_head ? 0 : h * d.value), in.kv_stride,
               out.values + t.row0 * out.stride + h * d.value, out.stride, at > 0);
    if (out.relative)
      small_gemm(int(t.rows), d.rope, int(n), &b.p[at], t.width, 1, in.k_rope + (k0 + run.begin) * in.rope_stride, in.rope_stride,
                 out.relative + t.row0 * out.stride + h * d.rope, out.stride, at > 0);
  });
}

// dp <- p * (dp - sum(p * dp)): the softmax's gradient, row by row.
ORRERY_SIMD void softmax_backward_row(const float* p, float* dp, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t j = 0; j < n; ++j) dot += p[j] * dp[j];
  for (int64_t j = 0; j < n; ++j) dp[j] = p[j] * (dp[j] - dot);
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

// Of one tile: b.dkq and g.dv gather over tiles, dq is the tile's own. b.kt, b.vt and b.k hold the sequence's keys and values.
void tile_backward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<const float>& dout, const AttentionGradient& g,
                   int64_t s, int h, int64_t index, float* dbias, HeadBlock& b) {
  const Tile t = tile_of(plan, s, index, b);
  const int64_t k0 = plan.key_begin[s], q_cols = int64_t(d.heads) * d.qk();
  const float* dO = dout.values + t.row0 * dout.stride + h * d.value;
  const float* dR = dout.relative ? dout.relative + t.row0 * dout.stride + h * d.rope : nullptr;
  const int rows = int(t.rows);
  const float scale = 1.0f / std::sqrt(float(d.qk()));
  probabilities(plan, d, in, s, h, t, b);
  grow(b.dp, t.rows * t.width);
  for_runs(t, [&](const KeyRun& run, int64_t at, int64_t n, int64_t n16) {
    // dV += P^T dO, and of the rotary keys as values
    small_gemm(int(n), d.value, rows, &b.p[at], 1, t.width, dO, dout.stride, g.dv + (k0 + run.begin) * in.kv_stride + h * d.value, in.kv_stride, true);
    if (dR) small_gemm(int(n), d.rope, rows, &b.p[at], 1, t.width, dR, dout.stride, g.dk_rope + (k0 + run.begin) * in.rope_stride, in.rope_stride, true);
    // dP = dO V^T + dR K_rope^T
    small_gemm(rows, int(n16), d.value, dO, dout.stride, 1, &b.vt[run.begin], b.ld, &b.dp[at], t.width, false);
    if (dR) small_gemm(rows, int(n16), d.rope, dR, dout.stride, 1, &b.kt[d.nope * b.ld + run.begin], b.ld, &b.dp[at], t.width, true);
  });
  for (int64_t i = 0; i < t.rows; ++i) softmax_backward_row(&b.p[i * t.width], &b.dp[i * t.width], t.width);
  for_runs(t, [&](const KeyRun& run, int64_t at, int64_t n, int64_t) {
    for (int64_t i = 0; i < t.rows; ++i) {
      const uint8_t* bucket = &plan.bucket[size_t(plan.bucket_begin[s] + (t.first + i) * b.nk + run.begin)];
      float* row = &b.dp[i * t.width + at];
      for (int64_t j = 0; j < n; ++j)
        if (bucket[j] != kMasked) dbias[h * kTimeBuckets + bucket[j]] += row[j];
      for (int64_t j = 0; j < n; ++j) row[j] *= scale;
    }
    // dQ = dS K; dK += dS^T Q
    small_gemm(rows, d.qk(), int(n), &b.dp[at], t.width, 1, &b.k[run.begin * d.qk()], d.qk(), g.dq + t.row0 * q_cols + h * d.qk(), q_cols, at > 0);
    small_gemm(int(n), d.qk(), rows, &b.dp[at], 1, t.width, in.q + t.row0 * q_cols + h * d.qk(), q_cols, &b.dkq[run.begin * d.qk()], d.qk(), true);
  });
}

void head_backward(const AttentionPlan& plan, const AttentionDims& d, const AttentionInput& in, const HeadRows<const float>& dout, const AttentionGradient& g,
                   int64_t s, int h, float* dbias, HeadBlock& b) {
  const int64_t k0 = plan.key_begin[s];
  size_block(plan, s, b);
  gather_keys(d, in, h, k0, b);
  grow(b.vt, d.value * b.ld);
  for (int c = 0; c < d.value; ++c) std::fill_n(b.vt.begin() + c * b.ld + b.nk, b.nk16 - b.nk, 0.0f);
  grow(b.k, b.nk * d.qk());
  for (int64_t j = 0; j < b.nk; ++j) {
    for (int c = 0; c < d.value; ++c) b.vt[c * b.ld + j] = in.v[(k0 + j) * in.kv_stride + h * d.value + c];
    std::copy_n(in.k_nope + (k0 + j) * in.kv_stride + h * d.nope, d.nope, &b.k[j * d.qk()]);
    std::copy_n(in.k_rope + (k0 + j) * in.rope_stride, d.rope, &b.k[j * d.qk() + d.nope]);
  }
  grow(b.dkq, b.nk * d.qk());
  std::fill_n(b.dkq.begin(), b.nk * d.qk(), 0.0f);
  clear_columns(g.dv + h * d.value, in.kv_stride, k0, k0 + b.nk, d.value);
  for (int64_t tile = plan.tile_begin[s]; tile < plan.tile_begin[s + 1]; ++tile) tile_backward(plan, d, in, dout, g, s, h, tile, dbias, b);
  for (int64_t j = 0; j < b.nk; ++j) {
    float* rope = g.dk_rope + (k0 + j) * in.rope_stride;
    std::copy_n(&b.dkq[j * d.qk()], d.nope, g.dk_nope + (k0 + j) * in.kv_stride + h * d.nope);
    for (int c = 0; c < d.rope; ++c) rope[c] += b.dkq[j * d.qk() + d.nope + c];
  }
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
