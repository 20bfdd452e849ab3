#include "world/renderer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "world/renderer_background.h"
#include "world/renderer_objects.h"

namespace orrery {
namespace {

void paint_background(const Background& background, const Rect& rect, float shift_x, float shift_y, uint8_t* rgb) {
  for (int y = rect.y0; y < rect.y0 + rect.height; ++y)
    for (int x = rect.x0; x < rect.x0 + rect.width; ++x, rgb += 3) {
      const ColorF color = background.at(x + 0.5f - shift_x, y + 0.5f - shift_y);
      rgb[0] = to_stored(color.r);
      rgb[1] = to_stored(color.g);
      rgb[2] = to_stored(color.b);
    }
}

bool within(const Rect& inner, const Rect& outer) {
  return inner.x0 >= outer.x0 && inner.y0 >= outer.y0 && inner.x0 + inner.width <= outer.x0 + outer.width &&
         inner.y0 + inner.height <= outer.y0 + outer.height;
}

}  // namespace

struct Renderer::Impl {
  Scene scene;
  Style style;
  uint64_t seed;
  Rect region;
  Background background;
  std::vector<uint8_t> pixels;  // the background of the region, [height][width][3]; empty if the camera moves

  // Where the picture lies relative to the world, pixels: a slow drift of under one pixel.
  std::pair<float, float> shift(double seconds) const {
    if (style == Style::kTrain) return {0.0f, 0.0f};
    const double phase = double(mix64(seed) >> 11) * 0x1p-53 * 6.28;
    return {float(0.8 * std::sin(0.9 * seconds + phase)), float(0.5 * std::sin(1.3 * seconds + 2 * phase))};
  }
  // Sensor noise, about 2.4 levels rms, by place and time: the same bytes for a crop as for the whole.
  void add_noise(const Rect& rect, double seconds, uint8_t* rgb) const {
    const uint64_t key = mix64(seed ^ uint64_t(std::llround(seconds * 1000) + 1));
    for (int y = rect.y0; y < rect.y0 + rect.height; ++y)
      for (int x = rect.x0; x < rect.x0 + rect.width; ++x, rgb += 3) {
        const uint64_t bits = mix64(key + uint64_t(y) * kFrameWidth + x);
        for (int c = 0; c < 3; ++c) {
          const int sum = int((bits >> (16 * c)) & 7) + int((bits >> (16 * c + 8)) & 7) - 7;  // triangular, variance 10.5
          rgb[c] = to_stored(rgb[c] + 0.75f * sum);
        }
      }
  }
};

Renderer::Renderer(const Scene& scene, Style style, uint64_t style_seed, const Rect& region)
    : impl_(new Impl{scene, style, style_seed, region, Background(scene, style, style_seed), {}}) {
  ORRERY_ASSERT(within(region, Rect{}));
  if (style == Style::kEvaluation) return;
  impl_->pixels.resize(size_t(region.width) * region.height * 3);
  paint_background(impl_->background, region, 0, 0, impl_->pixels.data());
}

Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

void Renderer::draw(std::span<const ObjectState> states, const Rect& rect, uint8_t* rgb, double seconds) const {
  const Impl& in = *impl_;
  ORRERY_ASSERT(states.size() == in.scene.objects.size() && within(rect, in.region));
  const auto [shift_x, shift_y] = in.shift(seconds);
  if (in.pixels.empty()) {
    paint_background(in.background, rect, shift_x, shift_y, rgb);
  } else {
    const uint8_t* from = &in.pixels[3 * (size_t(rect.y0 - in.region.y0) * in.region.width + rect.x0 - in.region.x0)];
    for (int y = 0; y < rect.height; ++y)
      std::memcpy(rgb + size_t(y) * rect.width * 3, from + size_t(y) * in.region.width * 3, size_t(rect.width) * 3);
  }
  Canvas canvas{rect, rgb};
  const Light& light = kLights[in.scene.light];
  for (size_t i = 0; i < states.size(); ++i)
    draw_shadow(canvas, placed(in.scene.objects[i], states[i], shift_x, shift_y), in.background, light, shift_x, shift_y);
  for (size_t i = 0; i < states.size(); ++i)
    draw_object(canvas, placed(in.scene.objects[i], states[i], shift_x, shift_y), light, in.style);
  if (in.style == Style::kEvaluation) in.add_noise(rect, seconds, rgb);
}

Frame Renderer::frame(std::span<const ObjectState> states, double seconds) const {
  Frame frame(kFrameWidth, kFrameHeight);
  frame.seconds = seconds;
  draw(states, Rect{}, frame.rgb.data(), seconds);
  return frame;
}

void Renderer::mask(std::span<const ObjectState> states, const Rect& rect, uint8_t* ids, double seconds) const {
  const Impl& in = *impl_;
  ORRERY_ASSERT(states.size() == in.scene.objects.size());
  const auto [shift_x, shift_y] = in.shift(seconds);
  for (int y = 0; y < rect.height; ++y)
    for (int x = 0; x < rect.width; ++x) {
      const float ramp = in.background.ramp_coverage(rect.x0 + x + 0.5f - shift_x, rect.y0 + y + 0.5f - shift_y);
      ids[size_t(y) * rect.width + x] = ramp >= 0.5f ? kMaskRamp : kMaskBackground;
    }
  for (size_t i = 0; i < states.size(); ++i) {
    const Placed object = placed(in.scene.objects[i], states[i], shift_x, shift_y);
    const PixelBox box = bounds(object, 1, rect);
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x)
        if (coverage(object, x + 0.5f, y + 0.5f) >= 0.5f) ids[size_t(y - rect.y0) * rect.width + x - rect.x0] = uint8_t(1 + i);
  }
}

}  // namespace orrery
