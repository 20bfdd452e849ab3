#include "codecs/resize.h"

#include <algorithm>
#include <cmath>

#include "codecs/ffmpeg.h"
#include "core/error.h"

namespace orrery {

Frame resize(const Frame& frame, int width, int height) {
  if (width < 1 || height < 1)
    fail_usage("cannot resize to {}x{}: both sides must be at least 1", width, height);
  if (width == frame.width && height == frame.height) return frame;
  Frame out(width, height);
  out.seconds = frame.seconds;
  const int algorithm = width < frame.width || height < frame.height ? SWS_AREA : SWS_BICUBIC;
  const ffmpeg::ScalerPtr scaler(
      sws_getContext(frame.width, frame.height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_RGB24,
                     algorithm | SWS_BITEXACT | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                     nullptr, nullptr, nullptr));
  if (!scaler) fail("swscale cannot resize {}x{} to {}x{}", frame.width, frame.height, width, height);
  const uint8_t* source[4] = {frame.rgb.data()};
  const int source_stride[4] = {3 * frame.width}, stride[4] = {3 * width};
  uint8_t* target[4] = {out.rgb.data()};
  sws_scale(scaler.get(), source, source_stride, 0, frame.height, target, stride);
  return out;
}

PictureSize fit_inside(int width, int height, int max_width, int max_height) {
  double scale = 1;
  if (max_width > 0) scale = std::min(scale, double(max_width) / width);
  if (max_height > 0) scale = std::min(scale, double(max_height) / height);
  return {std::max(1, int(std::lround(width * scale))), std::max(1, int(std::lround(height * scale)))};
}

}  // namespace orrery
