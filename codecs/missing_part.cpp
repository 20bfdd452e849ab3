#include <fmt/format.h>

#include <array>
#include <fstream>
#include <optional>

#include "codecs/input_file.h"

namespace orrery {
namespace {

class Bytes {
 public:
  explicit Bytes(const fs::path& path) : in_(path, std::ios::binary) {
    in_.seekg(0, std::ios::end);
    size_ = in_ ? uint64_t(in_.tellg()) : 0;
  }
  uint64_t size() const { return size_; }
  // n <= 8 bytes at `offset` as one number; nothing past the end.
  std::optional<uint64_t> number(uint64_t offset, int n, bool little = false) {
    std::array<uint8_t, 8> bytes{};
    if (offset > size_ || size_ - offset < uint64_t(n)) return std::nullopt;
    in_.clear();
    in_.seekg(int64_t(offset));
    if (!in_.read(reinterpret_cast<char*>(bytes.data()), n)) return std::nullopt;
    uint64_t value = 0;
    for (int i = 0; i < n; ++i) value = value << 8 | bytes[little ? n - 1 - i : i];
    return value;
  }
  std::string too_short(const std::string& part, uint64_t begin, uint64_t length) const {
    if (begin <= size_ && length <= size_ - begin) return "";
    return fmt::format("its {} needs {} bytes more than the file has", part,
                       length - (size_ - std::min(begin, size_)));
  }

 private:
  std::ifstream in_;
  uint64_t size_ = 0;
};

// ISO 14496-12: boxes of size (4 bytes, 1 = 8 more follow, 0 = to the end) and type.
std::string missing_in_mp4(Bytes& bytes) {
  bool movie = false;
  for (uint64_t at = 0; at + 8 <= bytes.size();) {
    uint64_t size = *bytes.number(at, 4);
    const uint32_t type = uint32_t(*bytes.number(at + 4, 4));
    const char name[5] = {char(type >> 24), char(type >> 16), char(type >> 8), char(type), 0};
    if (size == 1) size = bytes.number(at + 8, 8).value_or(0);
    else if (size == 0) size = bytes.size() - at;
    if (size < 8) return "";      // not a box: the demuxer judges
    movie |= type == 0x6d6f6f76;  // 'moov'
    if (std::string text = bytes.too_short(fmt::format("'{}' box", name), at, size); !text.empty())
      return text;
    at += size;
  }
  return movie ? "" : "it has no 'moov' box, which says where the frames are";
}

// RFC 8794: an id, then a length whose first set bit gives its own width; all ones: unknown.
std::string missing_in_matroska(Bytes& bytes) {
  uint64_t at = 0;
  for (int element = 0; element < 2; ++element) {
    const auto id = bytes.number(at, 4);
    const auto first = bytes.number(at + 4, 1);
    if (!id || !first || *first == 0) return "it ends within its header";
    int width = 1;
    while (!(*first & (0x80 >> (width - 1)))) ++width;
    const auto raw = bytes.number(at + 4, width);
    if (!raw) return "it ends within its header";
    const uint64_t mask = (uint64_t(1) << (7 * width)) - 1, length = *raw & mask;
    if (length == mask) return "";  // a live recording: unknown length
    const uint64_t begin = at + 4 + uint64_t(width);
    if (*id != 0x1a45dfa3 && *id != 0x18538067) return "";  // neither EBML header nor Segment
    if (std::string text = bytes.too_short(*id == 0x18538067 ? "segment" : "header", begin, length);
        !text.empty())
      return text;
    at = begin + length;
  }
  return "";
}

std::string missing_in_avi(Bytes& bytes) {
  const auto length = bytes.number(4, 4, true);
  return length ? bytes.too_short("RIFF chunk", 8, *length) : "it ends within its header";
}

std::string missing_in_gif(Bytes& bytes) {
  // Some writers leave zeros behind the trailer.
  for (uint64_t at = bytes.size(); at > 13 && at + 64 > bytes.size(); --at) {
    const uint64_t value = *bytes.number(at - 1, 1);
    if (value == 0x3b) return "";
    if (value != 0) break;
  }
  return "it has no trailer";
}

}  // namespace

std::string missing_part(const fs::path& path) {
  Bytes bytes(path);
  const uint64_t first = bytes.number(0, 4).value_or(0), second = bytes.number(4, 4).value_or(0);
  const uint64_t form = bytes.number(8, 4).value_or(0);
  if (second == 0x66747970) return missing_in_mp4(bytes);  // 'ftyp'
  if (first == 0x1a45dfa3) return missing_in_matroska(bytes);
  if (first == 0x52494646 && form == 0x41564920) return missing_in_avi(bytes);  // 'RIFF', 'AVI '
  if (first == 0x47494638) return missing_in_gif(bytes);                        // 'GIF8'
  return "";
}

}  // namespace orrery
