// Softmax attention over packed sequences of different lengths, in f32. Which query may see which key, and with
// which learned bias (static, same chunk, one chunk before, ...), is a byte a pair: kMasked or a bucket.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/parameter.h"
#include "tensor/matmul.h"

namespace orrery {

inline constexpr uint8_t kMasked = 255;
inline constexpr int kTimeBuckets = 8;

// Keys [begin, end) of a sequence; begin is a multiple of 16.
struct KeyRun {
  int64_t begin, end;
};

// Sequence s: queries [query_begin[s], query_begin[s+1]) see keys [key_begin[s], key_begin[s+1]).
struct AttentionPlan {
  static constexpr int64_t kTile = 16;   // queries
  std::vector<int64_t> query_begin{0}, key_begin{0};
  std::vector<uint8_t> bucket;           // for each sequence [queries][keys], one after the other
  std::vector<int64_t> bucket_begin{0};  // where a sequence's table starts
  // For each tile of a sequence's queries the keys that one of them sees: a patch sees nine of 240.
  std::vector<KeyRun> runs;
  std::vector<int64_t> run_begin{0};     // [tile + 1]
  std::vector<int64_t> tile_begin{0};    // [sequence + 1]
  int64_t sequences() const { return int64_t(query_begin.size()) - 1; }
  int64_t queries() const { return query_begin.back(); }
  void add(int64_t queries, int64_t keys, const std::vector<uint8_t>& table);
};

// Widths a head: scores are (q_nope . k_nope + q_rope . k_rope) / sqrt(nope + rope) + bias[head][bucket].
struct AttentionDims {
  int heads = 8, nope = 32, rope = 32, value = 32;
  int qk() const { return nope + rope; }
};

struct AttentionInput {
  const float* q;       // [tq, heads * (nope + rope)]
  const float* k_nope;  // [tk, kv_stride], head h at h * nope
  const float* k_rope;  // [tk, rope_stride], shared by all heads
  const float* v;       // [tk, kv_stride], head h at h * value
  int64_t kv_stride, rope_stride;
  const float* bias;    // [heads, kTimeBuckets]
  bool one_head = false;  // k_nope and v have one head's columns, which all heads share (forward only)
};

// What the heads make of each query, rows `stride` floats apart: head h's weighted sum of the values at h * value and,
// where `relative` is not null, the same sum of the rotary keys at relative + h * rope. Keys are rotated by their own
// place; rotated back by the query's, the sum says where they lie as seen from the query (Miyato et al. 2024, "GTA").
template <class Float>
struct HeadRows {
  Float* values;
  int64_t stride;
  Float* relative = nullptr;
};

// open [sequences][heads]: 0 leaves a head of a sequence out, its output (and gradients) zero; null: all are computed.
void attention_forward(const AttentionPlan& plan, const AttentionDims& dims, const AttentionInput& in, const HeadRows<float>& out, const uint8_t* open = nullptr);

struct AttentionGradient {
  float* dq;       // layouts as the inputs'; overwritten
  float* dk_nope;
  float* dk_rope;  // [tk, rope_stride]
  float* dv;
  float* dbias;    // [heads, kTimeBuckets], added to
};
// Probabilities are recomputed from the inputs: nothing is cached.
void attention_backward(const AttentionPlan& plan, const AttentionDims& dims, const AttentionInput& in, const HeadRows<const float>& dout, const AttentionGradient& g, const uint8_t* open = nullptr);

}  // namespace orrery
