#include "nn/norm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/nn/numeric.h"

namespace orrery {
namespace {

constexpr int64_t kTokens = 5, kWidth = 24, kStride = 30;  // rows of a wider matrix

Doubles norm_reference(const Doubles& x, const Doubles& gain) {
  Doubles y(kTokens * kWidth);
  for (int64_t t = 0; t < kTokens; ++t) {
    double squares = 0;
    for (int64_t i = 0; i < kWidth; ++i) squares += x[t * kStride + i] * x[t * kStride + i];
    for (int64_t i = 0; i < kWidth; ++i)
      y[t * kWidth + i] = gain[i] * x[t * kStride + i] / std::sqrt(squares / kWidth + 1e-6);
  }
  return y;
}

struct NormCase {
  Rng rng{1};
  ParameterList list;
  RmsNorm norm;
  Rows<float> x = exact_rows(rng, kTokens, kStride), dy = exact_rows(rng, kTokens, kWidth);
  std::vector<float> y = std::vector<float>(kTokens * kWidth), rms = std::vector<float>(kTokens);
  std::vector<bf16> half = std::vector<bf16>(kTokens * kWidth);
  NormCase() {
    norm.declare(list, "norm", kWidth);
    fill_exact(rng, 1, norm.gain);
    rms_norm_forward(norm, x.data(), kStride, kTokens, y.data(), half.data(), rms.data());
  }
};

TEST(RmsNorm, ForwardMatchesTheReference) {
  NormCase c;
  EXPECT_LT(relative_error(c.y, norm_reference(doubles(c.x), doubles(c.norm.gain.value))), kWidth * 0x1p-24);
  for (size_t i = 0; i < c.y.size(); ++i) EXPECT_EQ(c.half[i], to_bf16(c.y[i]));
  rms_norm_forward(c.norm, c.x.data(), kStride, kTokens, nullptr, c.half.data(), c.rms.data());
  for (size_t i = 0; i < c.y.size(); ++i) EXPECT_EQ(c.half[i], to_bf16(c.y[i]));
}

TEST(RmsNorm, BackwardMatchesFiniteDifferencesAndAdds) {
  NormCase c;
  std::vector<float> dx(kTokens * kStride, 1.0f);
  rms_norm_backward(c.norm, c.x.data(), kStride, kTokens, c.rms.data(), c.dy.data(), dx.data(), kStride);
  Doubles x = doubles(c.x), gain = doubles(c.norm.gain.value);
  const auto loss = [&] { return dot(norm_reference(x, gain), doubles(c.dy)); };
  Doubles want = numeric_gradient(x, loss);
  for (double& v : want) v += 1;  // dx held ones; columns beyond the width keep them
  EXPECT_LT(relative_error(dx, want), 1e-6);
  EXPECT_LT(relative_error(c.norm.gain.gradient, numeric_gradient(gain, loss)), 1e-6);
}

TEST(RmsNorm, AZeroRowIsZeroAndFinite) {
  NormCase c;
  std::fill_n(c.x.data(), kTokens * kStride, 0.0f);
  rms_norm_forward(c.norm, c.x.data(), kStride, kTokens, c.y.data(), c.half.data(), c.rms.data());
  std::vector<float> dx(kTokens * kStride, 0.0f);
  rms_norm_backward(c.norm, c.x.data(), kStride, kTokens, c.rms.data(), c.dy.data(), dx.data(), kStride);
  for (float v : c.y) EXPECT_EQ(v, 0);
  for (float v : dx) EXPECT_TRUE(std::isfinite(v));
}

TEST(RmsNorm, ScaleOfTheInputDoesNotMatter) {
  NormCase c;
  const std::vector<float> before = c.y;
  for (int64_t i = 0; i < kTokens * kStride; ++i) c.x.data()[i] *= 1024;
  rms_norm_forward(c.norm, c.x.data(), kStride, kTokens, c.y.data(), c.half.data(), c.rms.data());
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_NEAR(c.y[i], before[i], 1e-5 * std::abs(before[i]) + 1e-6);  // 1e-6 under the root
}

}  // namespace
}  // namespace orrery
