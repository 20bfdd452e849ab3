// Letters into pictures: a 5x7 bitmap font for printable ASCII, in cells of 6x8.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/frame.h"

namespace orrery {

inline constexpr int kGlyphWidth = 6, kGlyphHeight = 8;  // pixels at scale 1, gap included
using Rgb = std::array<uint8_t, 3>;

// Top left corner at (x, y); clipped at the picture's edge. Bytes outside printable ASCII are drawn as '?',
// a UTF-8 sequence as one.
void draw_text(Frame& frame, int x, int y, std::string_view text, Rgb color = {255, 255, 255}, int scale = 1);
void fill_rect(Frame& frame, int x, int y, int width, int height, Rgb color);  // clipped
int text_width(std::string_view text, int scale = 1);                          // pixels
// Lines of at most `columns` letters, broken at spaces; a longer word is cut.
std::vector<std::string> wrap_text(std::string_view text, int columns);

}  // namespace orrery
