// Inside the renderer: colours, lights and how a material's surface looks.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

#include "core/scene.h"

namespace orrery {

// Linear light is the square of the stored value: gamma 2.0 is close enough to the video transfer curve for
// shading and costs a multiplication and a square root.
struct ColorF {
  float r = 0, g = 0, b = 0;
};
inline ColorF operator*(ColorF c, float k) { return {c.r * k, c.g * k, c.b * k}; }
inline ColorF operator+(ColorF a, ColorF b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
inline ColorF mix(ColorF a, ColorF b, float t) { return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t}; }

inline float smooth_step(float t) {
  t = std::clamp(t, 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}
inline uint8_t to_stored(float value) { return uint8_t(std::clamp(value, 0.0f, 255.0f) + 0.5f); }

struct Paint {
  ColorF base;    // the named colour, 0..255 as stored
  ColorF stripe;  // marking that shows the orientation: a lighter or darker tone of the same hue
};

// In the order of kColorNames. Ten hues far apart from each other, saturated where the backdrops are muted.
inline constexpr std::array<Paint, kColorNames.size()> kPaints = {{
    {{218, 34, 36}, {248, 128, 116}},    // red
    {{246, 122, 14}, {255, 186, 106}},   // orange
    {{250, 214, 26}, {255, 240, 150}},   // yellow
    {{38, 156, 58}, {128, 214, 132}},    // green
    {{28, 196, 214}, {150, 236, 242}},   // cyan
    {{34, 74, 214}, {118, 152, 248}},    // blue
    {{124, 40, 178}, {186, 124, 226}},   // purple
    {{248, 126, 186}, {255, 196, 224}},  // pink
    {{272, 272, 270}, {186, 194, 208}},  // white: brighter than paper, or its shaded side is a backdrop's grey
    {{26, 26, 30}, {92, 92, 100}},       // black
}};

// In the order of kBackdropNames: muted and neither light nor dark, so that white and black both stand out.
inline constexpr std::array<ColorF, kBackdropNames.size()> kBackdrops = {{
    {208, 194, 160},  // cream
    {150, 180, 202},  // sky
    {154, 188, 166},  // mint
    {200, 166, 164},  // rose
    {122, 134, 148},  // slate
    {186, 166, 132},  // sand
    {172, 162, 196},  // lilac
    {168, 173, 177},  // fog
}};

struct Light {
  float x, y, z;         // unit vector towards the light: right, up, towards the viewer
  float ambient, direct;  // shares of linear light
};

// In the order of kLightNames.
inline constexpr std::array<Light, kLightNames.size()> kLights = {{
    {-0.56f, 0.62f, 0.55f, 0.34f, 0.86f},  // left
    {0.56f, 0.62f, 0.55f, 0.34f, 0.86f},   // right
    {0.0f, 0.83f, 0.56f, 0.34f, 0.86f},    // above
    {0.0f, 0.42f, 0.91f, 0.50f, 0.60f},    // soft
}};

struct Surface {
  float tone;       // multiplies the colour
  float specular;   // strength of the highlight
  int gloss;        // highlight exponent 2^gloss
  float rim;        // whitening towards grazing view (ice)
  float grain;      // contrast of wood grain
  float mottle;     // contrast of soft blotches (clay)
  float mirror;     // contrast of a reflected horizon (steel)
};

// In the order of kMaterialNames.
inline constexpr std::array<Surface, kMaterialNames.size()> kSurfaces = {{
    {1.00f, 0.10f, 3, 0.00f, 0.00f, 0.00f, 0.00f},  // rubber
    {1.00f, 0.05f, 3, 0.00f, 0.22f, 0.00f, 0.00f},  // wood
    {1.00f, 0.90f, 6, 0.00f, 0.00f, 0.00f, 0.45f},  // steel
    {1.06f, 0.80f, 7, 0.55f, 0.00f, 0.00f, 0.00f},  // ice
    {0.84f, 0.00f, 1, 0.00f, 0.00f, 0.18f, 0.00f},  // clay
}};

}  // namespace orrery
