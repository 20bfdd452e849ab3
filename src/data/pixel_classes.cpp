#include "data/pixel_classes.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "models/picture_loss.h"
#include "models/video_tokenizer.h"
#include "world/renderer.h"

namespace orrery {
namespace {

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

}  // namespace

std::vector<uint8_t> classify_pixels(const std::vector<uint8_t>& rgb, const std::vector<uint8_t>& ids, int height, int width, const PixelClassConfig& config) {
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

std::vector<uint8_t> classes_in_cells(const std::vector<uint8_t>& classes, int height, int width) {
  std::vector<uint8_t> out(classes.size());
  size_t i = 0;
  for (int row = 0; row < height; row += kPixelPatch)
    for (int column = 0; column < width; column += kPixelPatch)
      for (int f = 0; f < kChunkFrames; ++f)
        for (int y = row; y < row + kPixelPatch; ++y)
          for (int x = column; x < column + kPixelPatch; ++x) out[i++] = classes[size_t(f * height + y) * width + x];
  return out;
}

}  // namespace orrery
