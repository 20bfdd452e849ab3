#include "tensor/vector_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/bf16.h"

namespace orrery {
namespace {

// The polynomial is good to 3e-7. The argument of 2^t is rounded to f32, half a unit of t: |x| log2(e) 2^-24,
// which the exponential turns into a relative error of |x| 2^-24; the constant log2(e) itself adds as much at
// most.
double exp_tolerance(double x) { return 3e-7 + 2 * std::abs(x) * 0x1p-24; }

TEST(FastExp, SweepOfAllItsRange) {
  for (double x = -86.9; x < 87.9; x += 0.00037) {
    const float argument = float(x);
    const double exact = std::exp(double(argument));
    ASSERT_NEAR(fast_exp(argument) / exact, 1, exp_tolerance(x)) << x;
  }
}

TEST(FastExp, NearZeroItIsAsGoodAsFloatsAre) {
  for (double x = -1; x <= 1; x += 1e-5)
    ASSERT_NEAR(fast_exp(float(x)) / std::exp(double(float(x))), 1, 4e-7) << x;
  EXPECT_EQ(fast_exp(0.0f), 1.0f);
}

TEST(FastExp, FarOutItStaysFiniteAndPositive) {
  for (float x : {-88.0f, -1e4f, -1e30f, -std::numeric_limits<float>::infinity()}) {
    EXPECT_GT(fast_exp(x), 0) << x;
    EXPECT_LT(fast_exp(x), 2e-38f) << x;
  }
  for (float x : {89.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
    EXPECT_TRUE(std::isfinite(fast_exp(x))) << x;
    EXPECT_GT(fast_exp(x), 1e38f) << x;
  }
}

TEST(FastSigmoid, MatchesAndSaturates) {
  for (double x = -80; x <= 80; x += 0.013) {
    const double exact = 1 / (1 + std::exp(-double(float(x))));
    ASSERT_NEAR(fast_sigmoid(float(x)) / exact, 1, exp_tolerance(x) + 0x1p-22) << x;
  }
  EXPECT_EQ(fast_sigmoid(1000.0f), 1.0f);
  EXPECT_GE(fast_sigmoid(-1000.0f), 0.0f);
}

TEST(Bf16, RoundsToTheNearestEven) {
  EXPECT_EQ(from_bf16(to_bf16(1.0f)), 1.0f);
  EXPECT_EQ(from_bf16(to_bf16(1.0f + 0x1p-8f)), 1.0f);               // tie, to even
  EXPECT_EQ(from_bf16(to_bf16(1.0f + 0x1.8p-7f)), 1.0f + 0x1p-6f);   // tie, to even
  EXPECT_EQ(from_bf16(to_bf16(1.0f + 0x1.01p-8f)), 1.0f + 0x1p-7f);  // just above the tie
  EXPECT_EQ(from_bf16(to_bf16(-3.0f)), -3.0f);
  EXPECT_EQ(from_bf16(to_bf16(0.0f)), 0.0f);
  EXPECT_TRUE(std::isinf(from_bf16(to_bf16(std::numeric_limits<float>::infinity()))));
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Bf16, ErrorIsAtMostHalfAStep) {
  for (float x = 1e-6f; x < 1e6f; x *= 1.0137f)
    ASSERT_LE(std::abs(from_bf16(to_bf16(x)) - x), 0x1p-8f * x) << x;
}

TEST(Bf16, EveryValueSurvivesTheWayThere) {
  for (uint32_t bits = 0; bits < 65536; ++bits)
    if (!std::isnan(from_bf16(bf16(bits)))) {
      ASSERT_EQ(to_bf16(from_bf16(bf16(bits))), bits);
    }
}

}  // namespace
}  // namespace orrery
