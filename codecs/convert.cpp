#include "codecs/convert.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
extern "C" {
#include <libavutil/pixdesc.h>
}

namespace orrery {
namespace {

// BITEXACT and ACCURATE_RND: the same bytes from every SIMD path, and no systematic half-level darkening.
constexpr int kExact = SWS_BITEXACT | SWS_ACCURATE_RND;
constexpr int kNeutral = 1 << 16;  // brightness 0, contrast 1, saturation 1 in swscale's 16.16

// Untagged video: bt709 for high definition, bt601 below, as every player assumes.
int swscale_matrix(const AVFrame& picture) {
  switch (picture.colorspace) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
      return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      return picture.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  }
}

bool is_full_range(const AVFrame& picture) {
  switch (picture.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      return picture.color_range == AVCOL_RANGE_JPEG;
  }
}

// RGBA over black: rgb * alpha / 255, rounded.
void composite_over_black(const AVFrame& rgba, Frame& frame) {
  for (int y = 0; y < frame.height; ++y) {
    const uint8_t* source = rgba.data[0] + ptrdiff_t(y) * rgba.linesize[0];
    uint8_t* target = frame.at(0, y);
    for (int x = 0; x < frame.width; ++x, source += 4, target += 3)
      for (int c = 0; c < 3; ++c) target[c] = uint8_t((source[c] * source[3] + 127) / 255);
  }
}

int even(int n) { return (n + 1) / 2 * 2; }

}  // namespace

void copy_to_picture(const Frame& frame, AVFrame& picture) {
  const int columns = std::min(frame.width, picture.width);
  for (int y = 0; y < picture.height; ++y) {
    uint8_t* row = picture.data[0] + ptrdiff_t(y) * picture.linesize[0];
    std::memcpy(row, frame.at(0, std::min(y, frame.height - 1)), size_t(columns) * 3);
    for (int x = columns; x < picture.width; ++x) std::memcpy(row + 3 * x, row + 3 * (columns - 1), 3);
  }
}

void copy_from_picture(const AVFrame& picture, int width, int height, Frame& frame) {
  frame.width = width;
  frame.height = height;
  frame.rgb.resize(size_t(width) * height * 3);
  for (int y = 0; y < height; ++y)
    std::memcpy(frame.at(0, y), picture.data[0] + ptrdiff_t(y) * picture.linesize[0], size_t(width) * 3);
}

RgbToPicture::RgbToPicture(int width, int height, AVPixelFormat format)
    : width_(width),
      height_(height),
      rgb_(ffmpeg::make_picture(AV_PIX_FMT_RGB24, even(width), even(height))),
      picture_(ffmpeg::make_picture(format, even(width), even(height))) {
  scaler_.reset(sws_getContext(rgb_->width, rgb_->height, AV_PIX_FMT_RGB24, rgb_->width, rgb_->height, format,
                               SWS_BICUBIC | kExact, nullptr, nullptr, nullptr));
  if (!scaler_) fail("swscale cannot convert {}x{} RGB to {}", width, height, av_get_pix_fmt_name(format));
  const int* matrix = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(scaler_.get(), matrix, 1, matrix, 0, 0, kNeutral, kNeutral);
  picture_->colorspace = AVCOL_SPC_BT709;
  picture_->color_range = AVCOL_RANGE_MPEG;
  picture_->color_primaries = AVCOL_PRI_BT709;
  picture_->color_trc = AVCOL_TRC_BT709;
}

AVFrame* RgbToPicture::convert(const Frame& frame) {
  picture_->width = rgb_->width;  // the buffer's size again, for a copy to have it
  picture_->height = rgb_->height;
  if (av_frame_make_writable(picture_.get()) < 0)
    fail("out of memory for a {}x{} video frame", width_, height_);
  copy_to_picture(frame, *rgb_);
  sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, rgb_->height, picture_->data, picture_->linesize);
  picture_->width = width_;
  picture_->height = height_;
  return picture_.get();
}

void PictureToRgb::convert(const AVFrame& picture, Frame& frame) {
  const auto format = AVPixelFormat(picture.format);
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  const bool alpha = description && (description->flags & AV_PIX_FMT_FLAG_ALPHA || format == AV_PIX_FMT_PAL8);
  const AVPixelFormat target = alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
  if (!rgb_ || rgb_->format != target) rgb_ = ffmpeg::make_picture(target, width_, height_);
  const int algorithm = width_ < picture.width || height_ < picture.height ? SWS_AREA : SWS_BICUBIC;
  scaler_.reset(sws_getCachedContext(
      scaler_.release(), picture.width, picture.height, format, width_, height_, target,
      algorithm | kExact | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr));
  if (!scaler_)
    fail("no conversion from pixel format {} to RGB", description ? description->name : "unknown");
  const int* matrix = sws_getCoefficients(swscale_matrix(picture));
  sws_setColorspaceDetails(scaler_.get(), matrix, is_full_range(picture), matrix, 1, 0, kNeutral, kNeutral);
  sws_scale(scaler_.get(), picture.data, picture.linesize, 0, picture.height, rgb_->data, rgb_->linesize);
  if (!alpha) return copy_from_picture(*rgb_, width_, height_, frame);
  frame.width = width_;
  frame.height = height_;
  frame.rgb.resize(size_t(width_) * height_ * 3);
  composite_over_black(*rgb_, frame);
}

}  // namespace orrery
