#include "codecs/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codecs/png.h"
#include "core/error.h"

namespace orrery {
namespace {

constexpr int kLineHeight = kGlyphHeight + 2;

std::vector<std::string> caption_lines(const std::string& text, int width, int max_lines) {
  const int columns = std::max(4, width / kGlyphWidth - 1);  // a letter's space to the neighbour
  std::vector<std::string> lines = wrap_text(text, columns);
  if (int(lines.size()) <= max_lines) return lines;
  lines.resize(size_t(std::max(max_lines, 1)));
  std::string& last = lines.back();
  if (int(last.size()) > columns - 3) last.resize(size_t(columns - 3));
  last += "...";
  return lines;
}

void paste(Frame& sheet, const Frame& picture, int x, int y) {
  for (int row = 0; row < picture.height; ++row)
    std::memcpy(sheet.at(x, y + row), picture.at(0, row), size_t(picture.width) * 3);
}

void draw_lines(Frame& sheet, int x, int y, const std::vector<std::string>& lines, Rgb color) {
  for (const std::string& line : lines) draw_text(sheet, x, y, line, color), y += kLineHeight;
}

// Where everything goes: computed once, then painted.
struct SheetLayout {
  int columns, rows, cell_width, cell_height, width;
  std::vector<std::vector<std::string>> captions, row_captions;  // as lines; [picture], [row]
  std::vector<int> caption_height;                               // [row], pixels
};

SheetLayout make_layout(std::span<const Frame> frames, const ContactSheetOptions& options) {
  SheetLayout layout{};
  const int n = int(frames.size());
  layout.columns = std::min(n, options.columns > 0 ? options.columns : int(std::ceil(std::sqrt(double(n)))));
  layout.rows = (n + layout.columns - 1) / layout.columns;
  for (const Frame& frame : frames) {
    layout.cell_width = std::max(layout.cell_width, frame.width);
    layout.cell_height = std::max(layout.cell_height, frame.height);
  }
  layout.width = layout.columns * (layout.cell_width + options.gap) + options.gap;
  layout.captions.resize(size_t(n));
  layout.row_captions.resize(size_t(layout.rows));
  layout.caption_height.assign(size_t(layout.rows), 0);
  for (int i = 0; i < std::min(n, int(options.captions.size())); ++i) {
    layout.captions[i] = caption_lines(options.captions[i], layout.cell_width, options.max_caption_lines);
    int& height = layout.caption_height[i / layout.columns];
    height = std::max(height, int(layout.captions[i].size()) * kLineHeight);
  }
  for (int row = 0; row < std::min(layout.rows, int(options.row_captions.size())); ++row)
    layout.row_captions[row] =
        caption_lines(options.row_captions[row], layout.width - 2 * options.gap, options.max_caption_lines);
  return layout;
}

// A row's own caption, and air above it when a row precedes.
int above_height(const SheetLayout& layout, int row, int gap) {
  const int text = int(layout.row_captions[row].size()) * kLineHeight;
  return text ? text + gap + (row ? 2 * gap : 0) : 0;
}

int row_height(const SheetLayout& layout, int row, int gap) {
  const int above = above_height(layout, row, gap), below = layout.caption_height[row];
  return above + layout.cell_height + (below ? gap + below : 0) + gap;
}

}  // namespace

Frame contact_sheet(std::span<const Frame> frames, const ContactSheetOptions& options) {
  if (frames.empty()) fail("cannot make a contact sheet: no frames");
  const SheetLayout layout = make_layout(frames, options);
  int height = options.gap;
  for (int row = 0; row < layout.rows; ++row) height += row_height(layout, row, options.gap);
  if (layout.width > kMaxPngSide || height > kMaxPngSide)
    fail("cannot make a contact sheet of {}x{} pixels (at most {} a side): fewer frames or smaller ones",
         layout.width, height, kMaxPngSide);
  Frame sheet(layout.width, height);
  fill_rect(sheet, 0, 0, sheet.width, sheet.height, options.background);
  int y = options.gap;
  for (int row = 0; row < layout.rows; ++row) {
    draw_lines(sheet, options.gap, y + (row ? 2 * options.gap : 0), layout.row_captions[row], options.text);
    const int top = y + above_height(layout, row, options.gap);
    for (int i = row * layout.columns; i < std::min((row + 1) * layout.columns, int(frames.size())); ++i) {
      const int x = options.gap + (i % layout.columns) * (layout.cell_width + options.gap);
      paste(sheet, frames[i], x + (layout.cell_width - frames[i].width) / 2,
            top + (layout.cell_height - frames[i].height) / 2);
      draw_lines(sheet, x, top + layout.cell_height + options.gap, layout.captions[i], options.text);
    }
    y += row_height(layout, row, options.gap);
  }
  return sheet;
}

std::vector<int> spread_indices(int total, int count) {
  std::vector<int> indices;
  count = std::min(count, total);
  for (int i = 0; i < count; ++i)
    indices.push_back(count == 1 ? 0 : int((int64_t(i) * (total - 1) + (count - 1) / 2) / (count - 1)));
  return indices;
}

}  // namespace orrery
