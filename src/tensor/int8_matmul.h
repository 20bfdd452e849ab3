// Products in int8: weights with one scale a row (output channel), activations with one scale a row, taken as
// they come. 8 x 8 bits summed exactly in 32 by oneDNN (AMX or VNNI, whichever the CPU has), scaled in f32
// afterwards.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/bf16.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {

// False where the CPU has no int8 dot product: products then stay in bf16 or f32.
bool has_int8_products();

class Int8Weight {
 public:
  Int8Weight(int64_t n, int64_t k, std::vector<int8_t> codes, std::vector<float> scales);
  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  const std::vector<int8_t>& codes() const { return codes_; }   // [n, k]
  const std::vector<float>& scales() const { return scales_; }  // [n]
  // The codes in the order that a kernel wants; packed once an order.
  dnnl::memory packed(const dnnl::memory::desc& order) const;

 private:
  int64_t n_, k_;
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  mutable PackedCopies packed_;
};

// Codes -127..127 and one scale a row of x [m, k]; a row of zeros has scale 0.
void quantize_rows(int64_t m, int64_t k, const bf16* x, int8_t* codes, float* scales);

// y [m, n] = x [m, k] W^T.
void int8_matmul(int64_t m, const bf16* x, const Int8Weight& w, float* y);
void int8_matmul(int64_t m, const bf16* x, const Int8Weight& w, bf16* y);

// The same by three plain loops over the codes: the oracle of the tests.
void int8_matmul_reference(int64_t m, const bf16* x, const Int8Weight& w, float* y);

std::vector<std::string> int8_matmul_implementations();  // names of the oneDNN kernels used so far

}  // namespace orrery
