// Clips drawn for tests: antialiased discs and squares on a shaded wall, with noise, blur, shadows and brightness drift.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "core/frame.h"
#include "core/rng.h"

namespace orrery::test {

struct Place {
  double x, y;  // px, y down
};

struct DrawnObject {
  std::function<std::optional<Place>(double t)> at;  // empty: not there
  double radius = 10;
  std::array<double, 3> rgb{200, 40, 40};
  bool square = false;
  bool shadow = false;  // a soft dark ellipse on the floor below
};

struct DrawnClip {
  int width = 320, height = 192, frames = 72;
  double fps = 24, noise = 0, drift = 0;  // drift: brightness grows by this share over the clip
  int blur = 0;                           // box blur radius, px
  double floor_y = 172;
  uint64_t seed = 1;
  std::vector<DrawnObject> objects;

  double covered(const DrawnObject& o, Place p, int x, int y) const {
    const double dx = x - p.x, dy = y - p.y;
    const double outside = o.square ? std::max(std::abs(dx), std::abs(dy)) - o.radius : std::hypot(dx, dy) - o.radius;
    return std::clamp(0.5 - outside, 0.0, 1.0);
  }
  double shaded(const DrawnObject& o, Place p, int x, int y) const {
    if (!o.shadow || y < floor_y) return 1;
    const double dx = (x - p.x) / (1.2 * o.radius), dy = (y - floor_y) / 7;
    return 1 - 0.5 * std::max(0.0, 1 - dx * dx - dy * dy);
  }
  Frame frame(int index) const {
    Frame out(width, height);
    out.seconds = index / fps;
    const double gain = 1 + drift * index / std::max(1, frames - 1);
    std::vector<double> picture(out.rgb.size());
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const double light = gain * (y < floor_y ? 1 - 0.15 * x / width : 0.75);
        for (int c = 0; c < 3; ++c) picture[(size_t(y) * width + x) * 3 + c] = light * (170 + 10 * c);
      }
    for (const DrawnObject& o : objects)
      if (const auto p = o.at(out.seconds)) draw(o, *p, gain, picture);
    if (blur > 0) picture = blurred(picture);
    const std::vector<float> grain = noise > 0 ? noise_table() : std::vector<float>(1, 0.0f);
    uint64_t state = Rng(seed, uint64_t(index)).next();
    for (size_t i = 0; i < picture.size(); ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      out.rgb[i] = uint8_t(std::clamp(picture[i] + noise * grain[(state >> 40) % grain.size()] + 0.5, 0.0, 255.0));
    }
    return out;
  }
  void draw(const DrawnObject& o, Place p, double gain, std::vector<double>& picture) const {
    const int reach = int(1.3 * o.radius) + 2;
    for (int y = 0; y < height; ++y)
      for (int x = std::max(0, int(p.x) - reach); x < std::min(width, int(p.x) + reach + 1); ++x) {
        const double a = covered(o, p, x, y), s = shaded(o, p, x, y);
        double* pixel = &picture[(size_t(y) * width + x) * 3];
        for (int c = 0; c < 3; ++c) pixel[c] = (1 - a) * pixel[c] * s + a * gain * o.rgb[c];
      }
  }
  static std::vector<float> noise_table() {
    std::vector<float> table(4099);
    Rng rng(99);
    for (float& v : table) v = float(rng.normal());
    return table;
  }
  std::vector<double> blurred(const std::vector<double>& in) const {
    std::vector<double> out(in.size());
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c) {
          double sum = 0;
          for (int dy = -blur; dy <= blur; ++dy)
            for (int dx = -blur; dx <= blur; ++dx)
              sum += in[(size_t(std::clamp(y + dy, 0, height - 1)) * width + std::clamp(x + dx, 0, width - 1)) * 3 + c];
          out[(size_t(y) * width + x) * 3 + c] = sum / ((2 * blur + 1) * (2 * blur + 1));
        }
    return out;
  }
};

// Frames from a function, one at a time.
class Frames : public FrameSource {
 public:
  Frames(int count, std::function<Frame(int)> make) : count_(count), make_(std::move(make)) {}
  explicit Frames(const DrawnClip& clip) : Frames(clip.frames, [clip](int i) { return clip.frame(i); }) {}
  bool next(Frame& frame) override {
    if (index_ >= count_) return false;
    frame = make_(index_++);
    return true;
  }

 private:
  int count_, index_ = 0;
  std::function<Frame(int)> make_;
};

// Falls from (x, y0) with velocity (vx, vy) under g px/s^2, bouncing at y1 with restitution e.
inline std::function<std::optional<Place>(double)> falling(double x, double y0, double vx, double vy, double g, double y1,
                                                           double e) {
  return [=](double t) -> std::optional<Place> {
    double from = y0, v = vy, left = t;
    for (int bounce = 0; bounce < 40; ++bounce) {
      const double hit = (-v + std::sqrt(v * v + 2 * g * (y1 - from))) / g;
      if (left < hit) return Place{x + vx * t, from + v * left + 0.5 * g * left * left};
      left -= hit;
      v = -e * (v + g * hit);
      from = y1;
      if (std::abs(v) < 4) break;
    }
    return Place{x + vx * t, y1};
  };
}

}  // namespace orrery::test
