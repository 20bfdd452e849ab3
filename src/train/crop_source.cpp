#include "train/crop_source.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "data/pixel_classes.h"
#include "models/video_tokenizer.h"
#include "world/renderer.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kFrames = 96;  // of each simulated scene

struct Point {
  double x, y;  // pixels, y down
};

Point to_pixels(double x, double y) { return {x * kPixelsPerMeter, kFrameHeight - y * kPixelsPerMeter}; }

Point anywhere(Rng& rng) { return {rng.uniform(0, kFrameWidth), rng.uniform(0, kFrameHeight)}; }

// An object that is in view, or now and then a place on a ramp's edge.
Point something(const Scene& scene, const Trajectory& t, int frame, Rng& rng) {
  if (scene.ramp.present && rng.chance(0.2)) {
    const auto corners = ramp_corners(scene.ramp);
    const int a = rng.below(3), b = (a + 1) % 3;
    const double u = rng.uniform();
    return to_pixels(corners[a].x + u * (corners[b].x - corners[a].x),
                     corners[a].y + u * (corners[b].y - corners[a].y));
  }
  std::vector<int> visible;
  for (int o = 0; o < t.num_objects; ++o)
    if (in_view(t.at(frame, o).x, t.at(frame, o).y)) visible.push_back(o);
  if (visible.empty()) return anywhere(rng);
  const ObjectState& s = t.at(frame, visible[size_t(rng.below(int(visible.size())))]);
  return to_pixels(s.x, s.y);
}

Rect window(Point centre, int size) {
  const int x = int(std::clamp(centre.x - size / 2.0, 0.0, double(kFrameWidth - size)));
  const int y = int(std::clamp(centre.y - size / 2.0, 0.0, double(kFrameHeight - size)));
  return {x, y, size, size};
}

Crop render_crop(const Scene& scene, const Trajectory& t, const CropConfig& config, Rng& rng) {
  // Early frames more often: later ones are more often at rest.
  const int frame = int((kFrames - kChunkFrames + 1) * std::pow(rng.uniform(), 1.5));
  const bool near = rng.chance(config.near_share);
  Point centre = near ? something(scene, t, frame, rng) : anywhere(rng);
  centre.x += 0.2 * config.size * rng.normal(), centre.y += 0.2 * config.size * rng.normal();
  const Rect rect = window(centre, config.size);
  const size_t pixels = size_t(config.size) * config.size;
  std::vector<uint8_t> rgb(pixels * 3 * kChunkFrames), ids(pixels * kChunkFrames);
  const Renderer renderer(scene, Style::kTrain, 0, rect);
  for (int f = 0; f < kChunkFrames; ++f) {
    const std::span states(&t.at(frame + f, 0), size_t(t.num_objects));
    renderer.draw(states, rect, &rgb[f * pixels * 3]);
    renderer.mask(states, rect, &ids[f * pixels]);
  }
  Crop crop{std::vector<uint8_t>(rgb.size()), {}};
  patchify(rgb.data(), 1, config.size, config.size, crop.patches.data());
  crop.classes = classes_in_cells(classify_pixels(rgb, ids, config.size, config.size, config.classes), config.size, config.size);
  return crop;
}

}  // namespace

std::vector<Crop> CropSource::crops_of_scene(int64_t scene) const {
  const Sample sample = make_sample(mix64(seed_ + uint64_t(scene)), split_);
  const Trajectory t = simulate(sample.scene, kFrames, sample.pushes);
  Rng rng(mix64(seed_ + uint64_t(scene)), hash64("crops"));
  std::vector<Crop> crops;
  for (int i = 0; i < config_.crops_per_scene; ++i)
    crops.push_back(render_crop(sample.scene, t, config_, rng));
  return crops;
}

void CropPool::advance(int64_t step) {
  const int64_t first = step * per_step_, end = first + capacity_;
  scenes_.resize(size_t(capacity_));
  const int64_t from = first >= first_ && first <= end_ ? end_ : first;
  parallel_for_dynamic(end - from, [&](int64_t i) {
    scenes_[size_t((from + i) % capacity_)] = source_.crops_of_scene(from + i);
  });
  first_ = first, end_ = end;
}

std::vector<const Crop*> CropPool::draw(int64_t step, int batch, uint64_t seed) const {
  ORRERY_ASSERT(step * per_step_ == first_);
  const int per_scene = source_.config().crops_per_scene;
  Rng rng(seed, mix64(hash64("batch") + uint64_t(step)));
  std::vector<const Crop*> crops;
  for (int i = 0; i < batch; ++i) {
    const bool fresh = i < per_step_ * per_scene;
    const int64_t scene = fresh ? end_ - 1 - i / per_scene : first_ + rng.below(capacity_);
    crops.push_back(
        &scenes_[size_t(scene % capacity_)][size_t(fresh ? i % per_scene : rng.below(per_scene))]);
  }
  return crops;
}

}  // namespace orrery
