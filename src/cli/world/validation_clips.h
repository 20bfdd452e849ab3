// Clips for the validation of the evaluator: closed-form paths through the renderer, with violations at doses
// written down here beforehand, and lawful oddities that must not be called violations. Metres, y up; the
// view is 10 m x 6 m.
#pragma once
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "world/renderer.h"

namespace orrery::bench {

inline constexpr int kValidationFrames = 84;

struct Body {
  ObjectSpec spec;
  std::function<std::optional<std::array<double, 3>>(double t)> at;  // x, y, angle; empty: not there
};

struct ClipPlan {
  std::vector<Body> bodies;
  std::function<double(int frame)> time = [](int frame) {
    return frame / kFramesPerSecond;
  };  // what is shown
  std::function<double(int frame)> stamp = [](int frame) {
    return frame / kFramesPerSecond;
  };                                                                      // what the file says
  std::function<ObjectSpec(const ObjectSpec&, double t)> look = nullptr;  // changes of appearance
  std::function<void(Frame&, int)> finish = nullptr;                      // blur, noise
  Scene scene;                                                            // light, colours of wall and floor
  Style style = Style::kTrain;
  uint64_t seed = 0;
};

using Path = std::function<std::array<double, 3>(double t)>;

// A ball from (x, y) with vx, under g, bouncing at the floor with restitution e; `kick`: change of vx at each
// bounce. `g_of(i)`: gravity of flight i.
inline Path bouncing_path(double x, double y, double vx, std::function<double(int)> g_of, double e,
                          double radius, double kick = 0) {
  return [=](double t) -> std::array<double, 3> {
    const double ground = kFloorY + radius;
    double left = t, height = y - ground, v = 0, place = x, speed = vx;
    for (int i = 0; i < 40; ++i) {
      const double g = g_of(i), hit = (v + std::sqrt(v * v + 2 * g * std::max(0.0, height))) / g;
      if (left < hit) return {place + speed * left, ground + height + v * left - 0.5 * g * left * left, 0};
      left -= hit, place += speed * hit;
      v = e * (g * hit - v), height = 0, speed += kick;
      if (v < 0.35) break;
    }
    return {place + speed * left * 0, ground, 0};
  };
}

inline Frame blank_frame() { return Frame(kFrameWidth, kFrameHeight); }

// All frames of a plan.
inline std::vector<Frame> drawn(const ClipPlan& plan, int count = kValidationFrames) {
  std::vector<Frame> out;
  std::optional<Renderer> renderer;
  std::vector<double> sizes;
  for (int i = 0; i < count; ++i) {
    const double t = plan.time(i);
    Scene scene = plan.scene;
    std::vector<ObjectState> states;
    std::vector<double> now;
    for (const Body& body : plan.bodies) {
      const ObjectSpec spec = plan.look ? plan.look(body.spec, t) : body.spec;
      scene.objects.push_back(spec);
      now.push_back(spec.size + 100 * spec.color + 1000 * int(spec.shape));
      const auto place = body.at(t);
      ObjectState s;
      s.x = place ? float((*place)[0]) : -50.0f, s.y = place ? float((*place)[1]) : -50.0f,
      s.angle = place ? float((*place)[2]) : 0.0f;
      states.push_back(s);
    }
    if (!renderer || now != sizes) renderer.emplace(scene, plan.style, plan.seed);
    sizes = now;
    Frame frame = renderer->frame(states, t);
    frame.seconds = plan.stamp(i);
    if (plan.finish) plan.finish(frame, i);
    out.push_back(std::move(frame));
  }
  return out;
}

inline Body ball(Path path, double radius, int color, Shape shape = Shape::kBall) {
  Body body;
  body.spec.shape = shape;
  body.spec.size = radius;
  body.spec.color = color;
  body.spec.material = 2;
  body.at = [path = std::move(path)](double t) { return std::optional(path(t)); };
  return body;
}

// The scene that violations are put into: two balls that bounce, of random size, colour, height, speed and
// restitution.
struct Base {
  double x[2], y[2], vx[2], radius[2], e, g;
  int color[2];
  ClipPlan plan(const std::function<double(int ball, int flight)>& g_of, double restitution) const {
    ClipPlan out;
    for (int k = 0; k < 2; ++k)
      out.bodies.push_back(
          ball(bouncing_path(
                   x[k], y[k], vx[k], [=](int i) { return g_of(k, i); }, restitution, radius[k]),
               radius[k], color[k]));
    return out;
  }
  ClipPlan plan() const {
    return plan([this](int, int) { return g; }, e);
  }
};

inline Base base_of(uint64_t seed) {
  Rng rng(seed, 0x7a11);
  Base b;
  b.g = rng.uniform(7, 11), b.e = rng.uniform(0.6, 0.8);
  for (int k = 0; k < 2; ++k) {
    b.x[k] = k ? rng.uniform(5.6, 6.4) : rng.uniform(1.2, 2);
    b.y[k] = rng.uniform(3.8, 5.2), b.vx[k] = rng.uniform(0.3, 0.8), b.radius[k] = rng.uniform(0.24, 0.4);
  }
  b.color[0] = rng.below(3), b.color[1] = 4 + rng.below(3);
  return b;
}

// A ball on an unseen string, let go at 40 degrees. Periods are 2.5 to 4.4 s: to be drawn for
// kPendulumFrames.
inline constexpr int kPendulumFrames = 144;

inline ClipPlan pendulum_plan(const Base& b, double length) {
  ClipPlan p;
  p.bodies.push_back(ball(
      [=](double t) {
        constexpr double kStep = 1.0 / 480;
        double angle = 0.7, rate = 0;
        for (double u = 0; u < t; u += kStep)
          rate -= kStep * (b.g / length * std::sin(angle) + 0.03 * rate), angle += kStep * rate;
        return std::array{5 + length * std::sin(angle), 5.2 - length * std::cos(angle), angle};
      },
      0.3, b.color[0]));
  return p;
}

// One ball rolls into another of `ratio` times its mass that rests, with restitution 0.8.
inline ClipPlan collision_plan(const Base& b, double ratio) {
  ClipPlan p;
  const double r = 0.35, v = 2, when = 1.4, e = 0.8, share = 1 / (1 + ratio);
  const double first = v * (1 - (1 + e) * ratio * share), second = v * (1 + e) * share;
  p.bodies.push_back(ball(
      [=](double t) {
        return std::array{5 - r + (t < when ? v : first) * (t - when), kFloorY + r, 0.0};
      },
      r, b.color[0]));
  p.bodies.push_back(ball(
      [=](double t) {
        return std::array{5 + r + (t < when ? 0 : second) * (t - when), kFloorY + r, 0.0};
      },
      r, b.color[1]));
  return p;
}

// The same ends, with even motion along straight lines between them.
inline ClipPlan linear(ClipPlan plan) {
  for (Body& body : plan.bodies)
    body.at = [from = *body.at(0), to = *body.at(kValidationFrames / kFramesPerSecond)](double t) {
      const double s = t * kFramesPerSecond / kValidationFrames;
      return std::optional(std::array{from[0] + s * (to[0] - from[0]), from[1] + s * (to[1] - from[1]), 0.0});
    };
  return plan;
}

inline ClipPlan dressed(ClipPlan plan, uint64_t seed) {
  Rng rng(seed, 0xd5e55);
  plan.scene.light = rng.below(4), plan.scene.wall_color = rng.below(8),
  plan.scene.floor_color = rng.below(8);
  plan.scene.floor_texture = rng.below(4);
  plan.style = seed % 2 ? Style::kEvaluation : Style::kTrain;
  plan.seed = seed;
  return plan;
}

}  // namespace orrery::bench
