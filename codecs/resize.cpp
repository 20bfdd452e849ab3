#include "codecs/resize.h"

#include <algorithm>
#include <cmath>

#include "codecs/convert.h"
#include "core/error.h"

namespace orrery {

Frame resize(const Frame& frame, int width, int height) {
  if (width < 1 || height < 1)
    fail_usage("cannot resize to {}x{}: both sides must be at least 1", width, height);
  if (width == frame.width && height == frame.height) return frame;
  const int algorithm = width < frame.width || height < frame.height ? SWS_AREA : SWS_BICUBIC;
  const ffmpeg::ScalerPtr scaler(
      sws_getContext(frame.width, frame.height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_RGB24,
                     algorithm | SWS_BITEXACT | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                     nullptr, nullptr, nullptr));
  if (!scaler) fail("swscale cannot resize {}x{} to {}x{}", frame.width, frame.height, width, height);
  const ffmpeg::FramePtr source = ffmpeg::make_picture(AV_PIX_FMT_RGB24, frame.width, frame.height);
  const ffmpeg::FramePtr target = ffmpeg::make_picture(AV_PIX_FMT_RGB24, width, height);
  copy_to_picture(frame, *source);
  sws_scale(scaler.get(), source->data, source->linesize, 0, frame.height, target->data, target->linesize);
  Frame out;
  out.seconds = frame.seconds;
  copy_from_picture(*target, width, height, out);
  return out;
}

PictureSize fit_inside(int width, int height, int max_width, int max_height) {
  double scale = 1;
  if (max_width > 0) scale = std::min(scale, double(max_width) / width);
  if (max_height > 0) scale = std::min(scale, double(max_height) / height);
  return {std::max(1, int(std::lround(width * scale))), std::max(1, int(std::lround(height * scale)))};
}

}  // namespace orrery
