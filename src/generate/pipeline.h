// Prompt -> scene -> states -> frames with the shipped (or any) weights. The model is const; every clip has its own
// cache.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "generate/patch_decoder.h"
#include "generate/prologue_sampler.h"
#include "models/text_tokenizer.h"

namespace orrery {

// A clip before its pixels: everything that they will follow from.
struct PlannedClip {
  std::string prompt;
  uint64_t seed = 0;
  Scene scene;
  std::vector<std::vector<ObjectChunk>> chunks;  // [chunk][object]
  GenerationCache cache;
  int num_frames() const { return int(chunks.size()) * kFramesPerChunk; }
};

class Generator {
 public:
  // model: transformer weights; empty: $ORRERY_MODEL, else the shipped ones. The video tokenizer and the vocabulary
  // are looked for beside it, then among the shipped files. Error names the file that is missing or damaged.
  explicit Generator(const std::filesystem::path& model = {});

  PlannedClip plan(const std::string& prompt, uint64_t seed, double temperature, int num_chunks) const;
  // Several clips of one length at once, each the same as alone: their tokens share every product.
  struct Request {
    std::string prompt;
    uint64_t seed = 0;
    double temperature = 0.7;
  };
  std::vector<PlannedClip> plan(std::span<const Request> requests, int num_chunks) const;
  // How many clips may run together and still be the same bits as alone: `wanted`, or 1 on this machine.
  static int clips_together(int wanted) { return rows_are_independent() ? wanted : 1; }
  PatchStats frames(PlannedClip& clip, const std::function<void(const Frame&)>& sink, const Effort& effort = effort_of(kDefaultEffort)) const;

  const TextTokenizer& text() const { return text_; }
  const UnifiedTransformer& transformer() const { return *transformer_; }
  const VideoTokenizer& tokenizer() const { return *tokenizer_; }
  const std::filesystem::path& model_path() const { return model_path_; }
  // SHA-256 over the weights of transformer, tokenizer and vocabulary: which model made a clip.
  std::string hash() const;

 private:
  std::filesystem::path beside(const std::string& name) const;
  std::filesystem::path model_path_;
  TextTokenizer text_;
  std::unique_ptr<VideoTokenizer> tokenizer_;
  std::unique_ptr<UnifiedTransformer> transformer_;
};

// Chunks that cover so many seconds.
int chunks_for(double seconds);

// What the model predicts for every object at every shown frame: fps, view, gravity, objects with their facts and
// states (m, rad, s; y up from the bottom edge).
Json states_json(const PlannedClip& clip);

}  // namespace orrery
