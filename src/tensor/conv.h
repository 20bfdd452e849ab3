// Convolutions of stride 1 and "same" padding over NHWC bf16 maps, f32 accumulation, through oneDNN.
// Where the CPU has no AVX-512 the maps are widened to f32 for the convolution and rounded again after it.
// Stride 2 is absent on purpose: its backward runs at a quarter of the rate; space-to-depth and 1x1 do the same work.
#pragma once
#include <compare>
#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tensor/bf16.h"

namespace orrery {

struct ConvShape {
  int batch, height, width, in, out, kernel;  // kernel: 1 or 3
  auto operator<=>(const ConvShape&) const = default;
  int64_t pixels() const { return int64_t(batch) * height * width; }
};

// The weights of one layer in the layouts that the primitives want; made again after invalidate().
// The source, f32 [out][ky][kx][in], must outlive this.
class PackedConvWeights {
 public:
  void invalidate();
  dnnl::memory& get(const dnnl::memory::desc& layout, const float* source, const ConvShape& shape);
  // The weights of the transposed convolution, [in][-ky][-kx][out]; `shape` is the forward convolution's.
  dnnl::memory& get_transposed(const dnnl::memory::desc& layout, const float* source, const ConvShape& shape);

 private:
  struct Copy {
    dnnl::memory memory;
    bool transposed, fresh;
  };
  dnnl::memory& find(const dnnl::memory::desc& layout, const float* source, const ConvShape& shape, bool transposed);
  std::mutex mutex_;
  std::vector<std::unique_ptr<Copy>> copies_;  // few: a layout a kernel family
};

// dst = conv(src) + bias, or dst += that (accumulate; bf16 dst only).
void conv_forward(const ConvShape& s, const bf16* src, PackedConvWeights& packed, const float* weight, const float* bias, bf16* dst, bool accumulate);
void conv_forward(const ConvShape& s, const bf16* src, PackedConvWeights& packed, const float* weight, const float* bias, float* dst);
// d_src = transpose of the convolution applied to d_dst
void conv_backward_data(const ConvShape& s, const bf16* d_dst, PackedConvWeights& packed, const float* weight, bf16* d_src);
// d_weight [out][ky][kx][in] and d_bias [out], both f32, are added to
void conv_backward_weights(const ConvShape& s, const bf16* src, const bf16* d_dst, float* d_weight, float* d_bias);

// Which kernels oneDNN chose for this shape, for the test that none is `ref`.
std::vector<std::string> conv_implementations(const ConvShape& s);

}  // namespace orrery
