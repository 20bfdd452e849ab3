// Frames in motion: 8-bit RGB with a presentation time, one at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace orrery {

struct Frame {
  int width = 0, height = 0;
  double seconds = 0;        // presentation time
  std::vector<uint8_t> rgb;  // [height][width][3], sRGB as stored in a video (bt709), row 0 at the top
  Frame() = default;
  Frame(int w, int h) : width(w), height(h), rgb(size_t(w) * h * 3) {}
  uint8_t* at(int x, int y) { return &rgb[(size_t(y) * width + x) * 3]; }
  const uint8_t* at(int x, int y) const { return &rgb[(size_t(y) * width + x) * 3]; }
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  virtual bool next(Frame& frame) = 0;  // false at the end; Error on damage
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void write(const Frame& frame) = 0;
  virtual void finish() = 0;  // flush, make the file visible under its name
};

}  // namespace orrery
