// RGB <-> the pixel formats of video, through swscale with the colour matrix stated.
#pragma once
#include "codecs/ffmpeg.h"
#include "core/frame.h"

namespace orrery {

// Between Frame's packed rows and a picture whose rows are aligned and padded: swscale's SIMD code reads, and
// on some paths writes, past the end of a row. The picture may be larger than the frame: the frame's last
// column and row are repeated, so that no pixel of the result depends on memory that nobody wrote.
void copy_to_picture(const Frame& frame, AVFrame& picture);
// The picture's upper left width x height pixels.
void copy_from_picture(const AVFrame& picture, int width, int height, Frame& frame);

// RGB -> `format`, bt709 limited range. width and height: of the picture to be made; at most one more than
// the frame's.
class RgbToPicture {
 public:
  RgbToPicture(int width, int height, AVPixelFormat format);
  // The picture made; its buffer is reused unless an encoder still holds it.
  AVFrame* convert(const Frame& frame);
  int width() const { return width_; }
  int height() const { return height_; }

 private:
  int width_, height_;
  ffmpeg::FramePtr rgb_, picture_;  // sides rounded up to even: half-resolution colour needs whole pairs
  ffmpeg::ScalerPtr scaler_;
};

// Decoded pictures -> RGB of one fixed size; format, colour tags and size of the pictures may change on the
// way.
class PictureToRgb {
 public:
  PictureToRgb(int width, int height) : width_(width), height_(height) {}
  void convert(const AVFrame& picture, Frame& frame);  // Error when the format cannot be converted

 private:
  int width_, height_;
  ffmpeg::ScalerPtr scaler_;
  ffmpeg::FramePtr rgb_;  // RGB24 or RGBA
};

}  // namespace orrery
