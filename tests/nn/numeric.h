// Tools of the layer tests: values that are exact in bf16, numeric gradients of an f64 reference, and errors
// in norm.
//
// Tolerances. A product in bf16 rounds its operands to 8 significant bits: each such rounding changes a
// matrix by at most 2^-8 of itself in norm, and results pass the next product at most as they came. A pass
// with r roundings in a row is held to r * 2^-8 relative error in norm. Passes in f32 with sums of k terms
// are held to k * 2^-24, times the few such sums in a row.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "core/rng.h"
#include "nn/parameter.h"
#include "tensor/matmul.h"

namespace orrery {

using Doubles = std::vector<double>;

inline constexpr double kHalfRounding = 0x1p-8;

// Normal values, rounded to bf16: f32, bf16 and f64 code see the same numbers.
inline void fill_exact(Rng& rng, double scale, float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = from_bf16(to_bf16(float(scale * rng.normal())));
}

inline Rows<float> exact_rows(Rng& rng, int64_t rows, int64_t cols, double scale = 1) {
  Rows<float> r;
  r.resize(rows, cols);
  fill_exact(rng, scale, r.data(), rows * cols);
  return r;
}

inline void fill_exact(Rng& rng, double scale, Parameter& p) {
  fill_exact(rng, scale, p.value.data(), p.size());
  p.refresh();
  p.zero_gradient();
}

inline Doubles doubles(std::span<const float> values) { return {values.begin(), values.end()}; }
inline Doubles doubles(const Rows<float>& r) { return doubles({r.data(), size_t(r.rows() * r.cols())}); }

// |got - want| / |want|, both as vectors.
inline double relative_error(std::span<const float> got, const Doubles& want) {
  EXPECT_EQ(got.size(), want.size());
  double error = 0, norm = 0;
  for (size_t i = 0; i < want.size(); ++i)
    error += (got[i] - want[i]) * (got[i] - want[i]), norm += want[i] * want[i];
  EXPECT_GT(norm, 0) << "nothing to compare with";
  return std::sqrt(error / norm);
}
inline double relative_error(const Rows<float>& got, const Doubles& want) {
  return relative_error({got.data(), size_t(got.rows() * got.cols())}, want);
}

// d loss / d x by central differences: error of order step^2 and 1e-16 / step, about 1e-10 here.
inline Doubles numeric_gradient(Doubles& x, const std::function<double()>& loss, double step = 1e-5) {
  Doubles gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = loss();
    x[i] = kept - step;
    const double below = loss();
    x[i] = kept;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

inline double dot(const Doubles& a, const Doubles& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// x [t, in] times W^T, W [out, in].
inline Doubles linear_reference(const Doubles& x, const Doubles& weight, int64_t in, int64_t out) {
  const int64_t t = int64_t(x.size()) / in;
  Doubles y(t * out);
  for (int64_t i = 0; i < t; ++i)
    for (int64_t o = 0; o < out; ++o)
      for (int64_t l = 0; l < in; ++l) y[i * out + o] += x[i * in + l] * weight[o * in + l];
  return y;
}

inline double silu_reference(double x) { return x / (1 + std::exp(-x)); }

}  // namespace orrery
