// Frames -> a video file, one frame at a time; memory does not grow with the length.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "core/frame.h"

namespace orrery {

// Key and value, in the order in which they are written. Keys: lower case, no '='.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// A part of the metadata that only the last frame decides, a hash of all frames: `placeholder` stands in the metadata
// until finish() puts value(), of the same length, in its place.
struct LateValue {
  std::string placeholder;
  std::function<std::string()> value;
};

inline constexpr int kMaxVideoSide = 8192;  // pixels, both sides, both directions

struct EncodeOptions {
  double fps = 24;  // constant: frame i is shown at i / fps, whatever Frame::seconds says
  bool frame_times = false;  // frame i is shown at its Frame::seconds instead, to 1/30000 s; they must ascend
  int crf = 18;  // quality on x264's scale, 0 (best) to 51; translated for other codecs; GIF has no such knob
  // Fixed, and not the program's thread count: x264's output depends on it. Same value = same bytes.
  int threads = 2;
  std::string
      encoder;        // libavcodec's name, of those that the extension allows; empty: the best one installed
  Metadata metadata;  // prompt, seed, model hash, ...: see read_metadata
  LateValue late;     // empty placeholder: none
};

// .mp4 (H.264, or MPEG-4 where no H.264 encoder is installed), .webm (VP9), .gif. The sink's file appears
// under its name in finish() and not before; destroyed earlier, it leaves nothing. yuv420p has
// half-resolution colour: H.264 and MPEG-4 pictures with an odd side get one more row or column, a copy of
// the last. GIF shows at most 50 frames per second. UsageError: unknown extension (lists the known), size
// outside 1..8192, fps or crf out of range.
std::unique_ptr<FrameSink> open_encoder(const fs::path& path, int width, int height,
                                        const EncodeOptions& options = {});

// Throws what open_encoder would about the name alone: for checking `-o` before an hour of work.
void check_video_extension(const fs::path& path);
std::vector<std::string> video_extensions();  // ".mp4", ".webm", ".gif"
// The encoder that would write this file here: "libx264", "libvpx-vp9", ...; Error when none is installed.
std::string encoder_name(const fs::path& path);

// What was written as metadata, from MP4, WebM, GIF (comment extension), PNG (text chunks) and whatever else
// FFmpeg opens. Keys in lower case (Matroska stores them in capitals). Error when the file cannot be read.
std::map<std::string, std::string> read_metadata(const fs::path& path);

}  // namespace orrery
