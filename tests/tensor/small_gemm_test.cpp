#include "tensor/small_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/rng.h"

namespace orrery {
namespace {

struct Strides {
  int64_t a_row, a_col, ldb, ldc;
};

// Tolerance as in matmul_test.cpp: (k + 2) 2^-24 sum |a| |b|.
void expect_gemm(int m, int n, int k, const Strides& s, bool accumulate) {
  Rng rng(uint64_t(m * 1000 + n * 10 + k));
  std::vector<float> a(m * s.a_row + k * s.a_col + 1), b(k * s.ldb + n), c(m * s.ldc + 16);
  for (auto* v : {&a, &b, &c})
    for (float& x : *v) x = float(rng.normal());
  const std::vector<float> before = c;
  small_gemm(m, n, k, a.data(), s.a_row, s.a_col, b.data(), s.ldb, c.data(), s.ldc, accumulate);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = accumulate ? before[i * s.ldc + j] : 0, magnitude = std::abs(sum);
      for (int l = 0; l < k; ++l) {
        const double product = double(a[i * s.a_row + l * s.a_col]) * b[l * s.ldb + j];
        sum += product, magnitude += std::abs(product);
      }
      ASSERT_NEAR(c[i * s.ldc + j], sum, (k + 2) * 0x1p-24 * magnitude)
          << m << "x" << n << "x" << k << " at " << i << ", " << j;
    }
  for (int i = 0; i + 1 < m; ++i)
    for (int64_t j = n; j < s.ldc; ++j)
      ASSERT_EQ(c[i * s.ldc + j], before[i * s.ldc + j]) << "wrote beside C";
  for (size_t i = (m - 1) * s.ldc + n; i < c.size(); ++i) ASSERT_EQ(c[i], before[i]) << "wrote behind C";
}

TEST(SmallGemm, EveryRemainderOfRowsAndColumns) {
  for (int m : {1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 19, 31})
    for (int n : {16, 32, 48, 80})
      for (int k : {1, 3, 32}) {
        expect_gemm(m, n, k, {k, 1, n, n}, false);
        expect_gemm(m, n, k, {k, 1, n, n}, true);
      }
}

TEST(SmallGemm, TransposedAAndWideStrides) {
  for (int m : {1, 6, 17})
    for (int n : {16, 48})
      for (int k : {5, 40}) {
        expect_gemm(m, n, k, {1, m, n, n}, false);              // A^T, packed
        expect_gemm(m, n, k, {1, m + 3, n + 5, n + 7}, false);  // inside wider matrices
        expect_gemm(m, n, k, {k + 2, 1, n + 1, n + 9}, true);
        expect_gemm(m, n, k, {2 * k, 2, n, n}, true);  // every second element
      }
}

TEST(SmallGemm, AnEmptySumIsZeroOrWhatWasThere) {
  std::vector<float> a(8), b(16), c(32, 3.0f);
  small_gemm(2, 16, 0, a.data(), 1, 1, b.data(), 16, c.data(), 16, true);
  EXPECT_EQ(c, std::vector<float>(32, 3.0f));
  small_gemm(2, 16, 0, a.data(), 1, 1, b.data(), 16, c.data(), 16, false);
  EXPECT_EQ(c, std::vector<float>(32, 0.0f));
}

}  // namespace
}  // namespace orrery
