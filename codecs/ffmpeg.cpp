#include "codecs/ffmpeg.h"

#include <cstring>

#include "core/error.h"

namespace orrery::ffmpeg {

void silence_logs() { [[maybe_unused]] static const bool once = (av_log_set_level(AV_LOG_QUIET), true); }

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

std::string file_url(const std::string& path) { return "file:" + path; }

FramePtr make_frame() {
  FramePtr frame(av_frame_alloc());
  if (!frame) fail("out of memory for a video frame");
  return frame;
}

PacketPtr make_packet() {
  PacketPtr packet(av_packet_alloc());
  if (!packet) fail("out of memory for a video packet");
  return packet;
}

FramePtr make_picture(AVPixelFormat format, int width, int height) {
  FramePtr frame = make_frame();
  frame->format = format;
  frame->width = width;
  frame->height = height;
  if (av_frame_get_buffer(frame.get(), 0) < 0) fail("out of memory for a {}x{} video frame", width, height);
  for (const AVBufferRef* buffer : frame->buf)
    if (buffer) std::memset(buffer->data, 0, buffer->size);
  return frame;
}

}  // namespace orrery::ffmpeg
