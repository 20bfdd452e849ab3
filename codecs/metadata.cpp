#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

#include "codecs/encoder.h"
#include "codecs/gif_comment.h"
#include "codecs/input_file.h"
#include "codecs/png.h"
#include "core/error.h"

namespace orrery {
namespace {

// Facts about the container that FFmpeg presents as metadata.
constexpr std::array<std::string_view, 3> kNotMetadata = {"major_brand", "minor_version",
                                                          "compatible_brands"};

std::string lower_case(std::string text) {
  for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void collect(const AVDictionary* tags, std::map<std::string, std::string>& values) {
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(tags, "", entry, AV_DICT_IGNORE_SUFFIX))) {
    const std::string key = lower_case(entry->key);
    if (std::find(kNotMetadata.begin(), kNotMetadata.end(), key) == kNotMetadata.end())
      values.emplace(key, entry->value);
  }
}

std::string first_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(8, 0);
  in.read(bytes.data(), 8);
  bytes.resize(size_t(in.gcount()));
  return bytes;
}

}  // namespace

std::map<std::string, std::string> read_metadata(const fs::path& path) {
  const std::string magic = first_bytes(path);
  if (magic.compare(0, 4, "\x89PNG") == 0) return read_png_text(path);
  if (magic.compare(0, 4, "GIF8") == 0) return read_gif_comment(path);
  const InputFile input(path);
  std::map<std::string, std::string> values;
  collect(input.format().metadata, values);
  return values;
}

}  // namespace orrery
