// Inside the renderer: one object onto a part of the picture, and its shadow.
#pragma once
#include "core/trajectory.h"
#include "world/renderer_background.h"

namespace orrery {

// Part of the picture: rgb[rect.height][rect.width][3].
struct Canvas {
  Rect rect;
  uint8_t* rgb;
};

// An object placed in pixels.
struct Placed {
  const ObjectSpec* spec;
  float cx, cy, radius;        // pixels; radius: ball's, or half side
  float cosine, sine;          // of the angle, counter-clockwise in the world (y up)
};
Placed placed(const ObjectSpec& spec, const ObjectState& state, float shift_x, float shift_y);

// Share of the object in the pixel around (px, py).
float coverage(const Placed& object, float px, float py);
// The pixels it may touch: x0, y0 .. x1, y1 (exclusive), clipped to `clip`.
struct PixelBox {
  int x0, y0, x1, y1;
};
PixelBox bounds(const Placed& object, float margin, const Rect& clip);

void draw_shadow(Canvas& canvas, const Placed& object, const Background& background, const Light& light, float shift_x, float shift_y);
void draw_object(Canvas& canvas, const Placed& object, const Light& light, Style style);

}  // namespace orrery
