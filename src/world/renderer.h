// Scene + states -> pixels, for training data and ground truth only. Everything drawn follows from the scene and
// the states (and, in the evaluation style, from style_seed and the time).
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "core/frame.h"
#include "core/trajectory.h"

namespace orrery {

// Pixels of the 320x192 frame, row 0 at the top.
struct Rect {
  int x0 = 0, y0 = 0, width = kFrameWidth, height = kFrameHeight;
};

// kEvaluation: other textures, sensor noise and a camera that drifts by fractions of a pixel. Never trained on.
enum class Style : int { kTrain, kEvaluation };

inline constexpr uint8_t kMaskBackground = 0, kMaskRamp = 255;  // object i: 1 + i

class Renderer {
 public:
  // Paints the static background once. `region`: the part that draw() may be asked for; a 64x64 region costs a
  // fifteenth of the whole.
  explicit Renderer(const Scene& scene, Style style = Style::kTrain, uint64_t style_seed = 0, const Rect& region = {});
  ~Renderer();
  Renderer(Renderer&&) noexcept;
  Renderer& operator=(Renderer&&) noexcept;

  // rgb: [rect.height][rect.width][3]; states: one an object in the scene's order. Safe to call from several
  // threads. A rect's pixels are the same bytes as the whole frame's there. `seconds` matters to kEvaluation only.
  void draw(std::span<const ObjectState> states, const Rect& rect, uint8_t* rgb, double seconds = 0) const;
  // The whole frame (region must be the default).
  Frame frame(std::span<const ObjectState> states, double seconds = 0) const;
  // ids: [rect.height][rect.width]; which thing covers most of the pixel (kMaskBackground, 1 + object, kMaskRamp).
  void mask(std::span<const ObjectState> states, const Rect& rect, uint8_t* ids, double seconds = 0) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
