// Dense products over oneDNN. Row-major, f32 accumulation; bf16 inputs fall back to f32 where the CPU has no bf16.
// Shapes are cached as oneDNN primitives, and a new shape costs about 1 ms: row counts that vary from call to call
// are rounded up to buckets (Rows), never passed as they come.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "tensor/bf16.h"

namespace orrery {

// Which operand is read transposed. C is [m, n], the reduction runs over k.
enum class MatmulLayout {
  kNN,  // A [m, k], B [k, n]   (backward to the input)
  kNT,  // A [m, k], B [n, k]   (forward: B is a weight [out, in])
  kTN,  // A [k, m], B [k, n]   (backward to the weight)
};

// C = op(A) op(B), or C += when accumulate.
void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, float* c, bool accumulate = false);
void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, bf16* c);
void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c, bool accumulate = false);

// C = A B^T with a weight B [n, k] that stays what it is between calls: a kernel's own order of it is kept in `packed`.
// A plain B is put in order again at every call, which took 30 % of a pruned pass of patches.
class PackedCopies;  // tensor/dnnl_runtime.h
void matmul(int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, PackedCopies& packed, float* c);
void matmul(int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, PackedCopies& packed, bf16* c);

// The naive triple loop in f64: the oracle of the tests.
void matmul_reference(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c);

// Names of the oneDNN implementations used so far, for the test that none is "ref".
std::vector<std::string> matmul_implementations();

// Is a row of C the same, bit for bit, whatever the (bucketed) number of rows? Measured: yes for oneDNN's AVX-512
// kernels from 4 rows on; no for its AVX2 one, which sums short blocks of rows in another order.
bool rows_are_independent();

// Rounds a row count up so that few distinct shapes occur: at most 1/8 of the rows are padding above 128.
int64_t row_bucket(int64_t rows);

// A matrix [rows, cols] whose storage reaches to row_bucket(rows); the padding rows are zero.
template <class T>
class Rows {
 public:
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    padded_ = row_bucket(rows);
    if (int64_t(data_.size()) < padded_ * cols) data_.resize(padded_ * cols);
    std::memset(data_.data() + rows * cols, 0, (padded_ - rows) * cols * sizeof(T));
  }
  void zero() { std::memset(data_.data(), 0, padded_ * cols_ * sizeof(T)); }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t padded() const { return padded_; }
  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  T* row(int64_t i) { return data_.data() + i * cols_; }
  const T* row(int64_t i) const { return data_.data() + i * cols_; }

 private:
  int64_t rows_ = 0, cols_ = 0, padded_ = 0;
  std::vector<T> data_;
};

}  // namespace orrery
