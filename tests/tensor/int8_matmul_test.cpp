#include "tensor/int8_matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "tensor/matmul.h"

namespace orrery {
namespace {

struct Int8Case {
  int64_t m, n, k;
  std::vector<bf16> x;
  std::vector<float> wide, weights;  // what x and the codes stand for
  Int8Weight w;
};

Int8Case make_case(int64_t m, int64_t n, int64_t k, uint64_t seed) {
  Rng rng(seed);
  std::vector<bf16> x;
  std::vector<float> wide, weights, scales;
  std::vector<int8_t> codes;
  for (int64_t i = 0; i < m * k; ++i) {
    x.push_back(to_bf16(float(rng.normal() * (1 + i / k))));  // rows of different size
    wide.push_back(from_bf16(x.back()));
  }
  for (int64_t j = 0; j < n; ++j) scales.push_back(float(0.001 * (1 + rng.uniform(0, 1))));
  for (int64_t i = 0; i < n * k; ++i) {
    codes.push_back(int8_t(rng.below(255) - 127));
    weights.push_back(float(codes.back()) * scales[size_t(i / k)]);
  }
  return {m, n, k, x, wide, weights, Int8Weight(n, k, codes, scales)};
}

// Sums of 8 x 8 bits are exact: only the last two roundings in f32 may differ.
TEST(Int8Matmul, EqualsThePlainLoops) {
  if (!has_int8_products()) GTEST_SKIP() << "no int8 products on this CPU";
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{4, 16, 32},
                                {16, 256, 256},
                                {240, 96, 256},
                                {7, 33, 64},
                                {64, 512, 128},
                                {4, 256, 128}}) {
    const Int8Case c = make_case(m, n, k, uint64_t(m));
    std::vector<float> got(size_t(m * n)), want(got.size());
    std::vector<bf16> half(got.size());
    int8_matmul(m, c.x.data(), c.w, got.data());
    int8_matmul(m, c.x.data(), c.w, half.data());
    int8_matmul_reference(m, c.x.data(), c.w, want.data());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], want[i], 1e-6 * std::abs(want[i])) << m << " " << n << " " << k << " at " << i;
      ASSERT_EQ(half[i], to_bf16(got[i]));
    }
  }
  for (const std::string& name : int8_matmul_implementations())
    EXPECT_EQ(name.find("ref"), std::string::npos) << name;
}

// Rounding an activation errs by half a step of its row's scale at most: |y' - y| <= scale / 2 * sum |w|.
TEST(Int8Matmul, ErrsByTheActivationsRounding) {
  const Int8Case c = make_case(12, 40, 256, 3);
  std::vector<float> got(12 * 40), exact(got.size());
  int8_matmul_reference(c.m, c.x.data(), c.w, got.data());
  matmul_reference(MatmulLayout::kNT, c.m, c.n, c.k, c.wide.data(), c.weights.data(), exact.data());
  for (int64_t i = 0; i < c.m; ++i) {
    float most = 0;
    for (int64_t l = 0; l < c.k; ++l) most = std::max(most, std::abs(c.wide[size_t(i * c.k + l)]));
    for (int64_t j = 0; j < c.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < c.k; ++l) sum += std::abs(c.weights[size_t(j * c.k + l)]);
      EXPECT_LE(std::abs(got[size_t(i * c.n + j)] - exact[size_t(i * c.n + j)]), 0.501 * most / 127 * sum);
    }
  }
}

TEST(Int8Matmul, RowsOfZerosAndExtremesAreKept) {
  std::vector<bf16> x(2 * 8, 0);
  for (int i = 0; i < 8; ++i) x[size_t(8 + i)] = to_bf16(i % 2 ? -4.0f : 4.0f);
  std::vector<int8_t> codes(16, 1);
  std::vector<float> scales(2, -1);
  quantize_rows(2, 8, x.data(), codes.data(), scales.data());
  EXPECT_EQ(scales[0], 0);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(codes[size_t(i)], 0);
    EXPECT_EQ(codes[size_t(8 + i)], i % 2 ? -127 : 127);
  }
}

// "Alone or in a batch" and "at 1 and at 2 threads" hold for these products too.
TEST(Int8Matmul, ARowDoesNotDependOnItsCompanyOrTheThreads) {
  if (!has_int8_products()) GTEST_SKIP() << "no int8 products on this CPU";
  const Int8Case c = make_case(240, 256, 256, 4);
  std::vector<float> all(240 * 256), few(16 * 256);
  const int threads = num_threads();
  set_num_threads(1);
  int8_matmul(240, c.x.data(), c.w, all.data());
  set_num_threads(2);
  int8_matmul(16, c.x.data(), c.w, few.data());
  set_num_threads(threads);
  for (size_t i = 0; i < few.size(); ++i) ASSERT_EQ(few[i], all[i]);
}

}  // namespace
}  // namespace orrery
