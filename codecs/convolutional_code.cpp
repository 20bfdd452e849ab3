#include "codecs/convolutional_code.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/error.h"

namespace orrery {
namespace {

constexpr int kMemory = 11, kStates = 1 << kMemory, kHalf = kStates / 2;
constexpr std::array<unsigned, kCodeRate> kGenerators = {04767, 05723, 06265, 07455};
// The message is decoded three times in a row, so that the middle one begins and ends in a state that the
// received values chose: tail-biting without trying all 2048 first states.
constexpr int kLaps = 3;

// Sign of coded bit i on the branch from state p (< kHalf) with input 0. All generators have their first and
// last tap set: the other three branches of a butterfly carry the same sign or its negative.
struct Signs {
  float of[kCodeRate][kHalf];
  Signs() {
    for (int i = 0; i < kCodeRate; ++i)
      for (unsigned p = 0; p < kHalf; ++p)
        of[i][p] = std::popcount((p << 1) & kGenerators[size_t(i)]) % 2 ? -1.f : 1.f;
  }
};

// One step of the trellis: new path metrics, and for every state whether it came from the upper half.
void butterflies(const Signs& signs, const float* soft, const float* old, float* now, uint8_t* upper) {
  float even[kHalf], odd[kHalf];
  uint8_t even_upper[kHalf], odd_upper[kHalf];
  for (int p = 0; p < kHalf; ++p) {
    const float m = soft[0] * signs.of[0][p] + soft[1] * signs.of[1][p] + soft[2] * signs.of[2][p] +
                    soft[3] * signs.of[3][p];
    const float a = old[p] + m, b = old[p + kHalf] - m, c = old[p] - m, d = old[p + kHalf] + m;
    even[p] = std::max(a, b), even_upper[p] = b > a;
    odd[p] = std::max(c, d), odd_upper[p] = d > c;
  }
  for (int p = 0; p < kHalf; ++p) {
    now[2 * p] = even[p], now[2 * p + 1] = odd[p];
    upper[2 * p] = even_upper[p], upper[2 * p + 1] = odd_upper[p];
  }
}

}  // namespace

std::vector<uint8_t> convolutional_encode(std::span<const uint8_t> bits) {
  const size_t n = bits.size();
  ORRERY_ASSERT(n > kMemory);
  unsigned state = 0;
  for (size_t i = n - kMemory; i < n; ++i) state = (state << 1 | bits[i]) & (kStates - 1);
  std::vector<uint8_t> coded;
  coded.reserve(n * kCodeRate);
  for (const uint8_t bit : bits) {
    const unsigned window = state << 1 | bit;
    for (const unsigned g : kGenerators) coded.push_back(uint8_t(std::popcount(window & g) % 2));
    state = window & (kStates - 1);
  }
  return coded;
}

std::vector<uint8_t> convolutional_decode(std::span<const float> soft) {
  static const Signs signs;
  ORRERY_ASSERT(soft.size() % kCodeRate == 0 && soft.size() > kMemory * kCodeRate);
  const size_t n = soft.size() / kCodeRate, steps = n * kLaps;
  thread_local std::vector<uint8_t> upper;
  upper.resize(steps * kStates);
  float metrics[2][kStates] = {};
  for (size_t t = 0; t < steps; ++t)
    butterflies(signs, &soft[t % n * kCodeRate], metrics[t % 2], metrics[1 - t % 2], &upper[t * kStates]);
  const float* last = metrics[steps % 2];
  unsigned state = unsigned(std::max_element(last, last + kStates) - last);
  std::vector<uint8_t> bits(n);
  for (size_t t = steps; t-- > n;) {
    if (t < 2 * n) bits[t - n] = uint8_t(state & 1);
    state = state >> 1 | unsigned(upper[t * kStates + state]) << (kMemory - 1);
  }
  return bits;
}

uint16_t crc16(std::span<const uint8_t> bits) {
  uint32_t crc = 0xffff;
  for (const uint8_t bit : bits) {
    const bool flip = (crc >> 15 & 1) != bit;
    crc = crc << 1 & 0xffff;
    if (flip) crc ^= 0x1021;
  }
  return uint16_t(crc);
}

}  // namespace orrery
