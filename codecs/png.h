// PNG through libpng, with text chunks.
#pragma once
#include <map>
#include <span>
#include <string>

#include "codecs/encoder.h"
#include "core/frame.h"

namespace orrery {

inline constexpr int kMaxPngSide = 32768;  // pixels: contact sheets are larger than videos

// 8-bit RGB, 1 to kMaxPngSide a side. Metadata: ASCII as tEXt, other UTF-8 as iTXt. Same input, same bytes. Atomic.
void write_png(const fs::path& path, const Frame& frame, const Metadata& metadata = {});
// The file's bytes, for a picture inside of something else.
std::vector<uint8_t> png_bytes(const Frame& frame);

// Any PNG as 8-bit RGB (16 bits rounded, palettes expanded, alpha over black). Error names the file when it
// is no PNG, is cut off or damaged, or has a side over 32768 (contact sheets are large).
Frame read_png(const fs::path& path);
std::map<std::string, std::string> read_png_text(const fs::path& path);

}  // namespace orrery
