#include "nn/channel_norm.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

constexpr int64_t kPixelsABlock =
    512;  // pixels a piece of work: fixed, so that sums do not depend on the thread count
constexpr int kMaxChannels = 512;

ORRERY_SIMD void norm_forward(const bf16* x, const float* gain, bf16* y, int64_t pixels, int channels) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < channels; ++c) sum += from_bf16(x[c]) * from_bf16(x[c]);
    const float r = 1.0f / std::sqrt(sum / float(channels) + kNormEpsilon);
#pragma omp simd
    for (int c = 0; c < channels; ++c) {
      const float t = gain[c] * from_bf16(x[c]) * r;
      y[c] = to_bf16(t * fast_sigmoid(t));
    }
  }
}

// With n = x r, t = gain n, y = silu(t), r = (mean x^2 + eps)^(-1/2):
// d_n = gain d_t;  d_x = r (d_n - n mean(d_n n));  d_gain = sum over pixels of d_t n.
ORRERY_SIMD void norm_backward(const bf16* x, const float* gain, const bf16* d_y, const bf16* d_skip,
                               bf16* d_x, float* d_gain, int64_t pixels, int channels) {
  float d_n[kMaxChannels];
  for (int64_t p = 0; p < pixels; ++p) {
    const int64_t at = p * channels;
    float sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < channels; ++c) sum += from_bf16(x[at + c]) * from_bf16(x[at + c]);
    const float r = 1.0f / std::sqrt(sum / float(channels) + kNormEpsilon);
#pragma omp simd
    for (int c = 0; c < channels; ++c) {
      const float n = from_bf16(x[at + c]) * r, t = gain[c] * n, s = fast_sigmoid(t);
      const float d_t = from_bf16(d_y[at + c]) * s * (1.0f + t * (1.0f - s));
      d_gain[c] += d_t * n;
      d_n[c] = d_t * gain[c];
    }
#pragma omp simd reduction(+ : dot)
    for (int c = 0; c < channels; ++c) dot += d_n[c] * from_bf16(x[at + c]);
    dot *= r;
    const float mean = dot / float(channels);
    if (d_skip) {
#pragma omp simd
      for (int c = 0; c < channels; ++c)
        d_x[at + c] = to_bf16(from_bf16(d_skip[at + c]) + r * (d_n[c] - from_bf16(x[at + c]) * r * mean));
    } else {
#pragma omp simd
      for (int c = 0; c < channels; ++c)
        d_x[at + c] = to_bf16(r * (d_n[c] - from_bf16(x[at + c]) * r * mean));
    }
  }
}

ORRERY_SIMD void silu_range(const bf16* x, bf16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = from_bf16(x[i]);
    y[i] = to_bf16(v * fast_sigmoid(v));
  }
}

ORRERY_SIMD void silu_backward_range(const bf16* x, bf16* d, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = from_bf16(x[i]), s = fast_sigmoid(v);
    d[i] = to_bf16(from_bf16(d[i]) * s * (1.0f + v * (1.0f - s)));
  }
}

template <class Body>
void for_blocks(int64_t n, int64_t block, Body&& body) {
  parallel_for((n + block - 1) / block,
               [&](int64_t b) { body(b, b * block, std::min(n - b * block, block)); });
}

}  // namespace

void ChannelNorm::init(ParameterList& list, const std::string& name, int channels) {
  ORRERY_ASSERT(channels <= kMaxChannels);
  list.add(gain, name + ".gain", {channels}, false);
  init_constant(gain, 1.0f);
}

void ChannelNorm::forward(const FeatureMap& x, FeatureMap& y) const {
  ORRERY_ASSERT(x.channels == gain.size());
  y.resize_like(x);
  for_blocks(x.pixels(), kPixelsABlock, [&](int64_t, int64_t first, int64_t n) {
    const int64_t at = first * x.channels;
    norm_forward(&x.data[at], gain.value.data(), &y.data[at], n, x.channels);
  });
}

void ChannelNorm::backward(const FeatureMap& x, const FeatureMap& d_y, const FeatureMap* d_skip,
                           FeatureMap& d_x) {
  d_x.resize_like(x);
  const int channels = x.channels;
  std::vector<float> partial(size_t((x.pixels() + kPixelsABlock - 1) / kPixelsABlock) * channels, 0.0f);
  for_blocks(x.pixels(), kPixelsABlock, [&](int64_t b, int64_t first, int64_t n) {
    const int64_t at = first * channels;
    norm_backward(&x.data[at], gain.value.data(), &d_y.data[at], d_skip ? &d_skip->data[at] : nullptr,
                  &d_x.data[at], &partial[b * channels], n, channels);
  });
  if (gain.gradient.empty()) return;
  for (size_t i = 0; i < partial.size(); ++i) gain.gradient[i % channels] += partial[i];
}

void silu_forward(const FeatureMap& x, FeatureMap& y) {
  y.resize_like(x);
  for_blocks(x.size(), 1 << 15,
             [&](int64_t, int64_t at, int64_t n) { silu_range(&x.data[at], &y.data[at], n); });
}

void silu_backward(const FeatureMap& x, FeatureMap& d) {
  ORRERY_ASSERT(x.size() == d.size());
  for_blocks(x.size(), 1 << 15,
             [&](int64_t, int64_t at, int64_t n) { silu_backward_range(&x.data[at], &d.data[at], n); });
}

}  // namespace orrery
