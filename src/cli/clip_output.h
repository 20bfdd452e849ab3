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

// All that decides a clip's bytes, besides weights, program and instruction set.
struct ClipOptions {
  std::string prompt, size;  // size: WIDTHxHEIGHT, or empty
  double seconds = 4, fps = kFramesPerSecond, temperature = 0.7;
  int64_t seed = -1;
  int upscale = 1, candidates = 1, crf = 18;
};

// UsageError names the option and its range; `who` begins the message.
void check_clip_options(const ClipOptions& options, const std::string& who);
PictureSize output_size(const ClipOptions& options);
// Seconds that whole chunks give.
double whole_seconds(const ClipOptions& options);
// seed: the winning candidate's. model_hash: Generator::hash().
Metadata clip_metadata(const ClipOptions& options, const std::string& model_hash, uint64_t seed);
Json clip_options_json(const ClipOptions& options);

// Takes the model's frames: rate, size, encoder; and PNGs if a folder is named.
std::unique_ptr<FrameSink> open_clip(const std::string& path, const ClipOptions& options, const Metadata& metadata, const std::string& frame_folder = "");

// Frames already made, for the evaluator.
class MemorySource : public FrameSource {
 public:
  explicit MemorySource(const std::vector<Frame>& frames) : frames_(frames) {}
  bool next(Frame& frame) override;

 private:
  const std::vector<Frame>& frames_;
  size_t at_ = 0;
};

}  // namespace orrery
