// Every convolution kernel against plain loops in double precision.
#include "tensor/conv.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "core/parallel.h"
#include "core/rng.h"
#include "tensor/conv_reference.h"
#include "tensor/dnnl_runtime.h"
#include "tensor/feature_map.h"

namespace orrery {
namespace {

struct Case {
  ConvShape s;
  AlignedVector<bf16> src, d_dst;
  std::vector<float> src_f, d_dst_f, weight, bias;
};

// Values that bf16 holds exactly, so that the only rounding left is of results.
float exact(Rng& rng) { return from_bf16(to_bf16(float(rng.normal()))); }

Case make_case(const ConvShape& s) {
  Case c{s, {}, {}, {}, {}, {}, {}};
  Rng rng(uint64_t(s.in * 1000 + s.out * 10 + s.kernel));
  for (int64_t i = 0; i < s.pixels() * s.in; ++i)
    c.src_f.push_back(exact(rng)), c.src.push_back(to_bf16(c.src_f.back()));
  for (int64_t i = 0; i < s.pixels() * s.out; ++i)
    c.d_dst_f.push_back(exact(rng)), c.d_dst.push_back(to_bf16(c.d_dst_f.back()));
  for (int i = 0; i < s.out * s.in * s.kernel * s.kernel; ++i) c.weight.push_back(exact(rng));
  for (int i = 0; i < s.out; ++i) c.bias.push_back(exact(rng));
  return c;
}

// A bf16 result is off by half a unit in the last place, 2^-9, and the sum of n products by less than 2^-20
// of the root of n products' size.
void expect_close(double value, double expected, double typical, bool rounded) {
  EXPECT_NEAR(value, expected, (rounded ? std::abs(expected) * 0x1p-8 : 0) + typical * 0x1p-16);
}

// Kernels of both sizes; odd maps; channels that are no multiple of 16 (the codes) and of 32 (AMX of our
// own); maps small enough for the transposed forward, large enough for oneDNN's own backward.
const ConvShape kShapes[] = {{2, 4, 4, 32, 64, 3},   {1, 7, 5, 48, 16, 3},   {3, 6, 6, 64, 32, 3},
                             {2, 4, 6, 20, 32, 3},   {2, 4, 4, 64, 20, 1},   {5, 3, 3, 32, 96, 1},
                             {2, 16, 16, 32, 32, 3}, {1, 12, 20, 64, 48, 3}, {40, 8, 8, 32, 32, 3},
                             {1, 1, 1, 32, 32, 3}};

class Conv : public testing::TestWithParam<ConvShape> {};

TEST_P(Conv, ForwardMatchesReference) {
  const Case c = make_case(GetParam());
  const auto expected = conv_reference(c.s, c.src_f, c.weight, c.bias);
  const double typical = std::sqrt(double(c.s.in) * c.s.kernel * c.s.kernel);
  PackedConvWeights packed;
  AlignedVector<bf16> y(expected.size());
  AlignedVector<float> y32(expected.size());
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), y.data(), false);
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), y32.data());
  for (size_t i = 0; i < expected.size(); ++i) {
    expect_close(from_bf16(y[i]), expected[i], typical, true);
    expect_close(y32[i], expected[i], typical, false);
  }
}

TEST_P(Conv, AccumulatingForwardAddsToTheResult) {
  const Case c = make_case(GetParam());
  const auto expected = conv_reference(c.s, c.src_f, c.weight, c.bias);
  PackedConvWeights packed;
  AlignedVector<bf16> y(expected.size(), to_bf16(3.0f));
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), y.data(), true);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(from_bf16(y[i]), expected[i] + 3, std::abs(expected[i] + 3) * 0x1p-8 + 0.02);
}

TEST_P(Conv, BackwardMatchesReference) {
  const Case c = make_case(GetParam());
  const ConvGradients expected = conv_reference_backward(c.s, c.src_f, c.weight, c.d_dst_f);
  PackedConvWeights packed;
  AlignedVector<bf16> d_src(c.src.size());
  std::vector<float> d_weight(c.weight.size(), 1.0f),
      d_bias(c.bias.size(), 1.0f);  // gradients are added to what is there
  conv_backward_data(c.s, c.d_dst.data(), packed, c.weight.data(), d_src.data());
  conv_backward_weights(c.s, c.src.data(), c.d_dst.data(), d_weight.data(), d_bias.data());
  for (size_t i = 0; i < d_src.size(); ++i)
    expect_close(from_bf16(d_src[i]), expected.src[i], std::sqrt(double(c.s.out) * 9), true);
  const double pixels = std::sqrt(double(c.s.pixels()));
  for (size_t i = 0; i < d_weight.size(); ++i)
    expect_close(d_weight[i], expected.weight[i] + 1, 4 * pixels, false);
  for (size_t i = 0; i < d_bias.size(); ++i) expect_close(d_bias[i], expected.bias[i] + 1, 4 * pixels, false);
}

TEST_P(Conv, TwoThreadsGiveTheSameForward) {
  const Case c = make_case(GetParam());
  PackedConvWeights packed;
  const int before = num_threads();
  AlignedVector<bf16> one(size_t(c.s.pixels()) * c.s.out), two(one.size());
  set_num_threads(1);
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), one.data(), false);
  set_num_threads(2);
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), two.data(), false);
  set_num_threads(before);
  EXPECT_EQ(one, two);
}

TEST_P(Conv, NoKernelIsAReferenceImplementation) {
  for (const std::string& name : conv_implementations(GetParam()))
    EXPECT_EQ(name.find("ref"), std::string::npos) << name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv, testing::ValuesIn(kShapes), [](const auto& info) {
  const ConvShape& s = info.param;
  return fmt::format("b{}_{}x{}_{}to{}_k{}", s.batch, s.height, s.width, s.in, s.out, s.kernel);
});

TEST(PackedConvWeights, ChangedWeightsAreUsedAfterInvalidate) {
  Case c = make_case({1, 4, 4, 32, 32, 3});
  PackedConvWeights packed;
  AlignedVector<bf16> before(size_t(c.s.pixels()) * c.s.out), after(before.size());
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), before.data(), false);
  for (float& w : c.weight) w = -w;
  for (float& b : c.bias) b = -b;
  packed.invalidate();
  conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), after.data(), false);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(from_bf16(after[i]), -from_bf16(before[i]));
}

// Clips of a batch are decoded on several threads at once, each with the same shapes.
TEST(Conv, ThreadsSideBySideDoNotDisturbEachOther) {
  constexpr int kRuns = 40;
  Case c = make_case({1, 12, 20, 64, 48, 3});
  PackedConvWeights packed;
  const auto run = [&](AlignedVector<bf16>& y) {
    y.resize(size_t(c.s.pixels()) * c.s.out);
    conv_forward(c.s, c.src.data(), packed, c.weight.data(), c.bias.data(), y.data(), false);
  };
  AlignedVector<bf16> alone;
  run(alone);
  int wrong[2] = {};
  const auto repeat = [&](int which) {
    set_num_threads(1);
    AlignedVector<bf16> y;
    for (int i = 0; i < kRuns; ++i) run(y), wrong[which] += y != alone;
  };
  {
    std::jthread first(repeat, 0), second(repeat, 1);
  }
  EXPECT_EQ(wrong[0] + wrong[1], 0);
}

}  // namespace
}  // namespace orrery
