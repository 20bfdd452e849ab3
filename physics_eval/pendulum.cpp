#include "physics_eval/pendulum.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kLeastTurns = 3;         // two turning points fix a half period, a third that it repeats
constexpr double kMaxStep = 1.0 / 96;  // s, of the integration

struct Circle {
  double x = 0, y = 0, r = 0, rms = 0;  // rms: of what is not an outlier
};

bool usable(const TrackPoint& p) { return !p.merged && !p.clipped && !p.odd; }

// Algebraic fit (Kasa), then Gauss-Newton on the distances with Huber weights.
Circle fit_circle(const std::vector<TrackPoint>& points, double noise) {
  double mx = 0, my = 0;
  for (const TrackPoint& p : points) mx += p.x / double(points.size()), my += p.y / double(points.size());
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const TrackPoint& p : points) {
    const Eigen::Vector3d row(p.x - mx, p.y - my, 1);
    normal += row * row.transpose();
    right += row * row.head<2>().squaredNorm();
  }
  const Eigen::Vector3d s = normal.ldlt().solve(right);
  Circle c{s[0] / 2, s[1] / 2, std::sqrt(std::max(0.0, s[2] + (s[0] * s[0] + s[1] * s[1]) / 4)), 0};
  for (int pass = 0; pass < 15; ++pass) {
    normal.setZero(), right.setZero();
    std::vector<double> errors;
    for (const TrackPoint& p : points) {
      const double dx = p.x - mx - c.x, dy = p.y - my - c.y, d = std::max(1e-9, std::hypot(dx, dy)),
                   e = d - c.r;
      const double w = std::min(1.0, 3 * noise / std::max(1e-12, std::abs(e)));
      const Eigen::Vector3d row(-dx / d, -dy / d, -1);
      normal += w * row * row.transpose();
      right -= w * row * e;
      errors.push_back(std::abs(e));
    }
    c.rms = deviation_of(errors);
    const Eigen::Vector3d step = (normal + 1e-9 * Eigen::Matrix3d::Identity()).ldlt().solve(right);
    if (!step.allFinite()) break;
    c.x += step[0], c.y += step[1], c.r += step[2];
  }
  c.x += mx, c.y += my;
  return c;
}

// Times at which the angle turns round, with a hysteresis of a sixth of its range.
std::vector<double> turns_of(const std::vector<double>& t, const std::vector<double>& angle) {
  const double range = quantile(angle, 0.98) - quantile(angle, 0.02);
  std::vector<double> out;
  double extreme = angle[0], when = t[0];
  int direction = 0;
  for (size_t i = 1; i < angle.size(); ++i) {
    if (direction > 0 && angle[i] > extreme) extreme = angle[i], when = t[i];
    else if (direction < 0 && angle[i] < extreme) extreme = angle[i], when = t[i];
    if (std::abs(angle[i] - extreme) < range / 6) continue;
    if (direction != 0) out.push_back(when);
    direction = angle[i] > extreme ? 1 : -1;
    extreme = angle[i], when = t[i];
  }
  return out;
}

struct Swing {
  std::array<double, 5> model{};
  double rms = 1e9, damping_error = 0;  // rms: of Huber's loss
};

// Huber's loss, as the root of its mean: frames with a piece of the stand in the mask do not decide.
double loss_of(const std::array<double, 5>& model, const std::vector<double>& t,
               const std::vector<double>& angle, double scale) {
  const std::vector<double> predicted = swing(model, t);
  double sum = 0;
  for (size_t i = 0; i < t.size(); ++i) {
    const double e = std::abs(predicted[i] - angle[i]);
    sum += e < scale ? e * e : scale * (2 * e - scale);
  }
  return std::isfinite(sum) ? std::sqrt(sum / double(t.size())) : 1e9;
}

double typical_error(const std::array<double, 5>& model, const std::vector<double>& t,
                     const std::vector<double>& angle) {
  std::vector<double> errors = swing(model, t);
  for (size_t i = 0; i < t.size(); ++i) errors[i] = std::abs(errors[i] - angle[i]);
  return deviation_of(std::move(errors));
}

// Levenberg-Marquardt with a numerical Jacobian. `scale`: departures beyond it count linearly.
Swing fit_swing(std::array<double, 5> model, const std::vector<double>& t, const std::vector<double>& angle,
                double scale) {
  const int n = int(t.size());
  Swing out{model, loss_of(model, t, angle, scale), 0};
  double lambda = 1e-3;
  Eigen::Matrix<double, 5, 5> normal;
  for (int pass = 0; pass < 40; ++pass) {
    const std::vector<double> base = swing(out.model, t);
    Eigen::MatrixXd jacobian(n, 5);
    Eigen::VectorXd error(n);
    Eigen::VectorXd weight(n);
    for (int i = 0; i < n; ++i) {
      error[i] = angle[i] - base[i];
      weight[i] = std::min(1.0, scale / std::max(1e-12, std::abs(error[i])));
    }
    for (int k = 0; k < 5; ++k) {
      auto moved = out.model;
      const double h = 1e-5 * std::max(0.1, std::abs(moved[k]));
      moved[k] += h;
      const std::vector<double> there = swing(moved, t);
      for (int i = 0; i < n; ++i) jacobian(i, k) = (there[i] - base[i]) / h;
    }
    normal = jacobian.transpose() * weight.asDiagonal() * jacobian;
    Eigen::Matrix<double, 5, 5> damped = normal;
    damped.diagonal() *= 1 + lambda;
    const Eigen::VectorXd step = damped.ldlt().solve(jacobian.transpose() * weight.asDiagonal() * error);
    if (!step.allFinite()) break;
    auto next = out.model;
    for (int k = 0; k < 5; ++k) next[k] += step[k];
    const double rms = next[2] > 0 ? loss_of(next, t, angle, scale) : 1e9;
    if (rms < out.rms) {
      const bool settled = out.rms - rms < 1e-7 * out.rms;
      out.model = next, out.rms = rms, lambda = std::max(1e-9, lambda / 5);
      if (settled) break;
    } else if ((lambda *= 5) > 1e6) {
      break;
    }
  }
  out.damping_error = out.rms * std::sqrt(std::max(0.0, normal.inverse()(3, 3)));
  return out;
}

// Let go at one end: as far on its side as the swing comes back to, less a sixth of the range, of which a tenth
// of the way was cut off with the hand.
bool begins_at_a_turn(const std::vector<double>& angle) {
  const auto [low, high] = std::minmax_element(angle.begin(), angle.end());
  const double near = (*high - *low) / 6;
  return angle[0] > *high - near || angle[0] < *low + near;
}

// A hand holds it, then lets go: from the first point that is a tenth of the travel away from the beginning.
size_t released_at(const std::vector<TrackPoint>& points, double travel) {
  for (size_t i = 0; i < points.size(); ++i)
    if (std::hypot(points[i].x - points[0].x, points[i].y - points[0].y) > 0.1 * travel) return i;
  return points.size();
}

}  // namespace

double Pendulum::period() const { return 2 * CV_PI / std::sqrt(k); }

std::vector<double> swing(const std::array<double, 5>& model, const std::vector<double>& t) {
  const double k = model[2], c = model[3], rest = model[4];
  double angle = model[0], rate = model[1], now = t.empty() ? 0 : t[0];
  const auto pull = [&](double a, double r) { return -k * std::sin(a - rest) - c * r; };
  std::vector<double> out;
  for (double to : t) {
    const int steps = std::max(1, int(std::ceil((to - now) / kMaxStep)));
    const double h = (to - now) / steps;
    for (int s = 0; s < steps && h > 0; ++s) {
      const double a1 = rate, r1 = pull(angle, rate);
      const double a2 = rate + h / 2 * r1, r2 = pull(angle + h / 2 * a1, rate + h / 2 * r1);
      const double a3 = rate + h / 2 * r2, r3 = pull(angle + h / 2 * a2, rate + h / 2 * r2);
      const double a4 = rate + h * r3, r4 = pull(angle + h * a3, rate + h * r3);
      angle += h / 6 * (a1 + 2 * a2 + 2 * a3 + a4);
      rate += h / 6 * (r1 + 2 * r2 + 2 * r3 + r4);
    }
    now = to;
    out.push_back(angle);
  }
  return out;
}

std::optional<Pendulum> find_pendulum(const std::vector<TrackPoint>& all, int track, double noise) {
  std::vector<TrackPoint> points;
  for (const TrackPoint& p : all)
    if (usable(p)) points.push_back(p);
  if (points.size() < 24) return {};
  double x0 = 1e30, x1 = -1e30, y0 = 1e30, y1 = -1e30;
  for (const TrackPoint& p : points)
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x), y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  const double travel = std::hypot(x1 - x0, y1 - y0);
  if (travel < 20 * noise || x1 - x0 < y1 - y0) return {};
  points.erase(points.begin(), points.begin() + long(released_at(points, travel)));
  if (points.size() < 24) return {};
  const Circle circle = fit_circle(points, noise);
  // Above what hangs, no wider than a sixth of it off the arc, and an arc that bends enough to be one.
  const bool hangs = circle.y < y0 + 0.3 * (y1 - y0) && circle.r > 0.5 * (x1 - x0) && circle.r < 12 * travel;
  if (!hangs || circle.rms > std::max(4 * noise, kArcTolerance.value * travel)) return {};
  std::vector<double> t, angle;
  for (const TrackPoint& p : points)
    t.push_back(p.t - points[0].t), angle.push_back(std::atan2(p.x - circle.x, p.y - circle.y));
  const std::vector<double> turns = turns_of(t, angle);
  if (int(turns.size()) + begins_at_a_turn(angle) < kLeastTurns || turns.size() < 2) return {};
  const double half = (turns.back() - turns[0]) / double(turns.size() - 1);
  const double rate = (angle[std::min<size_t>(2, angle.size() - 1)] - angle[0]) /
                      std::max(1e-6, t[std::min<size_t>(2, t.size() - 1)]);
  const double range = quantile(angle, 0.98) - quantile(angle, 0.02);
  Swing best;
  for (double factor : {1.0, 0.85, 1.2}) {
    const double k = std::pow(CV_PI / half, 2) * factor;
    const Swing tried = fit_swing({angle[0], rate, k, 0.02, median(angle)}, t, angle, 0.1 * range);
    if (tried.rms < best.rms) best = tried;
  }
  best = fit_swing(best.model, t, angle, std::max(2 * typical_error(best.model, t, angle), noise / circle.r));
  Pendulum out;
  out.track = track;
  out.last = int(all.size()) - 1;
  while (all[out.first].frame < points[0].frame) ++out.first;
  out.pivot = {circle.x, circle.y};
  out.length = circle.r;
  out.length_error = circle.rms;
  out.k = best.model[2], out.damping = best.model[3], out.rest_angle = best.model[4];
  out.damping_error = best.damping_error;
  out.amplitude = 0.5 * (quantile(angle, 0.99) - quantile(angle, 0.01));
  out.residual = typical_error(best.model, t, angle);
  return out;
}

}  // namespace orrery::physics_eval
