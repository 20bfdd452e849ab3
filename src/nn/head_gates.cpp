#include "nn/head_gates.h"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

constexpr float kStretch = 1.2f, kOffset = -0.1f, kOpen = 2.3f;  // g(kOpen) = 0.99

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

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

void apply_gates(const std::vector<float>& gates, int heads, std::span<const uint8_t> domain, float threshold, Rows<float>& attended) {
  const int64_t value = attended.cols() / heads;
  for (int64_t t = 0; t < attended.rows(); ++t)
    for (int h = 0; h < heads; ++h) {
      const float g = gates[domain[t] * heads + h], scale = g > threshold ? g : 0;
      float* a = attended.row(t) + h * value;
      for (int64_t i = 0; i < value; ++i) a[i] *= scale;
    }
}

void gates_backward(HeadGates& gates, std::span<const uint8_t> domain, const Rows<float>& before, Rows<float>& d) {
  const std::vector<float> g = gates.values();
  const int64_t value = before.cols() / gates.heads;
  std::vector<float> dgate(g.size(), float(gates.weight));
  for (int64_t t = 0; t < before.rows(); ++t)
    for (int h = 0; h < gates.heads; ++h) {
      const int slot = domain[t] * gates.heads + h;
      const float* b = before.row(t) + h * value;
      float* row = d.row(t) + h * value;
      float sum = 0;
      for (int64_t i = 0; i < value; ++i) sum += row[i] * b[i], row[i] *= g[slot];
      dgate[slot] += sum;
    }
  for (size_t i = 0; i < g.size(); ++i) {
    const float s = sigmoid(gates.logit.value[i]);
    if (g[i] > 0 && g[i] < 1) gates.logit.gradient[i] += dgate[i] * kStretch * s * (1 - s);
  }
}

}  // namespace orrery
