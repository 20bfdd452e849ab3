#include "world/renderer_objects.h"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

ColorF linear(ColorF stored) { return ColorF{stored.r * stored.r, stored.g * stored.g, stored.b * stored.b} * (1 / 65025.0f); }

void blend(uint8_t* pixel, ColorF color, float alpha) {
  pixel[0] = to_stored(pixel[0] + (color.r - pixel[0]) * alpha);
  pixel[1] = to_stored(pixel[1] + (color.g - pixel[1]) * alpha);
  pixel[2] = to_stored(pixel[2] + (color.b - pixel[2]) * alpha);
}

// What a surface point of an object needs to be shaded.
struct Point {
  float nx, ny, nz;  // normal: right, up, towards the viewer
  float u, v, w;     // place on the object in its own axes, in units of its radius (w: towards the viewer)
  float edge;        // pixels to the silhouette
};

struct Look {
  ColorF base, stripe;  // linear
  Surface surface;
  Light light;
  float softness;    // one pixel, in units of the radius
  float specular;    // strength of the highlight
  bool plain;        // no stripe: evaluation style
};

constexpr float kBallTilt = 0.3f;  // sine; at 0.5 the stripe of a small ball is lost in its rim

// Above, a base tone; across, a stripe; below, a darker tone: one glance gives the orientation. The plane of the
// stripe is tilted on balls, which makes it an arc.
ColorF painted(const Look& look, const Point& p, float tilt) {
  const float h = p.v * std::sqrt(1 - tilt * tilt) + p.w * tilt;
  const float s = 1.2f * look.softness;
  const float upper = smooth_step((h + 0.02f) / s + 0.5f), lower = smooth_step((h + 0.40f) / s + 0.5f);
  const ColorF below = mix(look.base * 0.62f, look.stripe, lower);
  if (look.plain) return mix(look.base * 0.7f, look.base, smooth_step((p.u * p.u + (p.v - 0.3f) * (p.v - 0.3f) - 0.10f) / (2 * s)));
  return mix(below, look.base, upper);
}

float texture(const Surface& surface, const Point& p) {
  float tone = 1;
  if (surface.grain > 0) tone += surface.grain * 0.5f * std::sin(7.5f * p.v + 1.1f * std::sin(2.3f * p.u + 0.7f));
  if (surface.mottle > 0) tone += surface.mottle * 0.5f * (std::sin(4.3f * p.u + 1.9f * p.v) + std::sin(3.1f * p.v - 2.7f * p.u + 1.0f));
  if (surface.mirror > 0) tone += surface.mirror * (smooth_step(p.ny * 2.2f + 0.55f) - 0.55f) * (0.35f + 0.65f * p.nz);
  return tone;
}

// Lambert, an ambient term from above, Blinn's highlight, a rim for ice; a thin darker line along the silhouette.
ColorF shaded(const Look& look, const Point& p, float tilt) {
  const Light& light = look.light;
  const Surface& surface = look.surface;
  const float diffuse = std::max(0.0f, p.nx * light.x + p.ny * light.y + p.nz * light.z);
  ColorF color = painted(look, p, tilt) * (surface.tone * texture(surface, p));
  const float grazing = (1 - p.nz) * (1 - p.nz);
  if (surface.rim > 0) color = mix(color, {0.9f, 0.95f, 1.0f}, surface.rim * grazing);
  color = color * (light.ambient * (1 + 0.35f * p.ny) + light.direct * diffuse);
  if (look.specular > 0) {
    const float scale = 1 / std::sqrt(2 + 2 * light.z);  // the half vector is (L + (0, 0, 1)) scaled
    float highlight = std::max(0.0f, (p.nx * light.x + p.ny * light.y + p.nz * (light.z + 1)) * scale);
    for (int i = 0; i < surface.gloss; ++i) highlight *= highlight;
    const float amount = look.specular * highlight;
    color = color + ColorF{amount, amount, amount};
  }
  color = color * (1 - 0.45f * smooth_step(1.0f - p.edge / 1.6f));
  return ColorF{std::sqrt(color.r), std::sqrt(color.g), std::sqrt(color.b)} * 255.0f;
}

Point ball_point(const Placed& o, float dx, float dy) {
  const float x = dx / o.radius, y = dy / o.radius;
  const float rr = x * x + y * y;
  const float z = std::sqrt(std::max(0.0f, 1 - rr));
  const float shrink = rr > 1 ? 1 / std::sqrt(rr) : 1;
  return {x * shrink, y * shrink, z, o.cosine * x + o.sine * y, o.cosine * y - o.sine * x, z, o.radius * (1 - std::sqrt(rr))};
}

// A slightly domed face with a bevel of two pixels or so.
Point box_point(const Placed& o, float dx, float dy) {
  const float u = (o.cosine * dx + o.sine * dy) / o.radius, v = (o.cosine * dy - o.sine * dx) / o.radius;
  const float edge_u = (1 - std::abs(u)) * o.radius, edge_v = (1 - std::abs(v)) * o.radius;
  const float bevel = std::min(2.6f, 0.22f * o.radius);
  const float tilt_u = 0.95f * smooth_step(1 - edge_u / bevel) * (edge_u < edge_v ? 1.0f : 0.35f);
  const float tilt_v = 0.95f * smooth_step(1 - edge_v / bevel) * (edge_v <= edge_u ? 1.0f : 0.35f);
  float nu = 0.16f * u + std::copysign(tilt_u, u), nv = 0.16f * v + std::copysign(tilt_v, v);
  const float inverse = 1 / std::sqrt(1 + nu * nu + nv * nv);
  nu *= inverse;
  nv *= inverse;
  return {o.cosine * nu - o.sine * nv, o.sine * nu + o.cosine * nv, inverse, u, v, 0, std::min(edge_u, edge_v)};
}

// Height of the object's lowest part above a surface of that slope under it, pixels.
float clearance(const Placed& o, float surface_row, float slope) {
  const float inverse = 1 / std::sqrt(1 + slope * slope);
  const float along_c = inverse, along_s = -slope * inverse;  // the surface's direction, y up
  const float c = std::abs(o.cosine * along_c + o.sine * along_s), s = std::abs(o.sine * along_c - o.cosine * along_s);
  const float reach = o.spec->shape == Shape::kBall ? o.radius : o.radius * (c + s);
  return (surface_row - o.cy) * inverse - reach;
}

struct Blob {
  float cx, half_width, half_depth, strength;
};

// The higher the object, the wider, softer and weaker its shadow, and the further from the light.
Blob shadow_blob(const Placed& o, float height, const Light& light) {
  const float meters = std::max(0.0f, height) / float(kPixelsPerMeter);
  const float spread = 1 + 0.45f * std::min(meters, 3.0f);
  const float reach = o.spec->shape == Shape::kBall ? 1.08f : 1.12f * (std::abs(o.cosine) + std::abs(o.sine));
  return {o.cx - light.x * 0.45f * std::min(height, 64.0f), o.radius * reach * spread,
          (1.6f + 0.26f * o.radius) * (1 + 0.25f * std::min(meters, 3.0f)), 0.62f / (1 + 2.2f * meters) * (0.7f + 0.35f * light.direct)};
}

void darken(uint8_t* pixel, float amount) {
  const float keep = 1 - amount;
  for (int c = 0; c < 3; ++c) pixel[c] = to_stored(pixel[c] * keep);
}

}  // namespace

Placed placed(const ObjectSpec& spec, const ObjectState& state, float shift_x, float shift_y) {
  const float scale = float(kPixelsPerMeter);
  return {&spec, state.x * scale + shift_x, float(kFrameHeight) - state.y * scale + shift_y, float(spec.size) * scale,
          std::cos(state.angle), std::sin(state.angle)};
}

float coverage(const Placed& o, float px, float py) {
  const float dx = px - o.cx, dy = o.cy - py;
  if (o.spec->shape == Shape::kBall) return std::clamp(o.radius - std::sqrt(dx * dx + dy * dy) + 0.5f, 0.0f, 1.0f);
  const float u = std::abs(o.cosine * dx + o.sine * dy), v = std::abs(o.cosine * dy - o.sine * dx);
  // Distance to a square with corners of radius 1 pixel.
  const float corner = 1, a = u - o.radius + corner, b = v - o.radius + corner;
  const float outside = std::sqrt(std::max(a, 0.0f) * std::max(a, 0.0f) + std::max(b, 0.0f) * std::max(b, 0.0f));
  return std::clamp(0.5f - (outside + std::min(std::max(a, b), 0.0f) - corner), 0.0f, 1.0f);
}

PixelBox bounds(const Placed& o, float margin, const Rect& clip) {
  const float reach = (o.spec->shape == Shape::kBall ? o.radius : o.radius * (std::abs(o.cosine) + std::abs(o.sine))) + margin;
  // Clamped as floats: far outside, an int would overflow.
  auto column = [&](float x) { return int(std::clamp(std::floor(x), float(clip.x0), float(clip.x0 + clip.width))); };
  auto row = [&](float y) { return int(std::clamp(std::floor(y), float(clip.y0), float(clip.y0 + clip.height))); };
  return {column(o.cx - reach), row(o.cy - reach), column(o.cx + reach + 1), row(o.cy + reach + 1)};
}

void draw_shadow(Canvas& canvas, const Placed& o, const Background& background, const Light& light, float shift_x, float shift_y) {
  const Rect& rect = canvas.rect;
  for (const bool ramp : {false, true}) {
    if (ramp && !background.has_ramp()) continue;
    const float slope = ramp ? background.slope() : 0;
    const float row_under = ramp ? background.slope_row(o.cx - shift_x) + shift_y : kContactRow + shift_y;
    const float height = clearance(o, row_under, slope);
    if (height < -0.75f * o.radius) continue;
    const Blob blob = shadow_blob(o, height, light);
    const float left = std::floor(blob.cx - blob.half_width), right = std::floor(blob.cx + blob.half_width + 1);
    const int x0 = int(std::clamp(left, float(rect.x0), float(rect.x0 + rect.width)));
    const int x1 = int(std::clamp(right, float(rect.x0), float(rect.x0 + rect.width)));
    for (int x = x0; x < x1; ++x) {
      const float px = x + 0.5f - shift_x;
      if (background.over_ramp(px) != ramp) continue;
      const float middle = (ramp ? background.slope_row(px) : kContactRow) + shift_y;
      const float top = (ramp ? middle - kRampBack : kJointRow + shift_y);
      const float bottom = ramp ? std::min(middle + kRampFront + 1, kContactRow + kRampFront + shift_y) : float(kFrameHeight);
      const float dx = (x + 0.5f - blob.cx) / blob.half_width;
      const int y0 = std::max(rect.y0, int(std::floor(std::max(top, middle - blob.half_depth))));
      const int y1 = std::min(rect.y0 + rect.height, int(std::floor(std::min(bottom, middle + blob.half_depth) + 1)));
      for (int y = y0; y < y1; ++y) {
        const float dy = (y + 0.5f - middle - 0.5f) / blob.half_depth;
        const float inside = 1 - dx * dx - dy * dy;
        if (inside <= 0) continue;
        const float border = std::clamp(y + 1 - top, 0.0f, 1.0f) * std::clamp(bottom - y, 0.0f, 1.0f);
        darken(canvas.rgb + 3 * (size_t(y - rect.y0) * rect.width + x - rect.x0), blob.strength * inside * std::sqrt(inside) * border);
      }
    }
  }
}

void draw_object(Canvas& canvas, const Placed& o, const Light& light, Style style) {
  const bool ball = o.spec->shape == Shape::kBall;
  const Paint& paint = kPaints[o.spec->color];
  const Surface& surface = kSurfaces[o.spec->material];
  // A flat face reflects the light all at once: a full highlight would turn a black box white.
  const float specular = surface.specular * light.direct * (ball ? 1.0f : 0.25f);
  const Look look{linear(paint.base), linear(paint.stripe), surface, light, 1 / o.radius, specular, style == Style::kEvaluation};
  const Rect& rect = canvas.rect;
  const PixelBox box = bounds(o, 1, rect);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const float alpha = coverage(o, x + 0.5f, y + 0.5f);
      if (alpha <= 0) continue;
      const float dx = x + 0.5f - o.cx, dy = o.cy - (y + 0.5f);
      const Point point = ball ? ball_point(o, dx, dy) : box_point(o, dx, dy);
      blend(canvas.rgb + 3 * (size_t(y - rect.y0) * rect.width + x - rect.x0), shaded(look, point, ball ? kBallTilt : 0.0f), alpha);
    }
}

}  // namespace orrery
