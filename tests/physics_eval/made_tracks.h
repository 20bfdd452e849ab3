// Tracks made from closed forms, with noise: what a perfect tracker would hand to the laws.
#pragma once
#include <cmath>
#include <functional>
#include <vector>

#include "core/rng.h"
#include "physics_eval/evaluate.h"

namespace orrery::test {

using Path = std::function<std::array<double, 2>(double t)>;  // px, y down

struct MadeTrack {
  Path at;
  double radius = 9, round = 0.95;
  std::array<float, 3> rgb{200, 60, 40};
  double noise = 0.1;  // px
  int first = 0, last = 95;
};

inline physics_eval::Observation observed(const std::vector<MadeTrack>& made, double fps = 24,
                                          uint64_t seed = 1) {
  physics_eval::Observation out;
  out.fps = fps;
  out.width = 640, out.height = 384;
  for (size_t k = 0; k < made.size(); ++k) {
    const MadeTrack& m = made[k];
    Rng rng(seed, k);
    physics_eval::Track track;
    track.id = int(k);
    for (int i = m.first; i <= m.last; ++i) {
      physics_eval::TrackPoint p;
      p.frame = i;
      p.t = i / fps;
      const auto place = m.at(p.t);
      p.x = place[0] + m.noise * rng.normal();
      p.y = place[1] + m.noise * rng.normal();
      p.width = p.height = 2 * m.radius;
      p.area = M_PI * m.radius * m.radius;
      p.round = m.round;
      p.rgb = m.rgb;
      track.points.push_back(p);
    }
    out.frames = out.judged = std::max(out.frames, m.last + 1);
    out.tracks.push_back(std::move(track));
  }
  out.seconds = (out.frames - 1) / fps;
  return out;
}

// A ball dropped from y0 at time `release`, bouncing at `floor` with the restitution of each bounce; g
// px/s^2.
inline Path bouncing(double x, double y0, double vx, double g, double floor, std::vector<double> e,
                     double release = 0) {
  return [=](double t) -> std::array<double, 2> {
    double left = std::max(0.0, t - release), from = y0, v = 0;
    const double moved = x + vx * left;
    for (size_t i = 0; i < 30; ++i) {
      const double hit = (-v + std::sqrt(v * v + 2 * g * (floor - from))) / g;
      if (left < hit) return {moved, from + v * left + 0.5 * g * left * left};
      left -= hit;
      v = -e[std::min(i, e.size() - 1)] * (v + g * hit);
      from = floor;
      if (std::abs(v) < 5) break;
    }
    return {moved, floor};
  };
}

// theta'' = -k sin theta - c theta' from rest at angle `start`; RK4 at 1/480 s.
inline Path swinging(double pivot_x, double pivot_y, double length, double k, double c, double start) {
  return [=](double t) -> std::array<double, 2> {
    double angle = start, rate = 0;
    const double h = 1.0 / 480;
    const auto pull = [&](double a, double r) { return -k * std::sin(a) - c * r; };
    for (int i = 0; i < int(t / h + 0.5); ++i) {
      const double r1 = pull(angle, rate), a2 = rate + h / 2 * r1, r2 = pull(angle + h / 2 * rate, a2);
      const double a3 = rate + h / 2 * r2, r3 = pull(angle + h / 2 * a2, a3), a4 = rate + h * r3,
                   r4 = pull(angle + h * a3, a4);
      angle += h / 6 * (rate + 2 * a2 + 2 * a3 + a4);
      rate += h / 6 * (r1 + 2 * r2 + 2 * r3 + r4);
    }
    return {pivot_x + length * std::sin(angle), pivot_y + length * std::cos(angle)};
  };
}

}  // namespace orrery::test
