#include "codecs/input_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "core/error.h"

namespace orrery {
namespace {

// Formats that FFmpeg reads but that are no clips: text drawn as video, and lists of other files.
constexpr std::array<std::string_view, 12> kRefused = {"tty",  "bin", "xbin", "adf",    "idf",        "hls",
                                                       "dash", "imf", "sdp",  "concat", "ffmetadata", "lrc"};

bool refused(const AVInputFormat& format) {
  std::string_view names = format.name;
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find(',', begin), names.size());
    if (std::find(kRefused.begin(), kRefused.end(), names.substr(begin, end - begin)) != kRefused.end())
      return true;
    begin = end + 1;
  }
  return false;
}

void check_is_file(const fs::path& path) {
  std::error_code ec;
  if (!fs::exists(path, ec)) fail("cannot open {}: no such file", path.string());
  if (fs::is_directory(path, ec)) fail("cannot open {}: it is a folder", path.string());
  if (fs::is_regular_file(path, ec) && fs::file_size(path, ec) == 0)
    fail("cannot read {}: the file is empty", path.string());
}

// The name is not shown to the probe: only content counts. Below this score it guesses.
constexpr int kMinScore = AVPROBE_SCORE_RETRY + 1;

const AVInputFormat* probe(AVIOContext* io, const std::string& name) {
  const AVInputFormat* format = nullptr;
  const int score = av_probe_input_buffer2(io, &format, "", nullptr, 0, 0);
  if (score < kMinScore || !format || refused(*format))
    fail("cannot read {}: not a video file that FFmpeg knows", name);
  return format;
}

}  // namespace

InputFile::InputFile(const fs::path& path) : name_(path.string()) {
  check_is_file(path);
  ffmpeg::silence_logs();
  const std::string url = ffmpeg::file_url(name_);
  AVIOContext* io = nullptr;
  int code = avio_open2(&io, url.c_str(), AVIO_FLAG_READ, nullptr, nullptr);
  if (code < 0) fail("cannot open {}: {}", name_, ffmpeg::error_text(code));
  io_.reset(io);
  const AVInputFormat* kind = probe(io, name_);
  const std::string missing = missing_part(path);
  if (!missing.empty()) fail("cannot read {}: the file is cut off: {}", name_, missing);
  AVFormatContext* format = avformat_alloc_context();
  if (!format) fail("out of memory for opening {}", name_);
  format->pb = io;
  AVDictionary* dictionary = nullptr;
  av_dict_set(&dictionary, "protocol_whitelist", "file", 0);
  code = avformat_open_input(&format, url.c_str(), kind, &dictionary);  // frees `format` when it fails
  av_dict_free(&dictionary);
  if (code < 0) fail("cannot read {}: {} (as {})", name_, ffmpeg::error_text(code), kind->name);
  format_.reset(format);
  code = avformat_find_stream_info(format, nullptr);
  if (code < 0) fail("cannot read {}: {}", name_, ffmpeg::error_text(code));
}

}  // namespace orrery
