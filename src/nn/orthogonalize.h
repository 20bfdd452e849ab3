// The nearest (semi-)orthogonal matrix, roughly: Newton-Schulz iteration in bf16, as in Muon (Jordan et al. 2024).
#pragma once
#include <cstdint>

namespace orrery {

// out [rows][cols] ~ U V^T of matrix = U S V^T: singular values come to lie between about 0.7 and 1.2.
void orthogonalize(const float* matrix, int64_t rows, int64_t cols, float* out);

}  // namespace orrery
