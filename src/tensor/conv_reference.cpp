#include "tensor/conv_reference.h"

namespace orrery {
namespace {

// Calls visit(index of a source pixel, tap, index of the result's pixel) for every product of the
// convolution.
template <class Visit>
void for_taps(const ConvShape& s, Visit&& visit) {
  const int pad = s.kernel / 2;
  for (int b = 0; b < s.batch; ++b)
    for (int y = 0; y < s.height; ++y)
      for (int x = 0; x < s.width; ++x)
        for (int t = 0; t < s.kernel * s.kernel; ++t) {
          const int sy = y + t / s.kernel - pad, sx = x + t % s.kernel - pad;
          if (sy < 0 || sy >= s.height || sx < 0 || sx >= s.width) continue;
          visit((int64_t(b) * s.height + sy) * s.width + sx, t, (int64_t(b) * s.height + y) * s.width + x);
        }
}

}  // namespace

std::vector<double> conv_reference(const ConvShape& s, const std::vector<float>& src,
                                   const std::vector<float>& weight, const std::vector<float>& bias) {
  const int taps = s.kernel * s.kernel;
  std::vector<double> dst(size_t(s.pixels()) * s.out);
  for (size_t i = 0; i < dst.size(); ++i) dst[i] = bias[i % s.out];
  for_taps(s, [&](int64_t from, int t, int64_t to) {
    for (int o = 0; o < s.out; ++o)
      for (int i = 0; i < s.in; ++i)
        dst[to * s.out + o] += double(src[from * s.in + i]) * weight[(int64_t(o) * taps + t) * s.in + i];
  });
  return dst;
}

ConvGradients conv_reference_backward(const ConvShape& s, const std::vector<float>& src,
                                      const std::vector<float>& weight, const std::vector<float>& d_dst) {
  const int taps = s.kernel * s.kernel;
  ConvGradients g{std::vector<double>(src.size()), std::vector<double>(weight.size()),
                  std::vector<double>(size_t(s.out))};
  for_taps(s, [&](int64_t from, int t, int64_t to) {
    for (int o = 0; o < s.out; ++o)
      for (int i = 0; i < s.in; ++i) {
        const double d = d_dst[to * s.out + o];
        const int64_t w = (int64_t(o) * taps + t) * s.in + i;
        g.src[from * s.in + i] += d * weight[w];
        g.weight[w] += d * src[from * s.in + i];
      }
  });
  for (size_t i = 0; i < d_dst.size(); ++i) g.bias[i % s.out] += d_dst[i];
  return g;
}

}  // namespace orrery
