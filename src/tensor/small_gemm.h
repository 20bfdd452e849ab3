// f32 products of a few dozen rows, where a library call would cost more than the product: the inner loops of
// attention. C [m, n] (+)= A B; element (i, l) of A lies at a[i * a_row + l * a_col], so A may be read transposed;
// B [k, n] and C are row-major with strides ldb, ldc. n must be a multiple of 16.
#pragma once
#include <cstdint>

namespace orrery {

void small_gemm(int m, int n, int k, const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t ldb, float* c,
                int64_t ldc, bool accumulate);

}  // namespace orrery
