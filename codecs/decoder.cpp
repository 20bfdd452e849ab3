#include "codecs/decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "codecs/convert.h"
#include "codecs/encoder.h"
#include "codecs/input_file.h"
#include "codecs/orientation.h"
#include "codecs/resize.h"
#include "core/error.h"

namespace orrery {
namespace {

// The size at which the picture has square pixels; never fewer pixels than stored.
PictureSize square_pixels(int width, int height, AVRational aspect) {
  if (aspect.num <= 0 || aspect.den <= 0) return {width, height};
  const double ratio = std::clamp(av_q2d(aspect), 1.0 / 16, 16.0);
  if (ratio > 1) return {int(std::lround(width * ratio)), height};
  return {width, int(std::lround(height / ratio))};
}

class VideoDecoder : public VideoSource {
 public:
  VideoDecoder(const fs::path& path, const DecodeOptions& options) : input_(path) {
    select_stream();
    open_codec(options.threads);
    fill_info(options);
    // The first frame now: a file without a single one is an error of opening, not of reading.
    packet_ = ffmpeg::make_packet();
    picture_ = ffmpeg::make_frame();
    have_first_ = decode_picture();
    if (!have_first_) fail("cannot read {}: its video has no frames", input_.name());
  }
  bool next(Frame& frame) override;
  const VideoInfo& info() const override { return info_; }
  bool is_vfr() const override {
    return longest_ > 0 && longest_ - shortest_ > 1.5 * av_q2d(stream_->time_base) + 0.1 * shortest_;
  }

 private:
  void select_stream();
  void open_codec(int threads);
  void fill_info(const DecodeOptions& options);
  bool decode_picture();  // into picture_; false at the end
  void feed();            // one packet of our stream, or the end, to the decoder
  double time_of(const AVFrame& picture);

  InputFile input_;
  AVStream* stream_ = nullptr;
  ffmpeg::CodecPtr codec_;
  ffmpeg::PacketPtr packet_;
  ffmpeg::FramePtr picture_;
  std::unique_ptr<PictureToRgb> converter_;
  Orientation orientation_;
  Frame upright_;
  VideoInfo info_;
  bool have_first_ = false, drained_ = false;
  int64_t frames_ = 0, start_ = AV_NOPTS_VALUE;
  double last_seconds_ = 0, shortest_ = std::numeric_limits<double>::max(), longest_ = 0;
};

void VideoDecoder::select_stream() {
  AVFormatContext& format = input_.format();
  const int index = av_find_best_stream(&format, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0 || format.streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC)
    fail("cannot read {}: it has no video stream ({} of other kinds)", input_.name(), format.nb_streams);
  for (unsigned i = 0; i < format.nb_streams; ++i)
    if (int(i) != index) format.streams[i]->discard = AVDISCARD_ALL;
  stream_ = format.streams[index];
}

void VideoDecoder::open_codec(int threads) {
  const AVCodecParameters& parameters = *stream_->codecpar;
  const AVCodec* decoder = avcodec_find_decoder(parameters.codec_id);
  if (!decoder)
    fail("cannot read {}: this FFmpeg has no decoder for {}", input_.name(),
         avcodec_get_name(parameters.codec_id));
  codec_.reset(avcodec_alloc_context3(decoder));
  if (!codec_) fail("out of memory for opening {}", input_.name());
  int code = avcodec_parameters_to_context(codec_.get(), &parameters);
  codec_->thread_count = std::clamp(threads, 1, 64);
  codec_->max_pixels = int64_t(kMaxVideoSide) * kMaxVideoSide;
  codec_->pkt_timebase = stream_->time_base;
  if (code >= 0) code = avcodec_open2(codec_.get(), decoder, nullptr);
  if (code < 0)
    fail("cannot read {}: decoder {}: {}", input_.name(), decoder->name, ffmpeg::error_text(code));
  if (codec_->width < 1 || codec_->height < 1 || codec_->width > kMaxVideoSide ||
      codec_->height > kMaxVideoSide)
    fail("cannot read {}: picture size {}x{} is outside 1 to {}", input_.name(), codec_->width,
         codec_->height, kMaxVideoSide);
}

void VideoDecoder::fill_info(const DecodeOptions& options) {
  AVFormatContext& format = input_.format();
  orientation_ = stream_orientation(*stream_);
  info_.rotation = orientation_.clockwise_degrees();
  PictureSize size =
      square_pixels(codec_->width, codec_->height, av_guess_sample_aspect_ratio(&format, stream_, nullptr));
  if (orientation_.transposes()) std::swap(size.width, size.height);
  info_.full_width = size.width, info_.full_height = size.height;
  size = fit_inside(size.width, size.height, options.max_width, options.max_height);
  if (size.width > kMaxVideoSide || size.height > kMaxVideoSide)
    fail("cannot read {}: with square pixels it is {}x{}, more than {} a side", input_.name(), size.width,
         size.height, kMaxVideoSide);
  info_.width = size.width;
  info_.height = size.height;
  const AVRational rate = av_guess_frame_rate(&format, stream_, nullptr);
  if (rate.num > 0 && rate.den > 0) info_.fps = av_q2d(rate);
  if (stream_->duration > 0) info_.duration = double(stream_->duration) * av_q2d(stream_->time_base);
  else if (format.duration > 0) info_.duration = double(format.duration) / AV_TIME_BASE;
  info_.codec = avcodec_get_name(stream_->codecpar->codec_id);
  info_.container = format.iformat->name;
  if (orientation_.transposes()) std::swap(size.width, size.height);
  converter_ = std::make_unique<PictureToRgb>(size.width, size.height);
}

void VideoDecoder::feed() {
  for (;;) {
    const int code = av_read_frame(&input_.format(), packet_.get());
    if (code < 0) {
      const bool io_failed = input_.format().pb->error < 0;
      if ((code != AVERROR_EOF && code != AVERROR(EAGAIN)) || io_failed)
        fail("cannot read {} past frame {}: {}", input_.name(), frames_,
             ffmpeg::error_text(io_failed ? input_.format().pb->error : code));
      avcodec_send_packet(codec_.get(), nullptr);
      drained_ = true;
      return;
    }
    if (packet_->stream_index != stream_->index) {
      av_packet_unref(packet_.get());
      continue;
    }
    const bool corrupt = packet_->flags & AV_PKT_FLAG_CORRUPT;
    const int sent = avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (corrupt) fail("cannot read {} past frame {}: the file is damaged or cut off", input_.name(), frames_);
    if (sent < 0)
      fail("cannot decode {} past frame {}: {}", input_.name(), frames_, ffmpeg::error_text(sent));
    return;
  }
}

bool VideoDecoder::decode_picture() {
  for (;;) {
    const int code = avcodec_receive_frame(codec_.get(), picture_.get());
    if (code == AVERROR_EOF) return false;
    if (code == AVERROR(EAGAIN) && drained_) return false;
    if (code == AVERROR(EAGAIN)) {
      feed();
      continue;
    }
    if (code < 0)
      fail("cannot decode {} past frame {}: {}", input_.name(), frames_, ffmpeg::error_text(code));
    if (picture_->decode_error_flags || picture_->flags & AV_FRAME_FLAG_CORRUPT)
      fail("cannot decode {}: frame {} is damaged", input_.name(), frames_);
    return true;
  }
}

// Files without time stamps, or with ones that go backwards: the nominal rate goes on from the last.
double VideoDecoder::time_of(const AVFrame& picture) {
  const double step = 1 / (info_.fps > 0 ? info_.fps : 25);
  const int64_t pts = picture.best_effort_timestamp;
  if (frames_ == 0) start_ = pts;
  if (frames_ == 0) return 0;
  if (pts == AV_NOPTS_VALUE || start_ == AV_NOPTS_VALUE) return last_seconds_ + step;
  const double seconds = double(pts - start_) * av_q2d(stream_->time_base);
  return seconds > last_seconds_ ? seconds : last_seconds_ + step;
}

bool VideoDecoder::next(Frame& frame) {
  if (!have_first_ && !decode_picture()) return false;
  have_first_ = false;
  frame.seconds = time_of(*picture_);
  if (frames_ > 0) {
    shortest_ = std::min(shortest_, frame.seconds - last_seconds_);
    longest_ = std::max(longest_, frame.seconds - last_seconds_);
  }
  last_seconds_ = frame.seconds;
  ++frames_;
  converter_->convert(*picture_, frame);
  av_frame_unref(picture_.get());
  if (!orientation_.is_identity()) {
    orientation_.apply(frame, upright_);
    std::swap(frame.rgb, upright_.rgb);
    frame.width = info_.width;
    frame.height = info_.height;
  }
  return true;
}

}  // namespace

std::unique_ptr<VideoSource> open_decoder(const fs::path& path, const DecodeOptions& options) {
  return std::make_unique<VideoDecoder>(path, options);
}

}  // namespace orrery
