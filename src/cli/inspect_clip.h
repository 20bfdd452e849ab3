// A clip generated once more with everything recorded that was decided on the way.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codecs/provenance.h"
#include "generate/pipeline.h"
#include "models/trace.h"

namespace orrery {

struct InspectRequest {
  std::string prompt;
  uint64_t seed = 0;
  double temperature = 0.7, effort = kDefaultEffort;
  int chunks = 24;
};

struct InspectedClip {
  InspectRequest request;
  std::vector<std::string> words;  // word pieces of the prompt
  Scene scene;
  std::vector<std::vector<ObjectChunk>> states;  // [chunk][object]
  Trace prologue, dynamics, pixels;  // prompt and scene; scene tokens and objects; a pass of patches a chunk
  std::vector<Frame> frames;         // the last of every chunk
  PatchStats patches;
};

// The same scene, states and frames as Generator makes. progress(chunks done).
InspectedClip inspect_clip(const Generator& generator, const InspectRequest& request,
                           const std::function<void(int)>& progress);

// How a clip of this program was made.
struct ClipOrigin {
  InspectRequest request;
  std::string model;  // Generator::hash() of the weights that made it
};
// Error if the prompt was withheld or the options are damaged.
ClipOrigin clip_origin(const Provenance& provenance, const std::string& source);

// "object 1 colour = red", "globals", "ramp, low end", ...: what a token stands for.
std::vector<std::string> token_names(const InspectedClip& clip, const std::vector<Token>& tokens);
std::string object_name(const Scene& scene, int object);  // "red ball"

}  // namespace orrery
