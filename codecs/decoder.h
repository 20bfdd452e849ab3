// A video file -> frames with times, one at a time; memory does not grow with the length.
#pragma once
#include <memory>
#include <string>

#include "core/files.h"
#include "core/frame.h"

namespace orrery {

struct DecodeOptions {
  int max_width = 0, max_height = 0;  // > 0: scale down to fit, aspect kept; never up
  int threads = 2;                    // does not change a pixel
};

struct VideoInfo {
  int width = 0, height = 0;  // of the frames delivered: rotated, square pixels, scaled down as asked
  int full_width = 0, full_height = 0;  // likewise, not scaled down
  double fps = 0;             // nominal; 0 if the file does not say
  double duration = 0;        // s; 0 if the file does not say
  int rotation = 0;           // degrees clockwise that were applied: 0, 90, 180, 270
  std::string codec;          // "h264", "vp9", ...
  std::string container;      // "mov,mp4,...", "matroska,webm", ...
};

class VideoSource : public FrameSource {
 public:
  virtual const VideoInfo& info() const = 0;
  // Of the frames read so far: do their intervals differ by more than the file's time stamps can resolve?
  virtual bool is_vfr() const = 0;
};

// Whatever FFmpeg decodes, judged by content and not by name. Frame::seconds is the presentation time minus
// the first frame's. Colour by the file's tags (untagged: bt709 from 720 lines, bt601 below); 10 bits are
// rounded to 8; alpha lies over black; HDR is not tone-mapped. Error, naming the file: absent, empty, not a
// video, no video stream, truncated, damaged, over 8192 pixels a side. Truncation that the container reveals
// is found here, other damage in next().
std::unique_ptr<VideoSource> open_decoder(const fs::path& path, const DecodeOptions& options = {});

}  // namespace orrery
