// The two suites: violations at doses written down beforehand, with the same scene unbroken, and lawful
// oddities.
#pragma once
#include <algorithm>
#include <string_view>

#include "cli/world/validation_clips.h"
#include "cli/world/validation_optics.h"

namespace orrery::bench {

struct Violation {
  const char* name;
  std::array<double, 3> doses;
  const char* unit;
  std::function<ClipPlan(const Base&, double dose)> make;
};

// The clip's own time runs on, except for [from, from + length): there it does not.
inline double stopped(double t, double from, double length) {
  return t < from ? t : t < from + length ? from : t - length;
}

// Two balls of one size roll toward each other on one line, `closing` m/s in all, and go on with `after` m/s
// each; negative: they bounce back.
inline ClipPlan rolling_pair(const Base& b, double closing, double after) {
  ClipPlan p;
  const double r = 0.35, when = 1.75, v = 0.5 * closing, meet = when - r / v;
  for (const double side : {-1.0, 1.0})
    p.bodies.push_back(ball(
        [=](double t) {
          const double x = after > 0 || t < meet ? v * (when - t) : r - after * (t - meet);
          return std::array{5 + side * x, kFloorY + r, -side * x / r};
        },
        r, b.color[side > 0]));
  return p;
}

inline const std::vector<Violation>& violations() {
  constexpr double kWhen = 1.35;  // s, in the second flights
  static const std::vector<Violation> all = {
      {"gravity of one ball",
       {1.3, 1.7, 2.5},
       "times",
       [](const Base& b, double d) {
         return b.plan([&b, d](int k, int) { return k ? b.g * d : b.g; }, b.e);
       }},
      {"restitution",
       {1.1, 1.25, 1.5},
       "",
       [](const Base& b, double d) {
         Base low = b;  // lower, so that it stays in the view
         for (double& y : low.y) y = 2.0;
         return low.plan([g = b.g](int, int) { return g; }, d);
       }},
      {"teleport",
       {1.5, 3, 6},
       "diameters",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         p.bodies[0].at = [at = p.bodies[0].at, jump = d * 2 * b.radius[0]](double t) {
           auto s = at(t);
           if (t > kWhen) (*s)[0] += jump;
           return s;
         };
         return p;
       }},
      {"vanish",
       {0.3, 0.6, 9},
       "s",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         p.bodies[0].at = [at = p.bodies[0].at, d](double t) {
           return t > kWhen && t < kWhen + d ? std::nullopt : at(t);
         };
         return p;
       }},
      {"duplicate",
       {0.4, 0.8, 9},
       "s",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         Body copy = p.bodies[0];
         copy.at = [at = copy.at, d](double t) -> std::optional<std::array<double, 3>> {
           if (t < kWhen || t > kWhen + d) return std::nullopt;
           auto s = at(t);
           (*s)[0] += 0.3 + 1.4 * (t - kWhen), (*s)[1] += 0.4;
           return s;
         };
         p.bodies.push_back(copy);
         return p;
       }},
      {"freeze",
       {4, 8, 16},
       "frames",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         p.time = [d](int i) { return stopped(i / kFramesPerSecond, kWhen, d / kFramesPerSecond); };
         return p;
       }},
      {"time warp of one ball",
       {1.4, 1.8, 2.5},
       "times slower",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         p.bodies[0].at = [at = p.bodies[0].at, d](double t) {
           return at(t < 1.0 ? t : t < 2.0 ? 1.0 + (t - 1.0) / d : t - 1.0 + 1.0 / d);
         };
         return p;
       }},
      {"morph",
       {1.15, 1.35, 1.7},
       "times wider",
       [](const Base& b, double d) {
         ClipPlan p = b.plan();
         p.look = [d](const ObjectSpec& s, double t) {
           ObjectSpec out = s;
           if (t > kWhen) out.size *= d;
           return out;
         };
         return p;
       }},
      {"pass-through",
       {1.2, 2, 3},
       "m/s",
       [](const Base& b, double d) { return rolling_pair(b, d, 0.5 * d); }},
      {"momentum", {1.6, 2.5, 4}, "times apart", [](const Base& b, double d) {
         ClipPlan p;
         const double r = 0.35, y = kFloorY + r, v = 1.8 + 0.1 * (b.y[0] - 4), when = 1.5;
         p.bodies.push_back(ball(
             [=](double t) {
               return std::array{5 - r + (t < when ? v * (t - when) : -0.5 * v * d * (t - when)), y, 0.0};
             },
             r, b.color[0]));
         p.bodies.push_back(ball(
             [=](double t) {
               return std::array{5 + r + (t < when ? 0.0 : 0.5 * v * d * (t - when)), y, 0.0};
             },
             r, b.color[1]));
         return p;
       }}};
  return all;
}

// The same scene with nothing changed.
inline ClipPlan sham(const Violation& v, const Base& base) {
  if (std::string_view(v.name) == "pass-through") return rolling_pair(base, 2, -0.9);
  if (std::string_view(v.name) == "momentum") return v.make(base, 0.9);
  if (std::string_view(v.name) == "restitution") return v.make(base, 0.85);
  return base.plan();
}

struct Innocent {
  const char* name;
  std::function<ClipPlan(const Base&)> make;
};

inline const std::vector<Innocent>& innocents() {
  static const std::vector<Innocent> all = {
      {"drag",
       [](const Base& b) {
         ClipPlan p;
         const double k = 0.35;
         p.bodies.push_back(ball(
             [=](double t) {
               const double f = (1 - std::exp(-k * t)) / k;
               return std::array{b.x[0] + 3 * f, 5.2 + 2 * f - b.g * (t - f) / k, 0.0};
             },
             b.radius[0], b.color[0]));
         return p;
       }},
      {"spinning boxes",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.bodies[0] = ball(
             [=](double t) {
               return std::array{1 + 2.2 * t, 2.5 + 4 * t - 0.5 * b.g * t * t, 5 * t};
             },
             b.radius[0], b.color[0], Shape::kBox);
         return p;
       }},
      {"skid to roll",
       [](const Base& b) {
         ClipPlan p;
         const double r = b.radius[0];
         p.bodies.push_back(ball(
             [=](double t) {
               const double u = std::min(t, 0.8), w = std::max(0.0, t - 0.8);
               return std::array{1 + 3.6 * u - 1.1 * u * u + 1.84 * w - 0.06 * w * w, kFloorY + r,
                                 -(1 + 2 * t) / r};
             },
             r, b.color[0]));
         return p;
       }},
      {"topspin bounce",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.bodies[0] = ball(bouncing_path(
                                b.x[0], b.y[0], 0.3, [&b](int) { return b.g; }, b.e, b.radius[0], 0.5),
                            b.radius[0], b.color[0]);
         return p;
       }},
      {"tilt of 4 degrees",
       [](const Base& b) {
         ClipPlan p;
         p.bodies.push_back(ball(
             [=](double t) {
               const double g = b.g, a = 0.07;
               return std::array{2 + 2 * t - 0.5 * g * std::sin(a) * t * t,
                                 2.2 + 5.5 * t - 0.5 * g * std::cos(a) * t * t, 0.0};
             },
             b.radius[0], b.color[0]));
         return p;
       }},
      {"toward the camera",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.look = [](const ObjectSpec& s, double t) {
           ObjectSpec o = s;
           o.size *= 1 + 0.1 * std::floor(t * 4) / 4;
           return o;
         };
         return p;
       }},
      {"sensor noise",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.finish = [](Frame& f, int i) { add_noise(f, 5, uint64_t(i)); };
         return p;
       }},
      {"blur",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.finish = [](Frame& f, int) { add_blur(f); };
         return p;
       }},
      {"variable frame rate",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.time = p.stamp = [](int i) { return i / kFramesPerSecond + 0.012 * std::sin(1.7 * i); };
         return p;
       }},
      {"repeated frames",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.time = [](int i) { return (i % 7 == 3 ? i - 1 : i) / kFramesPerSecond; };
         return p;
       }},
      {"pulldown 24 to 30",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.time = [](int i) { return std::floor(i * 0.8) / 24.0; };
         p.stamp = [](int i) { return i / 30.0; };
         return p;
       }},
      {"box bounce",
       [](const Base& b) {
         ClipPlan p = b.plan();
         const double r = b.radius[0];
         p.bodies[0] = ball(
             [=, path = bouncing_path(
                     b.x[0], b.y[0], b.vx[0], [g = b.g](int) { return g; }, 0.5, 1.2 * r)](double t) {
               auto s = path(t);
               s[2] = t < 0.9 ? 0.5 : 0.5 + 3 * std::min(t - 0.9, 0.9);
               return s;
             },
             r, b.color[0], Shape::kBox);
         return p;
       }},
      {"lens",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.finish = [](Frame& f, int) { bend(f, 0.06); };
         return p;
       }},
      {"rolling shutter",
       [](const Base& b) {
         ClipPlan p = b.plan();
         for (Body& body : p.bodies)
           body.at = [at = body.at](double t) {
             const auto s = at(t);
             return at(t + 0.03 * (1 - (*s)[1] / 6));  // the picture is read from the top in 30 ms
           };
         return p;
       }},
      {"speed ramp",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.time = [](int i) { return ramped(i / kFramesPerSecond); };
         return p;
       }},
      {"shadow of something unseen",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.finish = [](Frame& f, int i) { cast_shadow(f, 0.5 + 0.1 * i, 3.2); };
         return p;
       }},
      {"hand that lets go",
       [](const Base& b) {
         ClipPlan p = b.plan();
         const double x = b.x[0], y = b.y[0], r = b.radius[0];
         p.bodies[0].at = [at = p.bodies[0].at, x](double t) {
           auto s = at(std::max(0.0, t - 0.6));
           (*s)[0] = x;
           return s;
         };
         p.finish = [=](Frame& f, int i) {
           const double t = i / kFramesPerSecond;
           draw_hand(f, x, y + 0.8 * r + 2.5 * std::max(0.0, t - 0.65), r);
         };
         return p;
       }},
      {"uniform slow motion",
       [](const Base& b) {
         ClipPlan p = b.plan();
         p.time = [](int i) { return 0.6 * i / kFramesPerSecond; };
         return p;
       }},
      {"light that drifts", [](const Base& b) {
         ClipPlan p = b.plan();
         p.finish = [](Frame& f, int i) {
           for (uint8_t& v : f.rgb) v = uint8_t(std::min(255.0, v * (0.85 + 0.002 * i)));
         };
         return p;
       }}};
  return all;
}

}  // namespace orrery::bench
