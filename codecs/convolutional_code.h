// Tail-biting convolutional code, rate 1/4, constraint length 9, generators 463 535 733 745 octal (free
// distance 24; Proakis, Digital Communications, table 8.2-3), with soft-decision Viterbi decoding; and a CRC
// for what it carries.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace orrery {

inline constexpr int kCodeRate = 4;  // coded bits a message bit

// bits: 0 or 1, at least 9. Returns kCodeRate * bits.size() coded bits.
std::vector<uint8_t> convolutional_encode(std::span<const uint8_t> bits);

// soft: positive where a coded bit is likelier 0; any common scale. Returns the likeliest message found.
std::vector<uint8_t> convolutional_decode(std::span<const float> soft);

// CRC-24 of RFC 4880 (0x864cfb) over bits, most significant first.
uint32_t crc24(std::span<const uint8_t> bits);

}  // namespace orrery
