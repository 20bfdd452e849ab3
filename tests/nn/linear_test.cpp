#include "nn/linear.h"
#include "nn/optimizer.h"

#include <gtest/gtest.h>

#include "tests/nn/numeric.h"

namespace orrery {
namespace {

struct LinearCase {
  ParameterList list;
  Linear layer;
  Rng rng{1};
  Rows<float> x, dy;
  LinearCase(int64_t rows, int64_t in, int64_t out, bool bias) {
    layer.declare(list, "layer", in, out, bias, rng);
    for (Parameter* p : list.all()) fill_exact(rng, 0.5, *p);
    x = exact_rows(rng, rows, in);
    dy = exact_rows(rng, rows, out);
  }
  Doubles reference(const Doubles& at, const Doubles& weight, const Doubles& bias) const {
    Doubles y = linear_reference(at, weight, layer.in(), layer.out());
    for (size_t i = 0; i < y.size() && !bias.empty(); ++i) y[i] += bias[i % bias.size()];
    return y;
  }
};

// bf16 operands are exact here, so only sums in f32 round: k * 2^-24.
TEST(Linear, ForwardMatchesTheReference) {
  for (bool bias : {false, true}) {
    LinearCase c(5, 48, 24, bias);
    const Doubles want =
        c.reference(doubles(c.x), doubles(c.layer.weight.value), doubles(c.layer.bias.value));
    Rows<float> y;
    linear_forward(c.layer, c.x, y);
    EXPECT_LT(relative_error(y, want), 48 * 0x1p-24);
    Rows<bf16> half;
    to_bf16(c.x, half);
    linear_forward(c.layer, half, y);
    EXPECT_LT(relative_error(y, want), 48 * 0x1p-24);
  }
}

TEST(Linear, AProductFollowsItsWeight) {
  LinearCase c(5, 48, 24, false);
  Rows<bf16> half;
  to_bf16(c.x, half);
  Rows<float> y;
  const auto expect_current = [&](const char* when) {
    linear_forward(c.layer, half, y);
    const Doubles want = c.reference(doubles(c.x), doubles(c.layer.weight.value), {});
    EXPECT_LT(relative_error(y, want), 0x1p-8) << when;
  };
  expect_current("as declared");
  for (float& v : c.layer.weight.value) v *= -2;
  c.layer.weight.refresh();
  expect_current("after refresh");
  c.list.zero_gradients();
  for (float& g : c.layer.weight.gradient) g = 1;
  AdamW optimizer(c.list, {});
  optimizer.step(0.5);
  expect_current("after a step of the optimizer");
  optimizer.swap_ema();
  expect_current("with averaged weights");
}

template <class T>
void expect_linear_gradients(LinearCase& c, const Rows<T>& x, const Rows<T>& dy) {
  c.list.zero_gradients();
  Rows<float> dx;
  linear_backward(c.layer, x, dy, &dx);
  Doubles at = doubles(c.x), weight = doubles(c.layer.weight.value), bias = doubles(c.layer.bias.value);
  const auto loss = [&] { return dot(c.reference(at, weight, bias), doubles(c.dy)); };
  EXPECT_LT(relative_error(dx, numeric_gradient(at, loss)), 1e-6);
  EXPECT_LT(relative_error(c.layer.weight.gradient, numeric_gradient(weight, loss)), 1e-6);
  EXPECT_LT(relative_error(c.layer.bias.gradient, numeric_gradient(bias, loss)), 1e-6);
}

TEST(Linear, BackwardMatchesFiniteDifferences) {
  LinearCase c(7, 16, 12, true);
  expect_linear_gradients(c, c.x, c.dy);
  Rows<bf16> x, dy;
  to_bf16(c.x, x);
  to_bf16(c.dy, dy);
  expect_linear_gradients(c, x, dy);
}

TEST(Linear, GradientsAddUp) {
  LinearCase c(4, 8, 8, true);
  linear_backward(c.layer, c.x, c.dy, nullptr);
  const std::vector<float> once = c.layer.weight.gradient, bias_once = c.layer.bias.gradient;
  linear_backward(c.layer, c.x, c.dy, nullptr);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_FLOAT_EQ(c.layer.weight.gradient[i], 2 * once[i]);
  for (size_t i = 0; i < bias_once.size(); ++i) EXPECT_FLOAT_EQ(c.layer.bias.gradient[i], 2 * bias_once[i]);
}

TEST(Linear, AccumulatedInputGradientIsAdded) {
  LinearCase c(4, 8, 8, false);
  Rows<bf16> x, dy;
  to_bf16(c.x, x);
  to_bf16(c.dy, dy);
  Rows<float> alone, added;
  linear_backward(c.layer, x, dy, &alone);
  added.resize(4, 8);
  std::fill_n(added.data(), 32, 1.0f);
  linear_backward(c.layer, x, dy, &added, true);
  for (int i = 0; i < 32; ++i) EXPECT_NEAR(added.data()[i], alone.data()[i] + 1, 1e-5);
}

TEST(FeatureMlp, ForwardAndBackwardMatchTheReference) {
  Rng rng(2);
  ParameterList list;
  FeatureMlp mlp;
  mlp.declare(list, "mlp", 6, 10, 8, rng);
  for (Parameter* p : list.all()) fill_exact(rng, 0.5, *p);
  FeatureMlp::Cache cache;
  cache.input = exact_rows(rng, 5, 6);
  const Rows<float> dy = exact_rows(rng, 5, 8);
  std::vector<Doubles> p;
  for (const Parameter* parameter : list.all())
    p.push_back(doubles(parameter->value));  // up, its bias, down, its bias
  const auto reference = [&] {
    Doubles hidden = linear_reference(doubles(cache.input), p[0], 6, 10);
    for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = silu_reference(hidden[i] + p[1][i % 10]);
    Doubles y = linear_reference(hidden, p[2], 10, 8);
    for (size_t i = 0; i < y.size(); ++i) y[i] += p[3][i % 8];
    return y;
  };
  Rows<float> y;
  feature_mlp_forward(mlp, cache, y);
  EXPECT_LT(relative_error(y, reference()), 1e-6);
  feature_mlp_backward(mlp, cache, dy);
  for (size_t k = 0; k < p.size(); ++k)
    EXPECT_LT(relative_error(list.all()[k]->gradient,
                             numeric_gradient(p[k], [&] { return dot(reference(), doubles(dy)); })),
              1e-6)
        << list.all()[k]->name;
}

}  // namespace
}  // namespace orrery
