// RGB <-> the pixel formats of video, through swscale with the colour matrix stated.
#pragma once
#include "codecs/ffmpeg.h"
#include "core/frame.h"

namespace orrery {

// RGB -> `format`, bt709 limited range when that is a YUV format; `target` may be up to one pixel larger each
// way than the frame: its last column and row are repeated.
class RgbToPicture {
 public:
  RgbToPicture(int width, int height, AVPixelFormat format);
  // The picture made; its buffer is reused unless an encoder still holds it.
  AVFrame* convert(const Frame& frame);
  int width() const { return width_; }
  int height() const { return height_; }

 private:
  int width_, height_;  // padded
  ffmpeg::FramePtr picture_;
  ffmpeg::ScalerPtr scaler_;
  std::vector<uint8_t> padded_;  // [height_][width_][3], used when padding is needed
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
  std::vector<uint8_t> rgba_;
};

}  // namespace orrery
