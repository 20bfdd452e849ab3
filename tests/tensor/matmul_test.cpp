// Every fast product against the naive one.
//
// Tolerance. An entry of C is a sum of k products. Summed in f32, in any order, its error is at most
// gamma_k * sum |a| |b| with gamma_k = k u / (1 - k u), u = 2^-24 (Higham 2002, section 3.1); the products
// add one more rounding, or none for bf16 operands, whose products are exact in f32. So (k + 2) u sum |a| |b|
// bounds it, the reference's own rounding to f32 included. A result stored in bf16 (8 significant bits) adds
// 2^-8 |c|.
#include "tensor/matmul.h"
#include "tensor/dnnl_runtime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {
namespace {

struct Case {
  MatmulLayout layout;
  int64_t m, n, k;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << (c.layout == MatmulLayout::kNN   ? "NN "
                 : c.layout == MatmulLayout::kNT ? "NT "
                                                 : "TN ")
             << c.m << "x" << c.n << "x" << c.k;
}

constexpr MatmulLayout kLayouts[] = {MatmulLayout::kNN, MatmulLayout::kNT, MatmulLayout::kTN};

std::vector<Case> odd_cases() {
  const int64_t shapes[][3] = {{1, 1, 1},    {1, 7, 3},     {2, 1, 5},     {17, 33, 5}, {13, 16, 100},
                               {31, 29, 27}, {64, 48, 129}, {5, 300, 256}, {200, 3, 77}};
  std::vector<Case> cases;
  for (MatmulLayout layout : kLayouts)
    for (const auto& s : shapes) cases.push_back({layout, s[0], s[1], s[2]});
  return cases;
}

// Rows in buckets, widths of the default model: forward, backward to the input, backward to the weight.
std::vector<Case> model_cases() {
  std::vector<Case> cases;
  const int64_t widths[][2] = {{256, 512}, {256, 96}, {64, 512},
                               {256, 256}, {256, 23}, {128, 256}};  // in, out
  for (int64_t rows : {4, 144})
    for (const auto& w : widths) {
      cases.push_back({MatmulLayout::kNT, rows, w[1], w[0]});
      cases.push_back({MatmulLayout::kNN, rows, w[0], w[1]});
      cases.push_back({MatmulLayout::kTN, w[1], w[0], rows});
    }
  return cases;
}

// Operands that are exact in bf16, as floats and as bf16, and what their product should be.
struct Operands {
  std::vector<float> a, b, c;  // c: what C holds before
  std::vector<bf16> a_half, b_half;
  std::vector<float> product, magnitude;  // op(A) op(B); the same of absolute values
};

Operands operands(const Case& s, uint64_t seed) {
  Rng rng(seed);
  Operands o;
  const auto fill = [&](int64_t count, std::vector<float>& wide, std::vector<bf16>& half) {
    for (int64_t i = 0; i < count; ++i) {
      half.push_back(to_bf16(float(rng.normal())));
      wide.push_back(from_bf16(half.back()));
    }
  };
  fill(s.m * s.k, o.a, o.a_half);
  fill(s.k * s.n, o.b, o.b_half);
  for (int64_t i = 0; i < s.m * s.n; ++i) o.c.push_back(float(rng.normal()));
  return o;
}

void compute_reference(const Case& s, Operands& o) {
  const auto absolute = [](std::vector<float> v) {
    for (float& x : v) x = std::abs(x);
    return v;
  };
  o.product.resize(s.m * s.n);
  o.magnitude.resize(s.m * s.n);
  matmul_reference(s.layout, s.m, s.n, s.k, o.a.data(), o.b.data(), o.product.data());
  matmul_reference(s.layout, s.m, s.n, s.k, absolute(o.a).data(), absolute(o.b).data(), o.magnitude.data());
}

enum class Output { kF32, kBf16 };

void expect_product(const Case& s, const Operands& o, const std::vector<float>& got, bool accumulated,
                    Output output) {
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double before = accumulated ? o.c[i] : 0, exact = o.product[i] + before;
    const double tolerance = double(s.k + 2) * 0x1p-24 * (o.magnitude[i] + std::abs(before)) +
                             (output == Output::kBf16 ? 0x1p-8 * std::abs(exact) : 0);
    worst = std::max(worst, std::abs(got[i] - exact) / (tolerance + 1e-30));
  }
  EXPECT_LE(worst, 1) << s << " (error in units of its bound)";
}

// With a weight kept in the kernel's order: the first product makes it, the second finds it.
void expect_packed_products(const Case& s, Operands& o) {
  PackedCopies packed;
  for (int time = 0; time < 2; ++time) {
    std::vector<float> c(s.m * s.n, -7.0f);
    matmul(s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), packed, c.data());
    expect_product(s, o, c, false, Output::kF32);
    std::vector<bf16> half(s.m * s.n);
    matmul(s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), packed, half.data());
    std::transform(half.begin(), half.end(), c.begin(), from_bf16);
    expect_product(s, o, c, false, Output::kBf16);
  }
}

void expect_all_products(const Case& s) {
  Operands o = operands(s, 1);
  compute_reference(s, o);
  std::vector<float> c(s.m * s.n, -7.0f);
  matmul(s.layout, s.m, s.n, s.k, o.a.data(), o.b.data(), c.data());
  expect_product(s, o, c, false, Output::kF32);
  c = o.c;
  matmul(s.layout, s.m, s.n, s.k, o.a.data(), o.b.data(), c.data(), true);
  expect_product(s, o, c, true, Output::kF32);
  c.assign(s.m * s.n, -7.0f);
  matmul(s.layout, s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), c.data());
  expect_product(s, o, c, false, Output::kF32);
  c = o.c;
  matmul(s.layout, s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), c.data(), true);
  expect_product(s, o, c, true, Output::kF32);
  std::vector<bf16> half(s.m * s.n);
  matmul(s.layout, s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), half.data());
  std::transform(half.begin(), half.end(), c.begin(), from_bf16);
  expect_product(s, o, c, false, Output::kBf16);
  if (s.layout == MatmulLayout::kNT) expect_packed_products(s, o);
}

TEST(Matmul, ReferenceOfASmallProductByHand) {
  // [1 2; 3 4; 5 6] [1 0 2; 0 1 3]
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{1, 0, 2, 0, 1, 3}, a_transposed{1, 3, 5, 2, 4, 6},
      b_transposed{1, 0, 0, 1, 2, 3};
  const std::vector<float> want{1, 2, 8, 3, 4, 18, 5, 6, 28};
  std::vector<float> c(9);
  matmul_reference(MatmulLayout::kNN, 3, 3, 2, a.data(), b.data(), c.data());
  EXPECT_EQ(c, want);
  matmul_reference(MatmulLayout::kNT, 3, 3, 2, a.data(), b_transposed.data(), c.data());
  EXPECT_EQ(c, want);
  matmul_reference(MatmulLayout::kTN, 3, 3, 2, a_transposed.data(), b.data(), c.data());
  EXPECT_EQ(c, want);
}

TEST(Matmul, OddShapesMatchTheReference) {
  for (const Case& s : odd_cases()) expect_all_products(s);
}

TEST(Matmul, ShapesOfTheModelMatchTheReferenceAndNoneFallsToARefKernel) {
  for (const Case& s : model_cases()) expect_all_products(s);
  const auto names = matmul_implementations();
  EXPECT_FALSE(names.empty());
  for (const std::string& name : names) EXPECT_EQ(name.find("ref"), std::string::npos) << name;
}

TEST(Matmul, NoRowsIsNoWork) {
  float untouched = 5;
  matmul(MatmulLayout::kNT, 0, 1, 4, &untouched, &untouched, &untouched);
  EXPECT_EQ(untouched, 5);
}

// "Same bytes at 1 and 2 threads" rests on this, for all that runs forward.
TEST(Matmul, ForwardDoesNotDependOnTheThreadCount) {
  const int threads = num_threads();
  for (int64_t rows : {1, 4, 16, 144, 1024})
    for (int64_t k : {64, 256, 512}) {
      const Case s{MatmulLayout::kNT, rows, 256, k};
      const Operands o = operands(s, 2);
      std::vector<float> one(rows * 256), two(rows * 256), one_f32(rows * 256), two_f32(rows * 256);
      set_num_threads(1);
      matmul(s.layout, s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), one.data());
      matmul(s.layout, s.m, s.n, s.k, o.a.data(), o.b.data(), one_f32.data());
      set_num_threads(2);
      matmul(s.layout, s.m, s.n, s.k, o.a_half.data(), o.b_half.data(), two.data());
      matmul(s.layout, s.m, s.n, s.k, o.a.data(), o.b.data(), two_f32.data());
      EXPECT_EQ(one, two) << s;
      EXPECT_EQ(one_f32, two_f32) << s;
    }
  set_num_threads(threads);
}

TEST(RowBucket, HoldsTheRowsAndIsMonotone) {
  int64_t before = 0;
  for (int64_t rows = 0; rows < 20000; ++rows) {
    const int64_t bucket = row_bucket(rows);
    ASSERT_GE(bucket, rows);
    ASSERT_GE(bucket, before);
    ASSERT_EQ(row_bucket(bucket), bucket);
    before = bucket;
  }
}

TEST(RowBucket, PaddingIsAtMostAnEighthAbove128) {
  for (int64_t rows = 129; rows < 100000; ++rows) ASSERT_LE((row_bucket(rows) - rows) * 8, rows) << rows;
}

TEST(RowBucket, ShapesAreFew) {
  std::vector<int64_t> buckets;
  for (int64_t rows = 1; rows <= 65536; ++rows)
    if (buckets.empty() || row_bucket(rows) != buckets.back()) buckets.push_back(row_bucket(rows));
  EXPECT_LE(buckets.size(), 90u);
}

TEST(Rows, PaddingIsZeroAfterEveryResize) {
  Rows<float> rows;
  rows.resize(128, 3);
  std::fill_n(rows.data(), 128 * 3, 1.0f);
  rows.resize(9, 5);
  EXPECT_EQ(rows.padded(), 16);
  for (int64_t i = 9 * 5; i < rows.padded() * 5; ++i) EXPECT_EQ(rows.data()[i], 0) << i;
}

}  // namespace
}  // namespace orrery
