// RMSNorm (Zhang and Sennrich 2019): y = gain * x / sqrt(mean(x^2) + 1e-6), in f32.
#pragma once
#include "nn/parameter.h"
#include "tensor/matmul.h"

namespace orrery {

struct RmsNorm {
  Parameter gain;  // [d]
  void declare(ParameterList& list, const std::string& name, int64_t d);
};

// x [t, d] with row stride x_stride -> y (f32, may be null) and half (bf16); inverse_rms [t] is cached for backward.
void rms_norm_forward(const RmsNorm& norm, const float* x, int64_t x_stride, int64_t t, float* y, bf16* half, float* inverse_rms);
// dy [t, d] -> dx (added to) and gain.gradient.
void rms_norm_backward(RmsNorm& norm, const float* x, int64_t x_stride, int64_t t, const float* inverse_rms, const float* dy, float* dx, int64_t dx_stride);

}  // namespace orrery
