#include "nn/norm.h"

#include <cmath>

#include "core/parallel.h"

namespace orrery {
namespace {

ORRERY_SIMD void forward_row(const float* gain, const float* x, int64_t d, float* y, bf16* half, float* inverse_rms) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < d; ++i) sum += x[i] * x[i];
  const float r = 1.0f / std::sqrt(sum / float(d) + 1e-6f);
  *inverse_rms = r;
  if (y)
    for (int64_t i = 0; i < d; ++i) y[i] = gain[i] * x[i] * r;
  for (int64_t i = 0; i < d; ++i) half[i] = to_bf16(gain[i] * x[i] * r);
}

ORRERY_SIMD void backward_row(const float* gain, const float* x, int64_t d, float r, const float* dy, float* dx, float* dgain) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < d; ++i) dot += gain[i] * dy[i] * x[i];
  const float c = dot * r * r * r / float(d);
  for (int64_t i = 0; i < d; ++i) {
    dx[i] += gain[i] * dy[i] * r - x[i] * c;
    dgain[i] += dy[i] * x[i] * r;
  }
}

}  // namespace

void RmsNorm::declare(ParameterList& list, const std::string& name, int64_t d) {
  list.add(gain, name + ".gain", {d}, false);
  init_constant(gain, 1.0f);
}

void rms_norm_forward(const RmsNorm& norm, const float* x, int64_t x_stride, int64_t t, float* y, bf16* half, float* inverse_rms) {
  const int64_t d = norm.gain.size();
  parallel_for(t, [&](int64_t i) {
    forward_row(norm.gain.value.data(), x + i * x_stride, d, y ? y + i * d : nullptr, half + i * d, inverse_rms + i);
  });
}

void rms_norm_backward(RmsNorm& norm, const float* x, int64_t x_stride, int64_t t, const float* inverse_rms, const float* dy, float* dx, int64_t dx_stride) {
  const int64_t d = norm.gain.size(), blocks = (t + kTokensABlock - 1) / kTokensABlock;
  std::vector<float> partial(blocks * d, 0.0f);
  parallel_for(blocks, [&](int64_t b) {
    for (int64_t i = b * kTokensABlock; i < std::min(t, (b + 1) * kTokensABlock); ++i)
      backward_row(norm.gain.value.data(), x + i * x_stride, d, inverse_rms[i], dy + i * d, dx + i * dx_stride, &partial[b * d]);
  });
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t i = 0; i < d; ++i) norm.gain.gradient[i] += partial[b * d + i];
}

}  // namespace orrery
