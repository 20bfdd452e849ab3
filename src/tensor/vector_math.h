// exp and sigmoid as plain arithmetic, so that loops over them vectorise (std::exp does not).
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace orrery {

// 2^t by splitting t = n + f, |f| <= 1/2, and a degree-6 polynomial for 2^f: relative error below 3e-7.
inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float t = x * 1.44269504f;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (t + magic) - magic;
  const float f = t - n;
  float p = 1.54035304e-4f;
  p = p * f + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.0f;
  return p * std::bit_cast<float>((int32_t(n) + 127) << 23);
}

inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
inline float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

}  // namespace orrery
