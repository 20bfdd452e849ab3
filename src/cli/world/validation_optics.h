// What cameras, editors and hands do to a clip: noise, blur, lens, shadows, a hand, changes of speed.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "world/renderer.h"

namespace orrery::bench {

inline void add_noise(Frame& frame, double sigma, uint64_t seed) {
  Rng rng(seed, 0x901);
  for (uint8_t& b : frame.rgb) b = uint8_t(std::clamp(double(b) + sigma * rng.normal() + 0.5, 0.0, 255.0));
}

inline void add_blur(Frame& frame) {
  const Frame in = frame;
  for (int y = 1; y + 1 < in.height; ++y)
    for (int x = 1; x + 1 < in.width; ++x)
      for (int c = 0; c < 3; ++c) {
        int sum = 0;
        for (int d = 0; d < 9; ++d) sum += in.at(x + d % 3 - 1, y + d / 3 - 1)[c];
        frame.at(x, y)[c] = uint8_t((sum + 4) / 9);
      }
}

// Barrel distortion: a point at r half-diagonals from the centre is shown at r (1 - k r^2) of it.
inline void bend(Frame& frame, double k) {
  const Frame in = frame;
  const double cx = 0.5 * in.width, cy = 0.5 * in.height, half = std::hypot(cx, cy);
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x) {
      const double dx = (x - cx) / half, dy = (y - cy) / half, grow = 1 + k * (dx * dx + dy * dy) - k;
      const double sx = std::clamp(cx + dx * grow * half, 0.0, in.width - 1.001);
      const double sy = std::clamp(cy + dy * grow * half, 0.0, in.height - 1.001);
      const int ix = int(sx), iy = int(sy);
      const double fx = sx - ix, fy = sy - iy;
      for (int c = 0; c < 3; ++c)
        frame.at(x, y)[c] =
            uint8_t((1 - fy) * ((1 - fx) * in.at(ix, iy)[c] + fx * in.at(ix + 1, iy)[c]) +
                    fy * ((1 - fx) * in.at(ix, iy + 1)[c] + fx * in.at(ix + 1, iy + 1)[c]) + 0.5);
    }
}

// A soft shadow of something out of the picture about (x, y) m, 1.2 m across.
inline void cast_shadow(Frame& frame, double x, double y) {
  for (int py = 0; py < frame.height; ++py)
    for (int px = 0; px < frame.width; ++px) {
      const double d = std::hypot(px / kPixelsPerMeter - x, (frame.height - py) / kPixelsPerMeter - y) / 0.6;
      const double light = 1 - 0.4 * std::clamp(1.5 - d, 0.0, 1.0);
      for (int c = 0; c < 3; ++c) frame.at(px, py)[c] = uint8_t(frame.at(px, py)[c] * light + 0.5);
    }
}

// A fist of radius r m about (x, y + r) m, on an arm that comes from above.
inline void draw_hand(Frame& frame, double x, double y, double r) {
  static constexpr int kSkin[3] = {205, 150, 120};
  for (int py = 0; py < frame.height; ++py)
    for (int px = 0; px < frame.width; ++px) {
      const double dx = px / kPixelsPerMeter - x, dy = (frame.height - py) / kPixelsPerMeter - (y + r);
      const bool fist = std::hypot(dx, dy)<r, arm = dy> 0 && std::abs(dx - 0.1 * dy) < 0.45 * r;
      if (!fist && !arm) continue;
      for (int c = 0; c < 3; ++c) frame.at(px, py)[c] = uint8_t(kSkin[c] - 20 * std::abs(dx) / r);
    }
}

// Clip time -> shown time: half speed between 1.1 s and 2.3 s, eased in and out over 0.2 s.
inline double ramped(double t) {
  double shown = 0;
  constexpr double kStep = 1.0 / 960;
  for (double u = 0; u < t; u += kStep) {
    const double in = std::clamp((u - 1.1) / 0.2, 0.0, 1.0), out = std::clamp((u - 2.3) / 0.2, 0.0, 1.0);
    shown += kStep * (1 - 0.5 * (in - out));
  }
  return shown;
}

}  // namespace orrery::bench
