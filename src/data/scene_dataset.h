// Simulated scenes in memory, in seed order: scene i of a split depends on (seed, i) alone. It can grow while
// training runs; a resumed run simulates the same scenes again.
#pragma once
#include <cstdint>
#include <vector>

#include "world/families.h"

namespace orrery {

struct DatasetClip {
  std::string family;
  Scene scene;
  Trajectory trajectory;
};

class SceneDataset {
 public:
  SceneDataset(uint64_t seed, Split split, int num_frames) : seed_(seed), split_(split), num_frames_(num_frames) {}
  void grow_to(int64_t count);  // simulates what is missing, in parallel
  int64_t size() const { return int64_t(clips_.size()); }
  const DatasetClip& clip(int64_t i) const { return clips_[i]; }
  // A variant of clip i that needs no new simulation: perhaps mirrored, with new colours, light and backdrop.
  // Combinations that the split holds out do not occur.
  DatasetClip variant(int64_t i, Rng& rng) const;

 private:
  uint64_t seed_;
  Split split_;
  int num_frames_;
  std::vector<DatasetClip> clips_;
};

// x -> view width - x, turning the other way. Objects return to canonical order.
DatasetClip mirrored_clip(const DatasetClip& clip);

}  // namespace orrery
