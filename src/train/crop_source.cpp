#include "train/crop_source.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
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

bool in_view(const ObjectState& s) { return s.x > 0 && s.x < kViewWidth && s.y > 0 && s.y < kViewHeight; }

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
    if (in_view(t.at(frame, o))) visible.push_back(o);
  if (visible.empty()) return anywhere(rng);
  const ObjectState& s = t.at(frame, visible[size_t(rng.below(int(visible.size())))]);
  return to_pixels(s.x, s.y);
}

Rect window(Point centre, int size) {
  const int x = int(std::clamp(centre.x - size / 2.0, 0.0, double(kFrameWidth - size)));
  const int y = int(std::clamp(centre.y - size / 2.0, 0.0, double(kFrameHeight - size)));
  return {x, y, size, size};
}

// Any pixel that is an object's, within `dilation` in x and y.
std::vector<uint8_t> dilated_objects(const uint8_t* ids, int height, int width, int dilation) {
  std::vector<uint8_t> rows(size_t(height) * width, 0), mask(rows.size(), 0);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const uint8_t id = ids[y * width + x];
      if (id == kMaskBackground || id == kMaskRamp) continue;
      for (int d = std::max(0, x - dilation); d <= std::min(width - 1, x + dilation); ++d)
        rows[y * width + d] = 1;
    }
  for (int y = 0; y < height; ++y)
    for (int d = std::max(0, y - dilation); d <= std::min(height - 1, y + dilation); ++d)
      for (int x = 0; x < width; ++x) mask[y * width + x] |= rows[d * width + x];
  return mask;
}

// 1 where a pixel differs from its mean over the frames, frame by frame.
void mark_moving(const std::vector<uint8_t>& rgb, int64_t pixels, double threshold,
                 std::vector<uint8_t>& classes) {
  const float limit = float(threshold * 255);
  for (int64_t i = 0; i < pixels * 3; ++i) {
    float mean = 0;
    for (int f = 0; f < kChunkFrames; ++f) mean += float(rgb[f * pixels * 3 + i]) / kChunkFrames;
    for (int f = 0; f < kChunkFrames; ++f)
      if (std::abs(float(rgb[f * pixels * 3 + i]) - mean) > limit) classes[f * pixels + i / 3] |= kMoving;
  }
}

// [4][size][size] -> [size/4][size/4][(frame, y, x)]
std::vector<uint8_t> patch_classes(const std::vector<uint8_t>& classes, int size) {
  std::vector<uint8_t> out(classes.size());
  const int columns = size / kPixelPatch;
  size_t i = 0;
  for (int row = 0; row < columns; ++row)
    for (int column = 0; column < columns; ++column)
      for (int f = 0; f < kChunkFrames; ++f)
        for (int y = 0; y < kPixelPatch; ++y)
          for (int x = 0; x < kPixelPatch; ++x)
            out[i++] = classes[(f * size + row * kPixelPatch + y) * size + column * kPixelPatch + x];
  return out;
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
  crop.classes = patch_classes(classify_pixels(rgb, ids, config.size, config.size, config), config.size);
  return crop;
}

}  // namespace

std::vector<uint8_t> classify_pixels(const std::vector<uint8_t>& rgb, const std::vector<uint8_t>& ids,
                                     int height, int width, const CropConfig& config) {
  const int64_t pixels = int64_t(height) * width;
  ORRERY_ASSERT(int64_t(ids.size()) == pixels * kChunkFrames && rgb.size() == ids.size() * 3);
  std::vector<uint8_t> classes(ids.size(), 0);
  mark_moving(rgb, pixels, config.moving_threshold, classes);
  for (int f = 0; f < kChunkFrames; ++f) {
    const auto mask = dilated_objects(&ids[f * pixels], height, width, config.dilation);
    for (int64_t i = 0; i < pixels; ++i)
      if (mask[i]) classes[f * pixels + i] |= kObject;
  }
  return classes;
}

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
