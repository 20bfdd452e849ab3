#include "nn/head_gates.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

constexpr float kStretch = 1.2f, kOffset = -0.1f, kOpen = 2.3f;  // g(kOpen) = 0.99

// Head h's columns of a row of HeadRows: of the values, and of the relative values behind them, which may be absent.
template <class Float>
std::span<Float> values_of(const AttentionDims& dims, int h, Float* row) {
  return {row + h * dims.value, size_t(dims.value)};
}

template <class Float>
std::span<Float> relative_of(const AttentionDims& dims, int h, Float* row, int64_t cols) {
  const int64_t begin = int64_t(dims.heads) * dims.value;
  if (cols == begin) return {};
  return {row + begin + h * dims.rope, size_t(dims.rope)};
}

ORRERY_SIMD float dot_and_scale(const float* x, float scale, float* d, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += d[i] * x[i];
  for (int64_t i = 0; i < n; ++i) d[i] *= scale;
  return sum;
}

float dot_and_scale(std::span<const float> x, float scale, std::span<float> d) {
  return dot_and_scale(x.data(), scale, d.data(), int64_t(x.size()));
}

}  // namespace

void HeadGates::declare(ParameterList& list, const std::string& name, int gated_domains, int gated_heads, double penalty) {
  domains = gated_domains, heads = gated_heads, weight = penalty;
  list.add(logit, name, {domains, heads}, false);
  init_constant(logit, kOpen);
}

std::vector<float> HeadGates::values() const {
  std::vector<float> g;
  for (float l : logit.value) g.push_back(std::clamp(kStretch * sigmoid(l) + kOffset, 0.0f, 1.0f));
  return g;
}

std::vector<uint8_t> open_heads(const std::vector<float>& gates, int heads, const AttentionPlan& plan, std::span<const uint8_t> domain, float threshold) {
  std::vector<uint8_t> open(size_t(plan.sequences() * heads), 0);
  for (int64_t s = 0; s < plan.sequences(); ++s)
    for (int64_t q = plan.query_begin[s]; q < plan.query_begin[s + 1]; ++q)
      for (int h = 0; h < heads; ++h) open[s * heads + h] |= gates[domain[q] * heads + h] > threshold;
  return open;
}

void apply_gates(const std::vector<float>& gates, const AttentionDims& dims, std::span<const uint8_t> domain, float threshold, Rows<float>& attended) {
  parallel_for(attended.rows(), [&](int64_t t) {
    for (int h = 0; h < dims.heads; ++h) {
      const float g = gates[domain[t] * dims.heads + h], scale = g > threshold ? g : 0;
      for (float& a : values_of(dims, h, attended.row(t))) a *= scale;
      for (float& a : relative_of(dims, h, attended.row(t), attended.cols())) a *= scale;
    }
  });
}

void gates_backward(HeadGates& gates, const AttentionDims& dims, std::span<const uint8_t> domain, const Rows<float>& before, Rows<float>& d) {
  const std::vector<float> g = gates.values();
  std::vector<float> dgate(g.size(), float(gates.weight));
  const int64_t blocks = (before.rows() + kTokensABlock - 1) / kTokensABlock;
  std::vector<float> partial(size_t(blocks) * g.size(), 0.0f);
  parallel_for(blocks, [&](int64_t b) {
    for (int64_t t = b * kTokensABlock; t < std::min(before.rows(), (b + 1) * kTokensABlock); ++t)
      for (int h = 0; h < gates.heads; ++h) {
        const int slot = domain[t] * gates.heads + h;
        partial[size_t(b) * g.size() + size_t(slot)] += dot_and_scale(values_of(dims, h, before.row(t)), g[slot], values_of(dims, h, d.row(t))) +
                                                         dot_and_scale(relative_of(dims, h, before.row(t), before.cols()), g[slot], relative_of(dims, h, d.row(t), d.cols()));
      }
  });
  for (size_t i = 0; i < partial.size(); ++i) dgate[i % g.size()] += partial[i];
  for (size_t i = 0; i < g.size(); ++i) {
    const float s = sigmoid(gates.logit.value[i]);
    if (g[i] > 0 && g[i] < 1) gates.logit.gradient[i] += dgate[i] * kStretch * s * (1 - s);
  }
}

}  // namespace orrery
