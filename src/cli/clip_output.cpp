#include "cli/clip_output.h"

#include <cmath>
#include <charconv>
#include <cstdio>

#include "codecs/frame_sinks.h"
#include "core/error.h"
#include "tensor/dnnl_runtime.h"

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

bool is_gif(const fs::path& path) { return path.extension() == ".gif" || path.extension() == ".GIF"; }

Json all_library_versions() {
  Json versions = codec_library_versions();
  versions["onednn"] = dnnl_version_text();
  return versions;
}

// A picture's own provenance: its pixels' hash instead of the clip's.
Metadata picture_metadata(Provenance p, const Frame& frame) {
  p.frames_sha256.clear();
  p.encoder.clear();
  p.picture_sha256 = picture_hash(frame);
  return metadata_of(p);
}

double effort_value(const std::string& text) {
  for (const auto& [name, value] : {std::pair("low", 0.0), {"medium", 0.5}, {"high", 1.0}})
    if (text == name) return value;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail_usage("effort {} is not low, medium, high or a number from 0 to 1", text);
  return value;
}

std::unique_ptr<FrameSink> marked(std::unique_ptr<FrameSink> sink, const ClipOptions& o,
                                  const Provenance& p) {
  if (!o.watermark) return sink;
  const PictureSize size = output_size(o);
  return watermarked(std::move(sink), size.width, size.height, watermark_key_of(o),
                     watermark_payload(p.model, p.seed));
}

}  // namespace

void add_clip_options(CLI::App& app, ClipOptions& o) {
  app.add_option("--seconds", o.seconds, "length, rounded up to whole chunks of 4 frames")
      ->capture_default_str();
  app.add_option("--fps", o.fps, "frames a second of the file; the model makes 24")->capture_default_str();
  app.add_option("--size", o.size, "WIDTHxHEIGHT of the file; the model makes 320x192");
  app.add_option("--upscale", o.upscale, "enlarge by this factor")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();
  app.add_option("--candidates", o.candidates, "make so many and keep the best by physics score")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--temperature", o.temperature, "variety of the scene: 0 is the likeliest")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option_function<std::string>("--effort", [&o](const std::string& text) { o.effort = effort_value(text); },
                                       "low, medium, high, or 0 to 1: less spares unchanged patches the deeper layers")
      ->default_str("medium");
  app.add_option("--crf", o.crf, "quality of the encoder, 0 (best) to 51")
      ->check(CLI::Range(0, 51))
      ->capture_default_str();
  app.add_flag("--private-prompt", o.private_prompt,
               "leave the prompt out of the file (orrery replay then asks for it)");
  app.add_flag("!--no-watermark", o.watermark, "no invisible mark in MP4, WebM and PNG");
  app.add_option("--watermark-key", o.watermark_key,
                 "mark with the key in this file (any 16 bytes or more) instead of the shipped one");
}

PictureSize output_size(const ClipOptions& o) {
  PictureSize size{kFrameWidth * o.upscale, kFrameHeight * o.upscale};
  if (o.size.empty()) return size;
  char end = 0;
  if (std::sscanf(o.size.c_str(), "%dx%d%c", &size.width, &size.height, &end) != 2 || size.width < 16 ||
      size.height < 16 || size.width > kMaxVideoSide || size.height > kMaxVideoSide)
    fail_usage("size {} is not WIDTHxHEIGHT with sides from 16 to {}, for example 640x384", o.size,
               kMaxVideoSide);
  return size;
}

void check_clip_options(const ClipOptions& o) {
  if (!(o.seconds > 0 && o.seconds <= kMaxSeconds))
    fail_usage("seconds {}: expected a length above 0, up to {} s", o.seconds, kMaxSeconds);
  const auto check = [](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high)) fail_usage("{} {} is outside of {} to {}", name, value, low, high);
  };
  check("fps", o.fps, 1, 120);
  check("temperature", o.temperature, 0, 2);
  check("effort", o.effort, 0, 1);
  check("upscale", o.upscale, 1, 8);
  check("candidates", o.candidates, 1, 64);
  check("crf", o.crf, 0, 51);
  if (!o.watermark && !o.watermark_key.empty())
    fail_usage("--watermark-key and --no-watermark exclude each other");
  output_size(o);
  watermark_key_of(o);
}

Json to_json(const ClipOptions& o) {
  return {{"seconds", o.seconds},
          {"temperature", o.temperature},
           {"effort", o.effort},
          {"fps", o.fps},
          {"crf", o.crf},
          {"size", o.size},
          {"upscale", o.upscale},
          {"candidates", o.candidates}};
}

ClipOptions clip_options_from(const Json& json, const std::string& source) {
  ClipOptions o;
  try {
    o.seconds = json.at("seconds").get<double>(), o.temperature = json.at("temperature").get<double>(),
    o.fps = json.at("fps").get<double>();
    o.effort = json.at("effort").get<double>();
    o.crf = json.at("crf").get<int>(), o.size = json.at("size").get<std::string>(),
    o.upscale = json.at("upscale").get<int>();
    o.candidates = json.at("candidates").get<int>();
  } catch (const Json::exception& error) {
    fail("{}: its provenance is damaged: options: {}", source, error.what());
  }
  try {
    check_clip_options(o);
  } catch (const UsageError& error) {
    fail("{}: its provenance is damaged: {}", source, error.what());
  }
  return o;
}

WatermarkKey watermark_key_of(const ClipOptions& o) {
  return o.watermark_key.empty() ? shipped_watermark_key() : read_watermark_key(o.watermark_key);
}

Provenance provenance_of(const std::string& prompt, uint64_t seed, const std::string& model_hash,
                         const ClipOptions& o, const fs::path& out) {
  Provenance p;
  if (!o.private_prompt) p.prompt = prompt;
  p.seed = seed;
  p.options = to_json(o);
  p.model = model_hash;
  p.version = ORRERY_VERSION;
  p.instruction_set = instruction_set();
  p.encoder = encoder_name(out);
  p.libraries = all_library_versions();
  p.frames_sha256 = pending_hash();
  if (o.watermark)
    p.watermark = to_hex(watermark_payload(model_hash, seed)),
    p.watermark_key = o.watermark_key.empty() ? "shipped" : "own";
  p.created = source_date();
  return p;
}

ClipOutput::ClipOutput(const fs::path& out, const std::string& frames_folder, const ClipOptions& o,
                       const Provenance& provenance)
    : provenance_(provenance), hash_(std::make_shared<FrameHash>()) {
  const PictureSize size = output_size(o);
  Provenance own = provenance_;
  if (is_gif(out)) own.watermark.clear();
  EncodeOptions encode;
  encode.fps = o.fps;
  encode.crf = o.crf;
  encode.metadata = metadata_of(own);
  encode.late = {pending_hash(), [hash = hash_] { return hash->value(); }};
  std::unique_ptr<FrameSink> clip = open_encoder(out, size.width, size.height, encode);
  std::unique_ptr<FrameSink> pictures;
  if (!frames_folder.empty())
    pictures = open_described_frame_folder(
        frames_folder, [p = provenance_](const Frame& f) { return picture_metadata(p, f); });
  std::vector<std::unique_ptr<FrameSink>> sinks;
  if (is_gif(out)) {
    if (pictures) sinks.push_back(marked(std::move(pictures), o, provenance_));
    sinks.push_back(std::move(clip));
    sink_ = tee(std::move(sinks));
  } else {
    sinks.push_back(std::move(clip));
    if (pictures) sinks.push_back(std::move(pictures));
    sink_ = marked(tee(std::move(sinks)), o, provenance_);
  }
  sink_ = std::make_unique<RateSink>(std::move(sink_), o.fps);
  if (size.width != kFrameWidth || size.height != kFrameHeight)
    sink_ = resized(std::move(sink_), size.width, size.height);
}

void ClipOutput::write(const Frame& frame) {
  hash_->add(frame);
  sink_->write(frame);
}

void ClipOutput::finish() { sink_->finish(); }

Provenance ClipOutput::provenance() const {
  Provenance p = provenance_;
  p.frames_sha256 = hash_->value();
  return p;
}

}  // namespace orrery
