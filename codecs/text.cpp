#include "codecs/text.h"

#include <algorithm>

#include "codecs/font_5x7.h"

namespace orrery {
namespace {

// One cell a character: continuation bytes of UTF-8 (10xxxxxx) draw nothing.
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

const std::array<uint8_t, 5>& glyph(char c) {
  const int code = static_cast<unsigned char>(c);
  return kFont5x7[size_t(code >= 32 && code < 127 ? code - 32 : '?' - 32)];
}

}  // namespace

void fill_rect(Frame& frame, int x, int y, int width, int height, Rgb color) {
  const int x1 = std::min(x + width, frame.width), y1 = std::min(y + height, frame.height);
  for (int row = std::max(y, 0); row < y1; ++row)
    for (int column = std::max(x, 0); column < x1; ++column)
      std::copy(color.begin(), color.end(), frame.at(column, row));
}

void draw_text(Frame& frame, int x, int y, std::string_view text, Rgb color, int scale) {
  for (const char c : text) {
    if (is_continuation(c)) continue;
    const std::array<uint8_t, 5>& columns = glyph(c);
    for (int column = 0; column < 5; ++column)
      for (int row = 0; row < 8; ++row)
        if (columns[size_t(column)] >> row & 1)
          fill_rect(frame, x + column * scale, y + row * scale, scale, scale, color);
    x += kGlyphWidth * scale;
  }
}

int text_width(std::string_view text, int scale) {
  return int(std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); })) *
         kGlyphWidth * scale;
}

std::vector<std::string> wrap_text(std::string_view text, int columns) {
  columns = std::max(columns, 1);
  const auto length = [](std::string_view s) { return text_width(s) / kGlyphWidth; };
  std::vector<std::string> lines;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) lines.push_back(std::move(line));
    line.clear();
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" \n\t"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!line.empty() && length(line) + 1 + length(word) > columns) flush();
    if (!line.empty()) line += ' ';
    for (const char c : word) {
      if (!is_continuation(c) && length(line) >= columns) flush();
      line += c;
    }
  }
  flush();
  return lines;
}

}  // namespace orrery
