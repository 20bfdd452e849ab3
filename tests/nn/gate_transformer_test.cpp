#include "nn/gate_transformer.h"

#include <gtest/gtest.h>

#include "tests/nn/numeric.h"

namespace orrery {
namespace {

constexpr int kModel = 32, kWidth = 16, kTokens = 6;

struct GateCase {
  Rng rng{3};
  ParameterList list;
  GateTransformer gate;
  AttentionPlan plan;
  std::vector<Place> places;
  Rows<float> rope, x, dout;
  Rows<bf16> half;
  GateCase() {
    gate.declare(list, "gate", kModel, kWidth, rng);
    for (Parameter* p : list.all())
      if (p->shape.size() > 1) fill_exact(rng, 0.4, *p);
    for (int t = 0; t < kTokens; ++t) places.push_back({float(t), 1.0f, true});
    rope_table(places, rope);
    std::vector<uint8_t> table(kTokens * kTokens);
    for (int i = 0; i < kTokens; ++i)
      for (int j = 0; j < kTokens; ++j) table[size_t(i * kTokens + j)] = j > i ? kMasked : 0;
    plan.add(kTokens, kTokens, table);
    x = exact_rows(rng, kTokens, kModel);
    dout = exact_rows(rng, kTokens, kWidth);
    to_bf16(x, half);
  }
  double loss() {
    GateCache cache;
    gate_forward(gate, plan, rope, half, cache);
    return dot(doubles(cache.out), doubles(dout));
  }
};

// Along the gradient of each parameter, and of the input: steps long enough to stand above the products' bf16
// noise.
TEST(GateTransformer, BackwardMatchesFiniteDifferences) {
  GateCase c;
  GateCache cache;
  Rows<float> dx;
  dx.resize(kTokens, kModel);
  dx.zero();
  c.list.zero_gradients();
  gate_forward(c.gate, c.plan, c.rope, c.half, cache);
  gate_backward(c.gate, c.plan, c.rope, c.half, cache, c.dout, dx);
  int checked = 0;
  for (Parameter* p : c.list.all()) {
    double norm = 0;
    for (float g : p->gradient) norm += double(g) * g;
    norm = std::sqrt(norm);
    if (norm < 1e-2) continue;
    const std::vector<float> saved = p->value;
    const auto at = [&](double s) {
      for (size_t i = 0; i < saved.size(); ++i) p->value[i] = saved[i] + float(s * p->gradient[i] / norm);
      p->refresh();
      return c.loss();
    };
    constexpr double kStep = 0.1;
    EXPECT_NEAR((at(kStep) - at(-kStep)) / (2 * kStep) / norm, 1.0, 0.1) << p->name;
    p->value = saved;
    p->refresh();
    ++checked;
  }
  EXPECT_GE(checked, 10);
  double norm = 0;
  for (int64_t i = 0; i < kTokens * kModel; ++i) norm += double(dx.data()[i]) * dx.data()[i];
  norm = std::sqrt(norm);
  const auto at = [&](double s) {
    Rows<float> moved = c.x;
    for (int64_t i = 0; i < kTokens * kModel; ++i) moved.data()[i] += float(s * dx.data()[i] / norm);
    to_bf16(moved, c.half);
    return c.loss();
  };
  EXPECT_NEAR((at(0.1) - at(-0.1)) / 0.2 / norm, 1.0, 0.1);
}

TEST(GateTransformer, TokenByTokenFromTheCacheIsTheSame) {
  GateCase c;
  GateCache whole, step;
  gate_forward(c.gate, c.plan, c.rope, c.half, whole);
  Rows<float> keys;
  for (int t = 0; t < kTokens; ++t) {
    Rows<bf16> one;
    one.resize(1, kModel);
    std::copy_n(c.half.row(t), kModel, one.row(0));
    Rows<float> rope, row;
    rope_table(std::span(&c.places[size_t(t)], 1), rope);
    gate_latent_rows(c.gate, rope, one, step, row);
    Rows<float> longer;
    longer.resize(t + 1, row.cols());
    if (t) std::copy_n(keys.data(), t * row.cols(), longer.data());
    std::copy_n(row.data(), row.cols(), longer.row(t));
    keys = longer;
    AttentionPlan plan;
    plan.add(1, t + 1, std::vector<uint8_t>(size_t(t + 1), 0));
    gate_attend(c.gate, plan, rope, keys, step);
    EXPECT_LT(relative_error({step.out.row(0), kWidth}, doubles({whole.out.row(t), kWidth})), kHalfRounding)
        << t;
  }
}

TEST(GateTransformer, LaterTokensDoNotChangeEarlierOnes) {
  GateCase c;
  GateCache before, after;
  gate_forward(c.gate, c.plan, c.rope, c.half, before);
  for (int i = 0; i < kModel; ++i) c.half.row(kTokens - 1)[i] = to_bf16(3);
  gate_forward(c.gate, c.plan, c.rope, c.half, after);
  for (int64_t i = 0; i < (kTokens - 1) * kWidth; ++i) ASSERT_EQ(before.out.data()[i], after.out.data()[i]);
  EXPECT_NE(before.out.row(kTokens - 1)[0], after.out.row(kTokens - 1)[0]);
}

}  // namespace
}  // namespace orrery
