#include "nn/orthogonalize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/bf16.h"
#include "tensor/matmul.h"

namespace orrery {
namespace {

// Coefficients of X <- a X + (b A + c A^2) X, A = X X^T, chosen by Jordan for the steepest rise of small
// singular values; five iterations suffice from values above about 0.01 of the largest.
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr int kIterations = 5;

ORRERY_SIMD void combine(float a, const float* x, float b, const float* y, bf16* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(a * x[i] + b * y[i]);
}

ORRERY_SIMD void add_scaled(float a, const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a * x[i] + y[i];
}

ORRERY_SIMD void round_all(const float* x, bf16* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(x[i]);
}

}  // namespace

void orthogonalize(const float* matrix, int64_t rows, int64_t cols, float* out) {
  const int64_t n = rows * cols, side = std::min(rows, cols);
  const bool wide = rows <= cols;  // the Gram matrix is taken over the shorter side
  double square = 0;
  for (int64_t i = 0; i < n; ++i) square += double(matrix[i]) * matrix[i];
  const float scale = float(1 / (std::sqrt(square) + 1e-12));
  std::vector<float> x(matrix, matrix + n), next(static_cast<size_t>(n)), gram(size_t(side * side)),
      gram2(gram.size());
  std::vector<bf16> xh(static_cast<size_t>(n)), gh(gram.size());
  for (float& v : x) v *= scale;
  for (int i = 0; i < kIterations; ++i) {
    round_all(x.data(), xh.data(), n);
    matmul(wide ? MatmulLayout::kNT : MatmulLayout::kTN, side, side, wide ? cols : rows, xh.data(), xh.data(),
           gram.data());
    round_all(gram.data(), gh.data(), side * side);
    matmul(MatmulLayout::kNN, side, side, side, gh.data(), gh.data(), gram2.data());
    combine(kB, gram.data(), kC, gram2.data(), gh.data(), side * side);
    if (wide) matmul(MatmulLayout::kNN, rows, cols, side, gh.data(), xh.data(), next.data());
    else matmul(MatmulLayout::kNN, rows, cols, side, xh.data(), gh.data(), next.data());
    add_scaled(kA, x.data(), next.data(), n);
    x.swap(next);
  }
  std::copy(x.begin(), x.end(), out);
}

}  // namespace orrery
