// FFmpeg's C objects with owners, and its error codes as text. Nothing outside codecs/ includes this.
#pragma once
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

namespace orrery::ffmpeg {

template <auto Free>
struct PointerFree {
  template <class T>
  void operator()(T* p) const {
    Free(&p);
  }
};
template <auto Free>
struct ValueFree {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

using FramePtr = std::unique_ptr<AVFrame, PointerFree<av_frame_free>>;
using PacketPtr = std::unique_ptr<AVPacket, PointerFree<av_packet_free>>;
using CodecPtr = std::unique_ptr<AVCodecContext, PointerFree<avcodec_free_context>>;
using FilterPtr = std::unique_ptr<AVBSFContext, PointerFree<av_bsf_free>>;
using InputPtr = std::unique_ptr<AVFormatContext, PointerFree<avformat_close_input>>;
using OutputPtr = std::unique_ptr<AVFormatContext, ValueFree<avformat_free_context>>;
using ScalerPtr = std::unique_ptr<SwsContext, ValueFree<sws_freeContext>>;
using IoPtr = std::unique_ptr<AVIOContext, PointerFree<avio_closep>>;

// Our messages are the only ones: FFmpeg's own go to nobody. Called by everything that opens a file.
void silence_logs();
std::string error_text(int code);  // "Invalid data found when processing input"
// A URL that FFmpeg takes as a local file whatever the name looks like ("-", "http:x", "a:b").
std::string file_url(const std::string& path);

FramePtr make_frame();    // Error when out of memory
PacketPtr make_packet();  // the same

// A picture buffer of that format, zero including its padding (libvpx reads it). Error names the size when
// memory runs out.
FramePtr make_picture(AVPixelFormat format, int width, int height);

}  // namespace orrery::ffmpeg
