#include "cli/clip_output.h"

#include <cmath>
#include <cstdio>

#include "codecs/frame_sinks.h"
#include "core/error.h"

namespace orrery {
namespace {

// The model's 24 frames a second at another rate: each output frame shows the latest model frame.
class RateSink : public FrameSink {
 public:
  RateSink(std::unique_ptr<FrameSink> sink, double fps) : sink_(std::move(sink)), fps_(fps) {}
  void write(const Frame& frame) override {
    for (++in_; std::floor(double(out_) / fps_ * kFramesPerSecond + 1e-9) < double(in_); ++out_) {
      Frame shown = frame;
      shown.seconds = double(out_) / fps_;
      sink_->write(shown);
    }
  }
  void finish() override { sink_->finish(); }

 private:
  std::unique_ptr<FrameSink> sink_;
  double fps_;
  int64_t in_ = 0, out_ = 0;
};

bool parse_size(const std::string& text, PictureSize& size) {
  char end = 0;
  return std::sscanf(text.c_str(), "%dx%d%c", &size.width, &size.height, &end) == 2 && size.width >= 16 && size.height >= 16 && size.width <= kMaxVideoSide &&
         size.height <= kMaxVideoSide;
}

}  // namespace

PictureSize output_size(const ClipOptions& o) {
  PictureSize size{kFrameWidth * o.upscale, kFrameHeight * o.upscale};
  if (!o.size.empty()) parse_size(o.size, size);
  return size;
}

void check_clip_options(const ClipOptions& o) {
  PictureSize size{};
  if (!(o.seconds > 0 && o.seconds <= kMaxSeconds)) fail_usage("seconds {} is outside of 0 to {} s", o.seconds, kMaxSeconds);
  if (!(o.fps >= 1 && o.fps <= 120)) fail_usage("fps {} is outside of 1 to 120", o.fps);
  if (!(o.temperature >= 0 && o.temperature <= 2)) fail_usage("temperature {} is outside of 0 to 2", o.temperature);
  if (o.upscale < 1 || o.upscale > 8) fail_usage("upscale {} is outside of 1 to 8", o.upscale);
  if (o.candidates < 1 || o.candidates > 64) fail_usage("candidates {} is outside of 1 to 64", o.candidates);
  if (o.crf < 0 || o.crf > 51) fail_usage("crf {} is outside of 0 to 51", o.crf);
  if (!o.size.empty() && !parse_size(o.size, size))
    fail_usage("size {} is not WIDTHxHEIGHT with sides from 16 to {}, for example 640x384", o.size, kMaxVideoSide);
}

Json to_json(const ClipOptions& o) {
  return {{"seconds", o.seconds}, {"temperature", o.temperature}, {"fps", o.fps}, {"crf", o.crf}, {"size", o.size}, {"upscale", o.upscale}, {"candidates", o.candidates}};
}

Provenance provenance_of(const std::string& prompt, uint64_t seed, const std::string& model_hash, const ClipOptions& o, const fs::path&) {
  return {{"title", prompt}, {"prompt", prompt}, {"seed", std::to_string(seed)}, {"options", to_json(o).dump()}, {"model", model_hash}, {"software", std::string("orrery ") + ORRERY_VERSION}};
}

ClipOutput::ClipOutput(const fs::path& out, const std::string& frames_folder, const ClipOptions& o, const Provenance& provenance) {
  const PictureSize size = output_size(o);
  EncodeOptions encode;
  encode.fps = o.fps;
  encode.crf = o.crf;
  encode.metadata = provenance;
  std::vector<std::unique_ptr<FrameSink>> sinks;
  sinks.push_back(open_encoder(out, size.width, size.height, encode));
  if (!frames_folder.empty()) sinks.push_back(open_frame_folder(frames_folder, provenance));
  sink_ = std::make_unique<RateSink>(tee(std::move(sinks)), o.fps);
  const bool scaled = size.width != kFrameWidth || size.height != kFrameHeight;
  if (scaled) sink_ = resized(std::move(sink_), size.width, size.height);
}

}  // namespace orrery
