#include "models/picture_loss.h"

#include <array>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "models/video_tokenizer.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

double decibels(double squared, int64_t count) { return count ? -10 * std::log10(squared / double(count) + 1e-12) : 0; }

struct CellLoss {
  float loss = 0, squared = 0, object_squared = 0, object = 0;
};

// One cell of 4 x 4 pixels and 4 frames: 192 values. `pixels` becomes the gradient.
ORRERY_SIMD CellLoss cell_loss(float* pixels, const uint8_t* target, const float* weight, const float* object, float absolute, float scale) {
  float loss = 0, squared = 0, object_squared = 0, objects = 0;
#pragma omp simd reduction(+ : loss, squared, object_squared, objects)
  for (int i = 0; i < kPixelChannels; ++i) {
    const float e = pixels[i] - float(target[i]) * (1.0f / 255), magnitude = std::abs(e);
    loss += weight[i] * (e * e + absolute * magnitude);
    squared += e * e;
    object_squared += object[i] * e * e;
    objects += object[i];
    pixels[i] = scale * weight[i] * (2 * e + (e > 0 ? absolute : -absolute));
  }
  return {loss, squared, object_squared, objects};
}

}  // namespace

double ReconstructionError::psnr() const { return decibels(squared, count); }
double ReconstructionError::object_psnr() const { return decibels(object_squared, object_count); }

ReconstructionError picture_loss(std::span<float> pixels, const uint8_t* target, const uint8_t* classes, const PictureWeights& w, float scale) {
  constexpr int kClasses = kPixelChannels / 3;
  const int64_t cells = int64_t(pixels.size()) / kPixelChannels;
  std::array<float, 4> weights;
  for (int c = 0; c < 4; ++c) weights[c] = float(1 + (c & kMoving ? w.moving : 0) + (c & kObject ? w.object : 0));
  std::vector<CellLoss> sums(static_cast<size_t>(cells));
  parallel_for(cells, [&](int64_t p) {
    std::array<float, kPixelChannels> weight, object;
    for (int i = 0; i < kClasses; ++i) {
      const uint8_t c = classes[p * kClasses + i];
      for (int k = 0; k < 3; ++k) weight[3 * i + k] = weights[c], object[3 * i + k] = c & kObject ? 1.0f : 0.0f;
    }
    sums[p] = cell_loss(&pixels[p * kPixelChannels], &target[p * kPixelChannels], weight.data(), object.data(), float(w.absolute), scale);
  });
  ReconstructionError total;
  double objects = 0;
  for (const CellLoss& s : sums) total.loss += s.loss, total.squared += s.squared, total.object_squared += s.object_squared, objects += s.object;
  total.count = int64_t(pixels.size()), total.object_count = int64_t(objects);
  return total;
}

}  // namespace orrery
