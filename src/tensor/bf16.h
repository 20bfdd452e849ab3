// bfloat16 as raw bits: the upper half of an f32, rounded to nearest even.
#pragma once
#include <bit>
#include <cstdint>

namespace orrery {

using bf16 = uint16_t;

inline bf16 to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return bf16((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // NaN keeps a non-zero mantissa in practice: quiet NaNs only
}
inline float from_bf16(bf16 value) { return std::bit_cast<float>(uint32_t(value) << 16); }

}  // namespace orrery

// Compiled three times, chosen at load time by CPU: plain loops over floats become AVX-512, AVX2 or SSE2 code.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ORRERY_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define ORRERY_SIMD
#endif
