// Attention in f64, one score at a time.
#pragma once
#include "nn/attention.h"
#include "tests/nn/numeric.h"

namespace orrery {

struct AttentionReference {
  Doubles q, k_nope, k_rope, v, bias;  // layouts of AttentionInput, kv rows of heads * nope and heads * value

  bool relative = false;  // rows are followed by the sums over the rotary keys

  int64_t width(const AttentionDims& d) const { return d.heads * (d.value + (relative ? d.rope : 0)); }
  Doubles forward(const AttentionPlan& plan, const AttentionDims& d) const {
    Doubles out(plan.queries() * width(d));
    for (int64_t s = 0; s < plan.sequences(); ++s)
      for (int64_t i = plan.query_begin[s]; i < plan.query_begin[s + 1]; ++i)
        for (int h = 0; h < d.heads; ++h) attend(plan, d, s, i, h, &out[i * width(d)]);
    return out;
  }

 private:
  double score(const AttentionDims& d, int64_t i, int64_t j, int h, uint8_t bucket) const {
    double sum = 0;
    for (int c = 0; c < d.nope; ++c)
      sum += q[(i * d.heads + h) * d.qk() + c] * k_nope[(j * d.heads + h) * d.nope + c];
    for (int c = 0; c < d.rope; ++c)
      sum += q[(i * d.heads + h) * d.qk() + d.nope + c] * k_rope[j * d.rope + c];
    return sum / std::sqrt(double(d.qk())) + bias[h * kTimeBuckets + bucket];
  }

  void attend(const AttentionPlan& plan, const AttentionDims& d, int64_t s, int64_t i, int h,
              double* out) const {
    const int64_t k0 = plan.key_begin[s], keys = plan.key_begin[s + 1] - k0;
    const uint8_t* bucket = plan.bucket.data() + plan.bucket_begin[s] + (i - plan.query_begin[s]) * keys;
    Doubles p(keys);
    double total = 0;
    for (int64_t j = 0; j < keys; ++j)
      if (bucket[j] != kMasked) total += p[j] = std::exp(score(d, i, k0 + j, h, bucket[j]));
    for (int64_t j = 0; j < keys; ++j)
      for (int c = 0; c < d.value + (relative ? d.rope : 0) && total > 0; ++c)
        if (c < d.value) out[h * d.value + c] += p[j] / total * v[((k0 + j) * d.heads + h) * d.value + c];
        else out[d.heads * d.value + h * d.rope + c - d.value] += p[j] / total * k_rope[(k0 + j) * d.rope + c - d.value];
  }
};

}  // namespace orrery
