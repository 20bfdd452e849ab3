// What embedder and detector of the watermark share: coefficients, layout by key, message.
#pragma once
#include <array>
#include <span>

#include "codecs/watermark.h"

namespace orrery::watermark {

inline constexpr int kWidth = 320;  // the mark's plane: every picture is taken to be 320 wide
inline constexpr int kTile = 160;   // period of the pattern on that plane, pixels
// Ring of frequencies, (cycles a tile)^2: wavelengths of 51 to 16 pixels. Of a wave of 50 pixels, half size
// at CRF 28 lets through 0.7, of 30 a half, of 20 a third and of 13 a tenth; longer ones drown in shading.
inline constexpr int kLeastSquare = 10, kMostSquare = 100;
inline constexpr int kHighest = 10;  // cycles along one axis
inline constexpr int kSyncChips = 48;
inline constexpr int kPayloadBits = 48, kCrcBits = 24, kMessageBits = kPayloadBits + kCrcBits;
inline constexpr uint16_t kProgramMark = 0x4f72;  // "Or"

struct Coefficient {
  int kx, ky;  // cycles a tile; kx > 0, or kx = 0 and ky > 0
  double radius() const;
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
// False when program mark or CRC do not fit: 40 bits that chance must hit.
bool read_message(std::span<const uint8_t> message, WatermarkPayload& payload);

// Mean over a square of (2 radius + 1)^2 pixels, cut at the edges.
std::vector<float> box_mean(const std::vector<float>& image, int width, int height, int radius);
std::vector<float> luma(const Frame& frame);

}  // namespace orrery::watermark
