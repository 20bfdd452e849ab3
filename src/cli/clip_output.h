// A clip on its way out: size, mark, rate, encoder, pictures, and the provenance that goes into all of them.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "codecs/provenance.h"
#include "codecs/resize.h"
#include "codecs/watermark.h"
#include "generate/pipeline.h"

namespace orrery {

inline constexpr double kMaxSeconds = 600;

// What decides the bytes of a clip, besides prompt, seed and weights.
struct ClipOptions {
  std::string size;  // "WIDTHxHEIGHT"; empty: the model's, times upscale
  double seconds = 4, fps = kFramesPerSecond, temperature = 0.7;
  double effort = kDefaultEffort;  // 0 to 1
  int upscale = 1, candidates = 1, crf = 18;
  bool watermark = true, private_prompt = false;
  std::string watermark_key;  // file; empty: the shipped key
};

void add_clip_options(CLI::App& app, ClipOptions& options);
// UsageError names the option and its range.
void check_clip_options(const ClipOptions& options);
PictureSize output_size(const ClipOptions& options);
Json to_json(const ClipOptions& options);  // what provenance keeps
ClipOptions clip_options_from(const Json& options,
                              const std::string& source);  // Error names source and member
WatermarkKey watermark_key_of(const ClipOptions& options);

// Everything known before the frames: the metadata of a clip. `model_hash`: Generator::hash(), which reads 40
// MB. A GIF carries no mark: a palette of 255 colours drowns it.
Provenance provenance_of(const std::string& prompt, uint64_t seed, const std::string& model_hash,
                         const ClipOptions& options, const fs::path& out);

// A sink for the model's frames. Writes `out`, and PNGs into `frames_folder` unless that is empty; puts the
// hash of the frames into what they carry.
class ClipOutput : public FrameSink {
 public:
  ClipOutput(const fs::path& out, const std::string& frames_folder, const ClipOptions& options,
             const Provenance& provenance);
  void write(const Frame& frame) override;
  void finish() override;
  Provenance provenance() const;  // with the hash of the frames written so far

 private:
  Provenance provenance_;
  std::shared_ptr<FrameHash> hash_;
  std::unique_ptr<FrameSink> sink_;
};

}  // namespace orrery
