// Training clips as shards of states, prologues and captions: a folder of safetensors files with a manifest.
#pragma once
#include <optional>
#include <string>

#include "core/files.h"
#include "core/json.h"
#include "world/families.h"

namespace orrery {

struct SynthOptions {
  std::optional<std::string> family;  // none: mixed by the families' weights
  Split split = Split::kTrain;
  int64_t count = 256;
  uint64_t seed = 0;        // clip i is make_sample(seed + i, split, family)
  int num_frames = 97;      // 4 s and the initial state
  int captions = 4;         // a clip
  bool held_out_captions = false;
  bool quiet = false;
};

inline constexpr int kClipsPerShard = 256;

// One clip with everything that a shard stores of it.
struct SynthClip {
  Sample sample;
  Trajectory trajectory;
  std::vector<std::string> captions;
};
SynthClip make_clip(const SynthOptions& options, int64_t index);

// Writes the shards that `folder` does not have yet, then manifest.json; returns how many were written. Each shard
// (n clips, f frames, o = the most objects of a clip, absent ones 0):
//   states    F32 [n][f][o][6]   x y angle vx vy omega
//   contact   U8  [n][f][o]      num_objects U8 [n]   family U8 [n] (index into metadata "families")   seed I64 [n]
//   prologue  I16 [n][p][4]      attribute, object, coarse, fine; unused rows are -1
//   pushes    F32 [k][7]         clip frame object jx jy px py (N s, m)
//   events    F32 [k][7]         clip frame a b x y closing speed; b = -1: floor, -2: ramp
//   captions  U8  [bytes]        JSON: a list of strings for each clip
// UsageError if the folder was made with other options.
int write_shards(const SynthOptions& options, const fs::path& folder);

// What manifest.json says; the same for the same options.
Json manifest_options(const SynthOptions& options);

}  // namespace orrery
