// Free flights: which phases are one, and the parabola, cubic and drag model of each.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "physics_eval/motion.h"
#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

using Points = std::vector<TrackPoint>;

// What a fit leaves over, as points of their own.
Points residuals_of(const Points& points, int first, int last, const PolynomialFit& fit) {
  Points out(points.begin() + first, points.begin() + last + 1);
  const double t0 = out[0].t;
  for (TrackPoint& p : out) {
    const double u = p.t - t0;
    p.x -= fit.c[0][0] + u * (fit.c[0][1] + u * (fit.c[0][2] + u * fit.c[0][3]));
    p.y -= fit.c[1][0] + u * (fit.c[1][1] + u * (fit.c[1][2] + u * fit.c[1][3]));
  }
  return out;
}

// Linear drag x'' = a - k x', one k for both axes: x = x0 + v f1(u) + a f2(u), f1 = (1 - e^-ku) / k, f2 = (u
// - f1) / k.
Points drag_residuals(const Points& points, int first, int last, double k) {
  Points out(points.begin() + first, points.begin() + last + 1);
  const int n = int(out.size());
  Eigen::MatrixXd design(n, 3), target(n, 2);
  for (int i = 0; i < n; ++i) {
    const double u = out[i].t - out[0].t, f1 = -std::expm1(-k * u) / k;
    design.row(i) << 1, f1, (u - f1) / k;
    target.row(i) << out[i].x, out[i].y;
  }
  const Eigen::MatrixXd left = target - design * design.householderQr().solve(target);
  for (int i = 0; i < n; ++i) out[i].x = left(i, 0), out[i].y = left(i, 1);
  return out;
}

double square_sum(const Points& points) {
  double sum = 0;
  for (const TrackPoint& p : points) sum += p.x * p.x + p.y * p.y;
  return sum;
}

// The cubic Legendre polynomial on [0, T] has u^3 coefficient 20 / T^3 and reaches 1 at the ends.
double cubic_size(const PolynomialFit& cubic, double duration) {
  return std::hypot(cubic.c[0][3], cubic.c[1][3]) * duration * duration * duration / 20;
}

// Air takes speed from whatever flies: where that explains the cubic term better, the term is what it leaves.
void try_drag(const Points& points, Flight& flight) {
  constexpr int kSteps = 10;
  const double duration = flight.t1 - flight.t0;
  double least = 2.0 * flight.count() * flight.residual * flight.residual;
  for (int i = 1; i <= kSteps; ++i) {
    const double loss = kMaxDrag.value * i / kSteps;
    const Points left = drag_residuals(points, flight.first, flight.last, loss / duration);
    const double sum = square_sum(left);
    if (sum >= least) continue;
    least = sum;
    flight.drag = -std::expm1(-loss);
    flight.residual = std::sqrt(sum / (2.0 * flight.count()));
    flight.cubic =
        std::min(flight.cubic, cubic_size(fit_polynomial(left, 0, flight.count() - 1, 3), duration));
  }
}

const Event* event_after(const Motion& motion, int phase) {
  for (const Event& event : motion.events)
    if (event.before == phase) return &event;
  return nullptr;
}

// A box that rocks on its edges, a ball that rattles on the floor also accelerate downwards: what flies goes
// further and bends more. A square's centre rises by 0.2 sides when it tips over an edge: boxes must bend
// twice as much, unless they fall by more than half a diagonal.
bool is_evidence(const Motion& motion, const Flight& f) {
  const Track& track = motion.tracks[f.track];
  const double duration = f.t1 - f.t0, size = track.diameter();
  const double sagitta = std::hypot(f.a[0], f.a[1]) * duration * duration / 8;
  const auto [high, low] =
      std::minmax_element(track.points.begin() + f.first, track.points.begin() + f.last + 1,
                          [](const TrackPoint& p, const TrackPoint& q) { return p.y < q.y; });
  // Points that lie in the transition of a speed ramp or hold more than the body say little.
  const auto usable = std::count_if(track.points.begin() + f.first, track.points.begin() + f.last + 1,
                                    [](const TrackPoint& p) { return !p.odd; });
  if (usable < int(kMinFlightFrames.value)) return false;
  const bool cannot_tip = track.is_round() || low->y - high->y > kTippingDrop.value * size;
  const double least = std::max(1.5 * motion.px, (cannot_tip ? 1 : 2) * kMinSagitta.value * size);
  return f.travel > kMinFlightTravel.value * size && sagitta > least &&
         !is_carried(motion, f.track, f.first, f.last);
}

// Pooled lag-1 correlation of what the cubics leave over, per track: n correlated points are worth fewer. A
// fit of four coefficients lowers it by about 3 / n.
std::vector<double> inflation_of(const Motion& motion, const std::vector<Flight>& flights) {
  std::vector<double> out(motion.tracks.size(), 1.0);
  for (size_t k = 0; k < out.size(); ++k) {
    double product = 0, square = 0;
    int n = 0;
    for (const Flight& f : flights) {
      if (f.track != int(k) || f.count() < 8) continue;
      const Points& points = motion.tracks[k].points;
      const Points r = residuals_of(points, f.first, f.last, fit_polynomial(points, f.first, f.last, 3));
      for (size_t i = 1; i < r.size(); ++i) product += r[i].x * r[i - 1].x + r[i].y * r[i - 1].y;
      square += square_sum(r);
      n += f.count();
    }
    if (n == 0 || square <= 0) continue;
    const double rho = std::clamp(product / square + 3.0 / n, 0.0, 0.9);
    out[k] = std::sqrt((1 + rho) / (1 - rho));
  }
  return out;
}

bool begins_with_a_blow(const Motion& motion, const Flight& flight) {
  return std::any_of(motion.events.begin(), motion.events.end(), [&](const Event& e) {
    return e.track == flight.track && e.after >= 0 && motion.phases[e.after].first == flight.first &&
           (e.kind == EventKind::kBounce || e.kind == EventKind::kCollision);
  });
}

// After a blow a body may touch for a few frames more, which belong to no parabola. Where the flight without them is
// one to within the noise, it is the flight.
Flight without_touch(const Motion& motion, const Flight& flight) {
  constexpr int kMostTouch = 5, kLeastLeft = 10;  // frames
  const auto clean = [&](const Flight& f) {
    return f.cubic <= 2 * f.cubic_error && f.residual <= 2 * motion.noise[f.track];
  };
  if (clean(flight) || !begins_with_a_blow(motion, flight)) return flight;
  for (int cut = 1; cut <= kMostTouch && flight.count() - cut >= kLeastLeft; ++cut)
    if (const Flight part = fit_flight(motion, flight.track, flight.first + cut, flight.last); clean(part)) return part;
  return flight;
}

std::vector<Flight> fit_all(const Motion& motion) {
  std::vector<Flight> flights;
  const auto& phases = motion.phases;
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].kind != PhaseKind::kFlight) continue;
    size_t end = i;
    while (end + 1 < phases.size() && phases[end + 1].track == phases[i].track &&
           phases[end + 1].kind == PhaseKind::kFlight) {
      const Event* event = event_after(motion, int(end));
      if (!event || event->kind != EventKind::kChange) break;
      ++end;
    }
    const Flight flight =
        without_touch(motion, fit_flight(motion, phases[i].track, phases[i].first, phases[end].last));
    if (is_evidence(motion, flight)) flights.push_back(flight);
    i = end;
  }
  return flights;
}

}  // namespace

bool is_struck(const Motion& motion, int track, int first, int last) {
  const auto& points = motion.tracks[track].points;
  return std::any_of(motion.events.begin(), motion.events.end(), [&](const Event& e) {
    return e.track == track && e.kind == EventKind::kCollision && e.frame >= points[first].frame && e.frame <= points[last].frame;
  });
}

bool is_carried(const Motion& motion, int track, int first, int last) {
  const auto& points = motion.tracks[track].points;
  int touching = 0;
  for (int i = first; i <= last; ++i) touching += neighbour(motion.tracks, track, points[i].frame, 0.08) >= 0;
  return 3 * touching > last - first + 1;
}

Flight fit_flight(const Motion& motion, int track, int first, int last) {
  const auto& points = motion.tracks[track].points;
  Flight f;
  f.track = track;
  f.first = first;
  f.last = last;
  f.t0 = points[first].t;
  f.t1 = points[last].t;
  const PolynomialFit quadratic = fit_polynomial(points, first, last, 2),
                      cubic = fit_polynomial(points, first, last, 3);
  const double duration = f.t1 - f.t0, inflation = motion.inflation[track];
  for (int axis = 0; axis < 2; ++axis) {
    f.x0[axis] = quadratic.c[axis][0];
    f.v[axis] = quadratic.c[axis][1];
    f.a[axis] = 2 * quadratic.c[axis][2];
  }
  f.residual = quadratic.rms;
  f.cubic = cubic_size(cubic, duration);
  f.cubic_error = cubic.unit_error[3] * inflation * std::max(cubic.rms, motion.noise[track]) * duration *
                  duration * duration / 20;
  // Centroids drift with light and contrast by a hundredth of the object: that bends a path of duration T by
  // 8 d / T^2.
  const double drift = 8 * kCentroidDrift.value * motion.tracks[track].diameter() / (duration * duration);
  f.a_error = std::hypot(
      2 * quadratic.unit_error[2] * inflation * std::max(quadratic.rms, motion.noise[track]), drift);
  double x0 = 1e30, x1 = -1e30, y0 = 1e30, y1 = -1e30;
  for (int i = first; i <= last; ++i) {
    x0 = std::min(x0, points[i].x), x1 = std::max(x1, points[i].x);
    y0 = std::min(y0, points[i].y), y1 = std::max(y1, points[i].y);
  }
  f.travel = std::hypot(x1 - x0, y1 - y0);
  if (f.cubic > 2 * f.cubic_error) try_drag(points, f);
  return f;
}

// Each weighted by its error with a floor for depth and lens (2 % of its size). The median's weights are the
// frames: a few odd hops do not move it.
Vec2 mean_acceleration(const std::vector<Flight>& flights, double* error) {
  std::vector<double> sizes;
  for (const Flight& f : flights) sizes.insert(sizes.end(), size_t(f.count()), std::hypot(f.a[0], f.a[1]));
  const double middle = median(sizes);
  double weights = 0;
  Vec2 sum{};
  for (const Flight& f : flights) {
    const double size = std::hypot(f.a[0], f.a[1]), sigma = f.a_error + 0.02 * size;
    if (std::abs(size - middle) > 0.25 * middle) continue;
    const double w = 1 / (sigma * sigma);
    weights += w;
    for (int axis = 0; axis < 2; ++axis) sum[axis] += w * f.a[axis];
  }
  if (error) *error = std::sqrt(1 / weights);
  return {sum[0] / weights, sum[1] / weights};
}

std::vector<Flight> find_flights(Motion& motion) {
  motion.inflation.assign(motion.tracks.size(), 1.0);
  motion.inflation = inflation_of(motion, fit_all(motion));
  return fit_all(motion);
}

}  // namespace orrery::physics_eval
