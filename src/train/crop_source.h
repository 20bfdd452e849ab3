// Training crops for the video tokenizer: square windows of four consecutive frames, most of them near something.
// Crop n depends on (seed, split, n) alone.
#pragma once
#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "data/pixel_classes.h"
#include "world/families.h"

namespace orrery {

struct CropConfig {
  int size = 96;                // pixels, a multiple of 16
  int crops_per_scene = 4;
  double near_share = 5.0 / 6;  // of crops: around an object or a ramp's edge; the others anywhere
  PixelClassConfig classes;
};

struct Crop {
  std::vector<uint8_t> patches;  // [size/4][size/4][192], as patchify() lays them out
  std::vector<uint8_t> classes;  // [size/4][size/4][64]: PixelClass bits of (frame, y, x)
};

class CropSource {
 public:
  CropSource(const CropConfig& config, uint64_t seed, Split split) : config_(config), seed_(seed), split_(split) {}
  // All crops of one scene: numbers scene * crops_per_scene and following.
  std::vector<Crop> crops_of_scene(int64_t scene) const;
  const CropConfig& config() const { return config_; }

 private:
  CropConfig config_;
  uint64_t seed_;
  Split split_;
};

// The latest crops, a ring: at step s it holds scenes [s * per_step, s * per_step + capacity). Its content follows
// from the step, so a resumed run sees what an unbroken one would have. per_step 0: always the same scenes.
class CropPool {
 public:
  CropPool(const CropSource& source, int scenes, int scenes_per_step) : source_(source), capacity_(scenes), per_step_(scenes_per_step) {}
  void advance(int64_t step);
  // Of the batch's crops, those of the newest scenes come first, the others are drawn from the whole ring.
  std::vector<const Crop*> draw(int64_t step, int batch, uint64_t seed) const;

 private:
  CropSource source_;
  int capacity_, per_step_;
  int64_t first_ = 0, end_ = 0;  // scenes held
  std::vector<std::vector<Crop>> scenes_;
};

}  // namespace orrery
