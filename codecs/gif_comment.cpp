#include "codecs/gif_comment.h"

#include <algorithm>
#include <fstream>

#include "core/error.h"
#include "core/json.h"

namespace orrery {
namespace {

constexpr int kTrailer = 0x3b, kExtension = 0x21, kImage = 0x2c, kComment = 0xfe;  // GIF89a, appendix A
constexpr size_t kMaxCommentBytes = 1 << 20;

class GifReader {
 public:
  explicit GifReader(const fs::path& path) : path_(path), in_(path, std::ios::binary) {
    if (!in_) fail("cannot open {}", path.string());
    std::string header = take(13);
    if (header.compare(0, 3, "GIF") != 0) fail("{} is not a GIF", path.string());
    skip_palette(uint8_t(header[10]));
  }
  // All comments, joined.
  std::string comments() {
    std::string text;
    for (;;) {
      const int block = byte();
      if (block == kTrailer) return text;
      if (block == kExtension) {
        const bool comment = byte() == kComment;
        sub_blocks(comment ? &text : nullptr);
      } else if (block == kImage) {
        skip_palette(uint8_t(take(9)[8]));
        byte();  // LZW code size
        sub_blocks(nullptr);
      } else {
        fail("{} is damaged: block 0x{:02x} is none of GIF's", path_.string(), block);
      }
    }
  }

 private:
  int byte() { return uint8_t(take(1)[0]); }
  std::string take(size_t n) {
    std::string bytes(n, 0);
    if (!in_.read(bytes.data(), std::streamsize(n))) fail("{} is cut off", path_.string());
    return bytes;
  }
  void skip_palette(uint8_t flags) {
    if (flags & 0x80) take(3u << ((flags & 7) + 1));
  }
  void sub_blocks(std::string* text) {
    while (const int n = byte()) {
      const std::string bytes = take(size_t(n));
      if (text && text->size() < kMaxCommentBytes) *text += bytes;
    }
  }
  fs::path path_;
  std::ifstream in_;
};

std::string comment_extension(const std::string& text) {
  std::string bytes = {char(kExtension), char(kComment)};
  for (size_t i = 0; i < text.size(); i += 255) {
    const std::string part = text.substr(i, 255);
    bytes += char(part.size());
    bytes += part;
  }
  return bytes + '\0';
}

}  // namespace

void append_gif_comment(const fs::path& path, const Metadata& metadata) {
  if (metadata.empty()) return;
  Json object = Json::object();
  for (const auto& [key, value] : metadata)
    if (!value.empty()) object[key] = value;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(-1, std::ios::end);
  ORRERY_ASSERT(file.get() == kTrailer);
  file.seekp(-1, std::ios::end);
  const auto replace = Json::error_handler_t::replace;  // invalid UTF-8 in a prompt must not stop the clip
  file << comment_extension(object.dump(-1, ' ', false, replace)) << char(kTrailer);
  file.flush();
  if (!file) fail("cannot write metadata to {}", path.string());
}

std::map<std::string, std::string> read_gif_comment(const fs::path& path) {
  const std::string text = GifReader(path).comments();
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object())
    return text.empty() ? std::map<std::string, std::string>{}
                        : std::map<std::string, std::string>{{"comment", text}};
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : object.items())
    values[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return values;
}

}  // namespace orrery
