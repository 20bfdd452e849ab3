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

// Over black: rgb * alpha / 255, rounded.
void composite_over_black(const std::vector<uint8_t>& rgba, std::vector<uint8_t>& rgb) {
  for (size_t i = 0, n = rgba.size() / 4; i < n; ++i)
    for (int c = 0; c < 3; ++c) rgb[3 * i + c] = uint8_t((rgba[4 * i + c] * rgba[4 * i + 3] + 127) / 255);
}

// [h][w][3] -> [height][width][3], last column and row repeated.
void pad_edges(const Frame& frame, int width, int height, std::vector<uint8_t>& padded) {
  padded.resize(size_t(width) * height * 3);
  for (int y = 0; y < height; ++y) {
    uint8_t* row = &padded[size_t(y) * width * 3];
    std::memcpy(row, frame.at(0, std::min(y, frame.height - 1)), size_t(frame.width) * 3);
    for (int x = frame.width; x < width; ++x) std::memcpy(row + 3 * x, row + 3 * (frame.width - 1), 3);
  }
}

}  // namespace

RgbToPicture::RgbToPicture(int width, int height, AVPixelFormat format)
    : width_(width), height_(height), picture_(ffmpeg::make_picture(format, width, height)) {
  scaler_.reset(sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, format, SWS_BICUBIC | kExact,
                               nullptr, nullptr, nullptr));
  if (!scaler_) fail("swscale cannot convert {}x{} RGB to {}", width, height, av_get_pix_fmt_name(format));
  const int* matrix = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(scaler_.get(), matrix, 1, matrix, 0, 0, kNeutral, kNeutral);
  picture_->colorspace = AVCOL_SPC_BT709;
  picture_->color_range = AVCOL_RANGE_MPEG;
  picture_->color_primaries = AVCOL_PRI_BT709;
  picture_->color_trc = AVCOL_TRC_BT709;
}

AVFrame* RgbToPicture::convert(const Frame& frame) {
  if (av_frame_make_writable(picture_.get()) < 0)
    fail("out of memory for a {}x{} video frame", width_, height_);
  const uint8_t* source[4] = {frame.rgb.data()};
  if (frame.width != width_ || frame.height != height_) {
    pad_edges(frame, width_, height_, padded_);
    source[0] = padded_.data();
  }
  const int stride[4] = {3 * width_};
  sws_scale(scaler_.get(), source, stride, 0, height_, picture_->data, picture_->linesize);
  return picture_.get();
}

void PictureToRgb::convert(const AVFrame& picture, Frame& frame) {
  const auto format = AVPixelFormat(picture.format);
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  const bool alpha = description && (description->flags & AV_PIX_FMT_FLAG_ALPHA || format == AV_PIX_FMT_PAL8);
  const int algorithm = width_ < picture.width || height_ < picture.height ? SWS_AREA : SWS_BICUBIC;
  SwsContext* scaler = sws_getCachedContext(scaler_.release(), picture.width, picture.height, format, width_,
                                            height_, alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24,
                                            algorithm | kExact | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                                            nullptr, nullptr, nullptr);
  scaler_.reset(scaler);
  if (!scaler) fail("no conversion from pixel format {} to RGB", description ? description->name : "unknown");
  const int* matrix = sws_getCoefficients(swscale_matrix(picture));
  sws_setColorspaceDetails(scaler, matrix, is_full_range(picture), matrix, 1, 0, kNeutral, kNeutral);
  frame.width = width_;
  frame.height = height_;
  frame.rgb.resize(size_t(width_) * height_ * 3);
  if (alpha) rgba_.resize(size_t(width_) * height_ * 4);
  uint8_t* target[4] = {alpha ? rgba_.data() : frame.rgb.data()};
  const int stride[4] = {(alpha ? 4 : 3) * width_};
  sws_scale(scaler, picture.data, picture.linesize, 0, picture.height, target, stride);
  if (alpha) composite_over_black(rgba_, frame.rgb);
}

}  // namespace orrery
