#include "world/renderer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "world/scenes.h"

namespace orrery {

struct Renderer::Impl {
  Scene scene;
  Rect region;
  std::vector<uint8_t> background;  // [region.height][region.width][3]
};

Renderer::Renderer(const Scene& scene, Style, uint64_t, const Rect& region) : impl_(std::make_unique<Impl>()) {
  impl_->scene = scene;
  impl_->region = region;
  for (int y = 0; y < region.height; ++y)
    for (int x = 0; x < region.width; ++x) {
      const double wx = (region.x0 + x + 0.5) / kPixelsPerMeter, wy = kViewHeight - (region.y0 + y + 0.5) / kPixelsPerMeter;
      const double ground = ground_height(scene, wx);
      const uint8_t c = wy < kFloorY ? 150 : wy < ground ? 120 : 200;
      impl_->background.insert(impl_->background.end(), {c, c, c});
    }
}
Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

namespace {
constexpr uint8_t kPalette[10][3] = {{220, 40, 40},  {245, 130, 30}, {245, 215, 40}, {40, 160, 60},  {40, 200, 210},
                                     {40, 80, 210},  {130, 50, 180}, {245, 130, 180}, {250, 250, 250}, {25, 25, 28}};
}

void Renderer::draw(std::span<const ObjectState> states, const Rect& rect, uint8_t* rgb, double seconds) const {
  std::vector<uint8_t> ids(size_t(rect.width) * rect.height);
  mask(states, rect, ids.data(), seconds);
  const Rect& region = impl_->region;
  for (int y = 0; y < rect.height; ++y)
    for (int x = 0; x < rect.width; ++x) {
      const uint8_t id = ids[size_t(y) * rect.width + x];
      const uint8_t* from = &impl_->background[3 * (size_t(y + rect.y0 - region.y0) * region.width + x + rect.x0 - region.x0)];
      if (id != kMaskBackground && id != kMaskRamp) from = kPalette[impl_->scene.objects[id - 1].color];
      std::copy_n(from, 3, rgb + 3 * (size_t(y) * rect.width + x));
    }
}

Frame Renderer::frame(std::span<const ObjectState> states, double seconds) const {
  Frame frame(kFrameWidth, kFrameHeight);
  frame.seconds = seconds;
  draw(states, Rect{}, frame.rgb.data(), seconds);
  return frame;
}

void Renderer::mask(std::span<const ObjectState> states, const Rect& rect, uint8_t* ids, double) const {
  ORRERY_ASSERT(states.size() == impl_->scene.objects.size());
  for (int y = 0; y < rect.height; ++y)
    for (int x = 0; x < rect.width; ++x) {
      const double wx = (rect.x0 + x + 0.5) / kPixelsPerMeter, wy = kViewHeight - (rect.y0 + y + 0.5) / kPixelsPerMeter;
      uint8_t id = wy > kFloorY && wy < ground_height(impl_->scene, wx) ? kMaskRamp : kMaskBackground;
      for (size_t i = 0; i < states.size(); ++i) {
        const ObjectSpec& o = impl_->scene.objects[i];
        const double dx = wx - states[i].x, dy = wy - states[i].y, c = std::cos(states[i].angle), s = std::sin(states[i].angle);
        const bool inside = o.shape == Shape::kBall ? dx * dx + dy * dy < o.size * o.size
                                                    : std::abs(c * dx + s * dy) < o.size && std::abs(c * dy - s * dx) < o.size;
        if (inside) id = uint8_t(1 + i);
      }
      ids[size_t(y) * rect.width + x] = id;
    }
}

}  // namespace orrery
