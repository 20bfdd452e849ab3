#include "tensor/small_gemm.h"

#include "tensor/bf16.h"

namespace orrery {
namespace {

// Sixteen floats: one AVX-512 register, two AVX2 ones, four SSE ones. Alignment 4: loads from anywhere.
typedef float Vec __attribute__((vector_size(64), aligned(4)));

// A block of R rows and V vectors of C stays in registers while k runs.
template <int R, int V>
[[gnu::always_inline]] inline void block(int k, const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t ldb,
                                         float* c, int64_t ldc, bool accumulate) {
  Vec sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = accumulate ? *reinterpret_cast<const Vec*>(c + r * ldc + v * 16) : Vec{};
  for (int l = 0; l < k; ++l) {
    Vec row[V];
    for (int v = 0; v < V; ++v) row[v] = *reinterpret_cast<const Vec*>(b + l * ldb + v * 16);
    for (int r = 0; r < R; ++r) {
      const float x = a[r * a_row + l * a_col];
      for (int v = 0; v < V; ++v) sum[r][v] += x * row[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) *reinterpret_cast<Vec*>(c + r * ldc + v * 16) = sum[r][v];
}

template <int V>
[[gnu::always_inline]] inline void columns(int m, int k, const float* a, int64_t a_row, int64_t a_col, const float* b,
                                           int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  int i = 0;
  for (; i + 8 <= m; i += 8) block<8, V>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc, accumulate);
  for (; i + 4 <= m; i += 4) block<4, V>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc, accumulate);
  for (; i < m; ++i) block<1, V>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc, accumulate);
}

}  // namespace

ORRERY_SIMD void small_gemm(int m, int n, int k, const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t ldb,
                            float* c, int64_t ldc, bool accumulate) {
  int j = 0;
  for (; j + 32 <= n; j += 32) columns<2>(m, k, a, a_row, a_col, b + j, ldb, c + j, ldc, accumulate);
  for (; j + 16 <= n; j += 16) columns<1>(m, k, a, a_row, a_col, b + j, ldb, c + j, ldc, accumulate);
}

}  // namespace orrery
