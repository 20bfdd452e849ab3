// What embedder and detector of the watermark share: coefficients, layout by key, message.
#pragma once
#include <array>
#include <span>

#include "codecs/watermark.h"

namespace orrery::watermark {

inline constexpr int kWidth = 320;  // the mark's plane: every picture is taken to be 320 wide
inline constexpr int kTileWidth = 320, kTileHeight = 160;  // period of the pattern on that plane, pixels
inline constexpr int kHighest = 13;                        // cycles along one side of the period
enum Channel { kLuma, kBlue, kChannels };  // brightness; blue against yellow at equal brightness (Cb)
// Frequencies used, cycles in kTileHeight pixels: of luma wavelengths of 47 to 25 pixels, of Cb, which codecs
// halve and round more coarsely, 84 to 37. Half size with CRF 28 lets through a half of them; of shorter ones
// little, and longer ones drown in shading.
struct Ring {
  double least, most;
};
inline constexpr Ring kRings[kChannels] = {{3.4, 6.5}, {1.9, 4.3}};
inline constexpr int kSyncChips = 40;
inline constexpr int kPayloadBits = 48, kCrcBits = 16, kMessageBits = kPayloadBits + kCrcBits;
inline constexpr uint16_t kProgramMark = 0x4f72;  // "Or"

struct Coefficient {
  Channel channel;
  int kx, ky;  // cycles a period; kx > 0, or kx = 0 and ky > 0
  double cycles() const;  // in kTileHeight pixels
};
const std::vector<Coefficient>& coefficients();

// Chip 2 c is the cosine of coefficient c, chip 2 c + 1 its sine.
struct Layout {
  std::vector<int16_t> bit;  // [chip] which coded bit; kSync: a known chip
  std::vector<float> sign;   // [chip] +-1
  explicit Layout(WatermarkKey key);
};
inline constexpr int16_t kSync = -1;

std::vector<uint8_t> message_of(const WatermarkPayload& payload);  // kMessageBits bits
// False when program mark or CRC do not fit: 32 bits that chance must hit.
bool read_message(std::span<const uint8_t> message, WatermarkPayload& payload);

// Mean over a square of (2 radius + 1)^2 pixels, cut at the edges.
std::vector<float> box_mean(const std::vector<float>& image, int width, int height, int radius);
std::vector<float> channel_of(const Frame& frame, Channel channel);  // levels

}  // namespace orrery::watermark
