#include "codecs/encoder.h"

#include <cmath>
#include <fstream>
#include <optional>

#include "codecs/convert.h"
#include "codecs/ffmpeg.h"
#include "codecs/gif_comment.h"
#include "codecs/gif_palette.h"
#include "codecs/video_format.h"
#include "core/error.h"

namespace orrery {
namespace {

constexpr AVRational kFineTimeBase{1, 30000};  // of frames with times of their own; MPEG-4 ends at 1/65535

// 23.976 means 24000/1001: rates within 0.01 % of n * 1000/1001 are taken for it.
AVRational frame_rate_of(double fps) {
  const double n = std::round(fps * 1.001);
  if (std::abs(fps - std::round(fps)) > 1e-6 && std::abs(fps * 1.001 / n - 1) < 1e-4)
    return {int(n) * 1000, 1001};
  return av_d2q(fps, 100000);
}

void check_request(const fs::path& path, const VideoFormat& format, int width, int height,
                   const EncodeOptions& options) {
  if (width < 1 || height < 1 || width > kMaxVideoSide || height > kMaxVideoSide)
    fail_usage("cannot write {}: size {}x{} is outside 1x1 to {}x{}", path.string(), width, height,
               kMaxVideoSide, kMaxVideoSide);
  if (!(options.fps >= 0.01 && options.fps <= format.max_fps))
    fail_usage("cannot write {}: {} frames per second is outside 0.01 to {} for {}", path.string(),
               options.fps, format.max_fps, format.extension);
  if (options.crf < 0 || options.crf > 51)
    fail_usage("cannot write {}: crf {} is outside 0 (best) to 51", path.string(), options.crf);
  if (options.threads < 1 || options.threads > 64)
    fail_usage("cannot write {}: {} encoder threads are outside 1 to 64", path.string(), options.threads);
}

// In place, everywhere: containers store metadata as plain text, and equal length moves nothing. Read in pieces that
// overlap by the length of what is looked for.
void replace_in_file(const fs::path& path, const std::string& from, const std::string& to) {
  ORRERY_ASSERT(from.size() == to.size() && !from.empty());
  constexpr size_t kPiece = 1 << 20;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  std::string piece(kPiece + from.size() - 1, 0);
  for (std::streamoff start = 0; file; start += std::streamoff(kPiece)) {
    file.seekg(start);
    file.read(piece.data(), std::streamsize(piece.size()));
    const size_t length = size_t(file.gcount());
    file.clear();
    for (size_t at = piece.find(from); at < kPiece && at + from.size() <= length; at = piece.find(from, at + 1)) {
      file.seekp(start + std::streamoff(at));
      file.write(to.data(), std::streamsize(to.size()));
    }
    if (length < piece.size()) break;
  }
  file.flush();
  if (!file) fail("cannot write metadata to {}", path.string());
}

// Frames -> pictures of the encoder's pixel format.
class PictureMaker {
 public:
  PictureMaker(const EncoderChoice& choice, int width, int height) {
    if (choice.format == AV_PIX_FMT_PAL8) paletted_ = ffmpeg::make_picture(AV_PIX_FMT_PAL8, width, height);
    else if (choice.even_size) converter_.emplace((width + 1) / 2 * 2, (height + 1) / 2 * 2, choice.format);
    else converter_.emplace(width, height, choice.format);
  }
  AVFrame* make(const Frame& frame) {
    if (converter_) return converter_->convert(frame);
    if (av_frame_make_writable(paletted_.get()) < 0) fail("out of memory for a video frame");
    quantizer_.quantize(frame, paletted_->data[0], paletted_->linesize[0]);
    std::copy(quantizer_.palette().begin(), quantizer_.palette().end(),
              reinterpret_cast<uint32_t*>(paletted_->data[1]));
    return paletted_.get();
  }
  int width() const { return converter_ ? converter_->width() : paletted_->width; }
  int height() const { return converter_ ? converter_->height() : paletted_->height; }

 private:
  std::optional<RgbToPicture> converter_;
  ffmpeg::FramePtr paletted_;
  GifQuantizer quantizer_;
};

class VideoEncoder : public FrameSink {
 public:
  VideoEncoder(const fs::path& path, int width, int height, const EncodeOptions& options)
      : path_(path), format_(video_format_of(path)), options_(options), width_(width), height_(height) {
    check_request(path, format_, width, height, options);
    ffmpeg::silence_logs();
    file_.emplace(path);
    const EncoderChoice& choice = installed_encoder(format_, options.encoder);
    pictures_.emplace(choice, width, height);
    open_codec(choice);
    open_filter();
    open_muxer();
    packet_ = ffmpeg::make_packet();
  }
  void write(const Frame& frame) override;
  void finish() override;

 private:
  void open_codec(const EncoderChoice& choice);
  void open_filter();
  void open_muxer();
  void encode(const AVFrame* picture);  // nullptr: flush
  void mux();                           // packet_, through the filter, into the file
  Metadata final_metadata() const;
  void check(int code, const char* what) const {
    if (code < 0) fail("cannot write {}: {}: {}", path_.string(), what, ffmpeg::error_text(code));
  }

  fs::path path_;
  const VideoFormat& format_;
  EncodeOptions options_;
  int width_, height_;  // of the frames that come in
  int64_t frames_ = 0, last_pts_ = -1;
  bool finished_ = false;
  // Order of destruction, last first: what writes goes before the file that it writes to.
  std::optional<AtomicPath> file_;
  ffmpeg::IoPtr io_;
  ffmpeg::OutputPtr muxer_;
  ffmpeg::CodecPtr codec_;
  ffmpeg::FilterPtr filter_;  // may be null: nothing to filter
  std::optional<PictureMaker> pictures_;
  ffmpeg::PacketPtr packet_;
};

void VideoEncoder::open_codec(const EncoderChoice& choice) {
  const AVCodec* encoder = avcodec_find_encoder_by_name(choice.name);
  codec_.reset(avcodec_alloc_context3(encoder));
  if (!codec_) fail("out of memory for encoder {}", choice.name);
  codec_->width = pictures_->width();
  codec_->height = pictures_->height();
  codec_->pix_fmt = choice.format;
  codec_->framerate = frame_rate_of(options_.fps);
  codec_->time_base = options_.frame_times ? kFineTimeBase : av_inv_q(codec_->framerate);
  codec_->sample_aspect_ratio = {1, 1};
  codec_->gop_size = std::max(1, int(std::lround(4 * options_.fps)));  // a seek decodes at most 4 s
  codec_->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
  if (choice.format == AV_PIX_FMT_YUV420P) {
    codec_->colorspace = AVCOL_SPC_BT709;
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
  }
  AVDictionary* dictionary = nullptr;
  choice.configure(options_, *codec_, &dictionary);
  const int code = avcodec_open2(codec_.get(), encoder, &dictionary);
  av_dict_free(&dictionary);
  if (code < 0)
    fail("cannot write {}: encoder {} does not take {}x{} at {} fps: {}", path_.string(), choice.name,
         codec_->width, codec_->height, options_.fps, ffmpeg::error_text(code));
}

// x264 writes its version and every setting into the stream as "supplemental information" (NAL type 6): bytes
// that differ between machines that otherwise agree. No player needs them.
void VideoEncoder::open_filter() {
  const AVBitStreamFilter* kind = av_bsf_get_by_name("filter_units");
  if (codec_->codec_id != AV_CODEC_ID_H264 || !kind) return;
  AVBSFContext* filter = nullptr;
  check(av_bsf_alloc(kind, &filter), "filter");
  filter_.reset(filter);
  check(avcodec_parameters_from_context(filter->par_in, codec_.get()), "filter");
  filter->time_base_in = codec_->time_base;
  check(av_opt_set(filter, "remove_types", "6", AV_OPT_SEARCH_CHILDREN), "filter");
  check(av_bsf_init(filter), "filter");
}

void VideoEncoder::open_muxer() {
  const std::string url = ffmpeg::file_url(file_->temporary().string());
  AVFormatContext* muxer = nullptr;
  check(avformat_alloc_output_context2(&muxer, nullptr, format_.muxer, url.c_str()), "container");
  muxer_.reset(muxer);
  AVStream* stream = avformat_new_stream(muxer, nullptr);
  if (!stream) fail("out of memory for a video stream");
  check(avcodec_parameters_from_context(stream->codecpar, codec_.get()), "stream parameters");
  stream->time_base = codec_->time_base;
  stream->avg_frame_rate = stream->r_frame_rate = codec_->framerate;
  stream->sample_aspect_ratio = codec_->sample_aspect_ratio;
  muxer->flags |= AVFMT_FLAG_BITEXACT;  // no version strings, no times, no random ids
  for (const auto& [key, value] : options_.metadata)
    if (!value.empty()) av_dict_set(&muxer->metadata, key.c_str(), value.c_str(), 0);
  AVIOContext* io = nullptr;
  check(avio_open2(&io, url.c_str(), AVIO_FLAG_WRITE, nullptr, nullptr), "open");
  io_.reset(io);
  muxer->pb = io;
  AVDictionary* dictionary = nullptr;
  for (const auto& [key, value] : format_.muxer_options) av_dict_set(&dictionary, key, value, 0);
  const int code = avformat_write_header(muxer, &dictionary);
  av_dict_free(&dictionary);
  check(code, "header");
}

void VideoEncoder::encode(const AVFrame* picture) {
  check(avcodec_send_frame(codec_.get(), picture), "encode");
  for (;;) {
    const int code = avcodec_receive_packet(codec_.get(), packet_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    check(code, "encode");
    mux();
  }
}

void VideoEncoder::mux() {
  if (filter_) {  // removes parts within a packet: always one in, one out
    check(av_bsf_send_packet(filter_.get(), packet_.get()), "filter");
    check(av_bsf_receive_packet(filter_.get(), packet_.get()), "filter");
  }
  if (packet_->duration == 0) packet_->duration = 1;
  av_packet_rescale_ts(packet_.get(), codec_->time_base, muxer_->streams[0]->time_base);
  packet_->stream_index = 0;
  check(av_interleaved_write_frame(muxer_.get(), packet_.get()), "write");
}

void VideoEncoder::write(const Frame& frame) {
  ORRERY_ASSERT(!finished_);
  ORRERY_ASSERT(frame.rgb.size() == size_t(frame.width) * frame.height * 3);
  if (frame.width != width_ || frame.height != height_)
    fail("cannot write {}: frame {} is {}x{}, the video is {}x{}", path_.string(), frames_, frame.width,
         frame.height, width_, height_);
  AVFrame* picture = pictures_->make(frame);
  picture->pts = options_.frame_times ? std::llround(frame.seconds * kFineTimeBase.den) : frames_;
  if (picture->pts <= last_pts_)
    fail("cannot write {}: frame {} at {} s is not later than the frame before", path_.string(), frames_,
         frame.seconds);
  last_pts_ = picture->pts;
  ++frames_;
  picture->pict_type = AV_PICTURE_TYPE_NONE;
  if (codec_->flags & AV_CODEC_FLAG_QSCALE) picture->quality = codec_->global_quality;
  encode(picture);
}

Metadata VideoEncoder::final_metadata() const {
  Metadata metadata = options_.metadata;
  const LateValue& late = options_.late;
  for (auto& [key, value] : metadata)
    if (const size_t at = late.placeholder.empty() ? std::string::npos : value.find(late.placeholder); at != std::string::npos)
      value.replace(at, late.placeholder.size(), late.value());
  return metadata;
}

void VideoEncoder::finish() {
  ORRERY_ASSERT(!finished_);
  if (frames_ == 0) fail("cannot write {}: no frames", path_.string());
  finished_ = true;
  encode(nullptr);
  check(av_write_trailer(muxer_.get()), "trailer");
  AVIOContext* io = io_.release();
  muxer_->pb = nullptr;
  check(avio_closep(&io), "close");
  if (format_.extension == ".gif") append_gif_comment(file_->temporary(), final_metadata());
  else if (!options_.late.placeholder.empty()) replace_in_file(file_->temporary(), options_.late.placeholder, options_.late.value());
  file_->commit();
}

}  // namespace

std::unique_ptr<FrameSink> open_encoder(const fs::path& path, int width, int height,
                                        const EncodeOptions& options) {
  return std::make_unique<VideoEncoder>(path, width, height, options);
}

}  // namespace orrery
