#include "physics_eval/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "physics_eval/phases.h"

namespace orrery::physics_eval {
namespace {

constexpr int kWidth = 300, kHeight = 150, kMargin = 34;
constexpr const char* kColors[] = {"#e4572e", "#17bebb", "#ffc914", "#76b041", "#9b5de5", "#f15bb5"};
constexpr const char* kAxisColors[] = {"#2a6fdb", "#d1495b"};  // x, y

struct Sample {
  double t, x, y;
};

bool has_phase(const Evaluation& e, int id) {
  return std::any_of(e.phases.begin(), e.phases.end(), [&](const Phase& p) { return p.track == id; });
}

// Coefficient of a quadratic through the points within two of each: order 1 is velocity, 2 half of the
// acceleration.
std::vector<Sample> derivative(const std::vector<TrackPoint>& points, int order) {
  std::vector<Sample> out;
  for (int i = 2; i + 2 < int(points.size()); ++i) {
    const PolynomialFit fit = fit_polynomial(points, i - 2, i + 2, 2);
    const double u = points[i].t - points[i - 2].t;
    const auto at = [&](int axis) {
      return order == 1 ? fit.c[axis][1] + 2 * u * fit.c[axis][2] : 2 * fit.c[axis][2];
    };
    out.push_back({points[i].t, at(0), at(1)});
  }
  return out;
}

struct Range {
  double low = 1e30, high = -1e30;
  void add(double v) { low = std::min(low, v), high = std::max(high, v); }
  double place(double v, double from, double to) const {
    return from + (v - low) / std::max(1e-12, high - low) * (to - from);
  }
};

std::string panel(const std::string& title, const std::vector<Sample>& dots, const std::vector<Phase>& phases,
                  const std::function<Vec2(const Phase&, double)>& law) {
  Range time, value;
  std::vector<double> values;
  for (const Sample& s : dots) time.add(s.t), values.push_back(s.x), values.push_back(s.y);
  if (dots.empty()) return "";
  std::sort(values.begin(), values.end());  // a few wild derivatives must not flatten the rest
  value.add(values[values.size() / 50]), value.add(values[values.size() - 1 - values.size() / 50]);
  const double pad = 0.08 * (value.high - value.low) + 1e-9;
  value.low -= pad, value.high += pad;
  const auto px = [&](double t) { return time.place(t, kMargin, kWidth - 8); };
  const auto py = [&](double v) {
    return std::clamp(value.place(v, kHeight - 20, 16), 2.0, double(kHeight));
  };
  std::string out = fmt::format("<svg width='{}' height='{}' class='plot'><text x='{}' y='11'>{}</text>",
                                kWidth, kHeight, kMargin, title);
  out += fmt::format(
      "<text x='2' y='24'>{:.0f}</text><text x='2' y='{}'>{:.0f}</text><text x='{}' y='{}'>{:.2f} "
      "s</text><text x='{}' y='{}'>{:.2f} s</text>",
      value.high, kHeight - 22, value.low, kMargin, kHeight - 5, time.low, kWidth - 44, kHeight - 5,
      time.high);
  for (const Sample& s : dots)
    for (int axis = 0; axis < 2; ++axis)
      out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='1.6' fill='{}'/>", px(s.t), py(axis ? s.y : s.x),
                         kAxisColors[axis]);
  for (const Phase& p : phases)
    for (int axis = 0; axis < 2; ++axis) {
      out += fmt::format("<polyline fill='none' stroke='{}' stroke-opacity='.55' stroke-width='1.3' points='",
                         kAxisColors[axis]);
      for (int i = 0; i <= 12; ++i) {
        const double t = p.t0 + (p.t1 - p.t0) * i / 12;
        out += fmt::format("{:.1f},{:.1f} ", px(t), py(law(p, t)[axis]));
      }
      out += "'/>";
    }
  return out + "</svg>";
}

}  // namespace

std::string trajectories_svg(const Evaluation& e, const std::string& png) {
  const int w = std::max(1, e.width), h = std::max(1, e.height);
  std::string out = fmt::format("<svg class='scene' viewBox='0 0 {} {}'>", w, h);
  if (!png.empty())
    out += fmt::format("<image width='{}' height='{}' href='data:image/png;base64,{}'/>", w, h, png);
  int color = 0;
  for (const Track& track : e.tracks) {
    const bool judged = has_phase(e, track.id);
    const char* stroke = judged ? kColors[color++ % 6] : "#888";
    out += fmt::format("<polyline fill='none' stroke='{}' stroke-width='{:.1f}' points='", stroke, w / 320.0);
    for (const TrackPoint& p : track.points) out += fmt::format("{:.1f},{:.1f} ", p.x, p.y);
    const TrackPoint& first = track.points[0];
    out += fmt::format("'/><text x='{:.0f}' y='{:.0f}' fill='{}' font-size='{:.0f}'>{}</text>", first.x,
                       first.y, stroke, w / 40.0, track.id);
  }
  return out + "</svg>";
}

std::string motion_svg(const Evaluation& e, const Track& track) {
  std::vector<Phase> phases;
  for (const Phase& p : e.phases)
    if (p.track == track.id && p.count() >= 4 && p.kind != PhaseKind::kSwing) phases.push_back(p);
  std::vector<Sample> places;
  for (const TrackPoint& p : track.points) places.push_back({p.t, p.x, p.y});
  return panel("position, px", places, phases, [](const Phase& p, double t) { return p.position(t); }) +
         panel("velocity, px/s", derivative(track.points, 1), phases,
               [](const Phase& p, double t) { return p.velocity(t); }) +
         panel("acceleration, px/s^2", derivative(track.points, 2), phases,
               [](const Phase& p, double) { return p.a; });
}

}  // namespace orrery::physics_eval
