// GIF comment extensions: where a GIF keeps metadata. FFmpeg's muxer writes none; its demuxer (and so
// ffprobe) shows ours as `comment`.
#pragma once
#include <map>
#include <string>

#include "codecs/encoder.h"

namespace orrery {

// Puts {"key": "value", ...} into a comment extension before the trailer of a finished GIF.
void append_gif_comment(const fs::path& path, const Metadata& metadata);

// The object's members; a comment that is no such object comes back under the key "comment".
std::map<std::string, std::string> read_gif_comment(const fs::path& path);

}  // namespace orrery
