// RGB -> 255 colours and indices, for GIF. Own code rather than libavfilter's palettegen: that one needs the
// whole clip before it gives a palette; here the memory is one frame's.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/frame.h"

namespace orrery {

inline constexpr int kGifColors = 255;  // the 256th is transparent: "as in the frame before"

// 0xAARRGGBB, entry 255 transparent.
using GifPalette = std::array<uint32_t, 256>;

// Variance-based median cut (Heckbert 1982, with Wu's choice of the box) over a histogram of 32^3 bins.
GifPalette make_palette(std::span<const uint8_t> rgb);

// Keeps a palette as long as it serves: a steady palette does not flicker. Rebuilt from the frame at hand
// when the frame's mean squared error rises over 1.5 times what the palette had at birth.
class GifQuantizer {
 public:
  // [h][w] indices into palette(), ordered dither (8x8 Bayer: stands still where the picture does).
  void quantize(const Frame& frame, uint8_t* indices, int stride);
  const GifPalette& palette() const { return palette_; }

 private:
  void adopt_palette(const Frame& frame);
  double map_frame(const Frame& frame, uint8_t* indices, int stride);  // mean squared error before dithering
  int nearest(int r, int g, int b);

  GifPalette palette_{};
  std::vector<int16_t> nearest_;  // by 6 bits of r, g, b; -1: not yet looked up
  double birth_error_ = -1;
};

}  // namespace orrery
