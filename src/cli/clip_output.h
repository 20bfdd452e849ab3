// One clip on its way from the model's frames to its file: what `render` and `batch` share, so that both write the
// same bytes for the same options.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "codecs/encoder.h"
#include "codecs/resize.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/scene.h"

namespace orrery {

inline constexpr double kMaxSeconds = 600;

// What decides the bytes of a clip, besides prompt, seed and weights.
struct ClipOptions {
  std::string size;  // WIDTHxHEIGHT; empty: the model's, times upscale
  double seconds = 4, fps = kFramesPerSecond, temperature = 0.7;
  int upscale = 1, candidates = 1, crf = 18;
};

// UsageError names the option and its range.
void check_clip_options(const ClipOptions& options);
PictureSize output_size(const ClipOptions& options);
Json to_json(const ClipOptions& options);

// Everything known before the frames. `model_hash`: Generator::hash(), which reads 40 MB.
using Provenance = Metadata;
Provenance provenance_of(const std::string& prompt, uint64_t seed, const std::string& model_hash, const ClipOptions& options, const fs::path& out);

// A sink for the model's frames. Writes `out`, and PNGs into `frames_folder` unless that is empty.
class ClipOutput : public FrameSink {
 public:
  ClipOutput(const fs::path& out, const std::string& frames_folder, const ClipOptions& options, const Provenance& provenance);
  void write(const Frame& frame) override { sink_->write(frame); }
  void finish() override { sink_->finish(); }

 private:
  std::unique_ptr<FrameSink> sink_;
};

}  // namespace orrery
