// The table behind open_encoder: which extension is which container, and which encoders may fill it.
#pragma once
#include <string_view>
#include <vector>

#include "codecs/encoder.h"
#include "codecs/ffmpeg.h"

namespace orrery {

struct EncoderChoice {
  const char* name;  // libavcodec's
  AVPixelFormat format;
  bool even_size;  // sides must be even
  // Sets quality, speed and threads from the options; encoder-specific keys go into the dictionary.
  void (*configure)(const EncodeOptions& options, AVCodecContext& codec, AVDictionary** dictionary);
};

struct VideoFormat {
  std::string_view extension;  // with the dot, lower case
  const char* muxer;           // libavformat's
  double max_fps;
  std::vector<EncoderChoice> encoders;  // the first one installed is taken
  std::vector<std::pair<const char*, const char*>> muxer_options;
};

const std::vector<VideoFormat>& video_formats();
const VideoFormat& video_format_of(const fs::path& path);  // UsageError lists the known
// The first one installed, or the one of that name. Error names all that were tried.
const EncoderChoice& installed_encoder(const VideoFormat& format, const std::string& name = "");

}  // namespace orrery
