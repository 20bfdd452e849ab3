// Inside the renderer: wall, floor and ramp, as a function of the place on the picture.
#pragma once
#include "core/scene.h"
#include "world/renderer.h"
#include "world/renderer_palette.h"

namespace orrery {

// The floor is seen slightly from above: it meets the wall behind the line y = kFloorY on which things stand, and
// reaches the lower edge of the picture in front of it. Rows of pixels.
inline constexpr float kContactRow = float((kViewHeight - kFloorY) * kPixelsPerMeter);  // 172.8
inline constexpr float kJointRow = kContactRow - 13.5f;
// The ramp's slope is a strip around the line on which things stand: so many rows behind it and in front of it.
inline constexpr float kRampBack = 3.5f, kRampFront = 3.0f;

class Background {
 public:
  Background(const Scene& scene, Style style, uint64_t seed);
  // Stored value, 0..255, at a continuous place in pixels. Smooth: edges are one pixel wide.
  ColorF at(float px, float py) const;
  // Share of the ramp in the pixel around (px, py).
  float ramp_coverage(float px, float py) const;
  bool has_ramp() const { return has_ramp_; }
  // Row of the surface under column px: the floor's contact line or the ramp's slope.
  float floor_row() const { return kContactRow; }
  float slope_row(float px) const { return ramp_low_row_ + (px - ramp_low_) * ramp_slope_; }
  float slope() const { return ramp_slope_; }
  bool over_ramp(float px) const { return has_ramp_ && px >= ramp_left_ && px <= ramp_right_; }

 private:
  ColorF wall(float px, float py) const;
  ColorF floor(float px, float py) const;
  float floor_texture(float u, float v, float fade) const;
  float evaluation_texture(float u, float v) const;
  ColorF with_ramp(ColorF behind, float px, float py) const;

  Style style_;
  ColorF wall_color_, floor_color_;
  Light light_;
  int texture_;
  float phase_;                  // of the evaluation style's textures
  float pool_x_, pool_y_;        // centre of the wall's pool of light, pixels
  bool has_ramp_;
  float ramp_left_ = 0, ramp_right_ = 0, ramp_high_ = 0;  // columns
  float ramp_low_ = 0, ramp_low_row_ = 0, ramp_slope_ = 0;  // slope_row: rows per column
};

}  // namespace orrery
