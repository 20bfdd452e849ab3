// Tail-biting convolutional code, rate 1/4, constraint length 12, generators 4767 5723 6265 7455 octal (free
// distance 32; Proakis, Digital Communications, table 8.2-3), with soft-decision Viterbi decoding; and a CRC
// for what it carries.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace orrery {

inline constexpr int kCodeRate = 4;  // coded bits a message bit

// bits: 0 or 1, at least 12. Returns kCodeRate * bits.size() coded bits.
std::vector<uint8_t> convolutional_encode(std::span<const uint8_t> bits);

// soft: positive where a coded bit is likelier 0; any common scale. Returns the likeliest message found.
std::vector<uint8_t> convolutional_decode(std::span<const float> soft);

// CRC-16/IBM-3740 (0x1021, from 0xffff) over bits, most significant first.
uint16_t crc16(std::span<const uint8_t> bits);

}  // namespace orrery
