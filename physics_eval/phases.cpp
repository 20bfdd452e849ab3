#include "physics_eval/phases.h"

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kLongestPhase = 240;  // samples; a longer rest is several phases without events between

double weight_of(const TrackPoint& p) { return p.merged || p.clipped || p.odd ? 0.05 : 1.0; }

// Running sums of one piece: moments of u and of position, both axes.
struct Moments {
  double s[5] = {};     // sum w u^k
  double p[2][3] = {};  // sum w x u^k
  double q = 0;         // sum w (x^2 + y^2)
  void add(double u, double x, double y, double w) {
    double power = w;
    for (int k = 0; k < 5; ++k, power *= u) {
      s[k] += power;
      if (k < 3) p[0][k] += power * x, p[1][k] += power * y;
    }
    q += w * (x * x + y * y);
  }
  // Residual sum of squares of the best quadratics.
  double residual() const {
    const Eigen::Matrix3d normal{{s[0], s[1], s[2]}, {s[1], s[2], s[3]}, {s[2], s[3], s[4]}};
    const Eigen::LDLT<Eigen::Matrix3d> solver(normal);
    double explained = 0;
    for (int axis = 0; axis < 2; ++axis) {
      const Eigen::Vector3d b(p[axis][0], p[axis][1], p[axis][2]);
      explained += b.dot(solver.solve(b));
    }
    return std::max(0.0, q - explained);
  }
};

// First samples of the pieces, ascending.
std::vector<int> best_knots(const std::vector<TrackPoint>& points, double noise) {
  const int n = int(points.size());
  std::vector<double> best(n + 1, std::numeric_limits<double>::infinity());
  std::vector<int> from(n + 1, 0);
  best[0] = 0;
  const double interval = n > 1 ? (points.back().t - points[0].t) / (n - 1) : 1;
  for (int i = 0; i < n; ++i) {
    if (!std::isfinite(best[i])) continue;
    Moments moments;
    for (int j = i; j < std::min(n, i + kLongestPhase); ++j) {
      const TrackPoint& p = points[j];
      // Relative to the piece's first sample, in sample intervals: keeps the sums small.
      moments.add((p.t - points[i].t) / interval, p.x - points[i].x, p.y - points[i].y, weight_of(p));
      const int count = j - i + 1;
      if (count < 3 && !(i == 0 && j == n - 1)) continue;
      const double error = count > 3 ? moments.residual() : 0;
      const double total = best[i] + error / (2 * noise * noise) + kKnotPenalty.value;
      if (total < best[j + 1]) best[j + 1] = total, from[j + 1] = i;
    }
  }
  std::vector<int> knots;
  for (int j = n; j > 0; j = from[j]) knots.insert(knots.begin(), from[j]);
  return knots;
}

PhaseKind classify(const Phase& phase, double px) {
  const double duration = phase.t1 - phase.t0, a = std::hypot(phase.a[0], phase.a[1]);
  if (phase.travel < 1.2 * px) return PhaseKind::kRest;
  if (phase.count() <= 4) return PhaseKind::kContact;
  const double bend = a * duration * duration / 8;  // sagitta: how far from a straight, even motion
  const bool accelerated = a > kSignificance.value * phase.a_error && bend > 0.5 * px;
  if (!accelerated) return PhaseKind::kUniform;
  const double angle = std::atan2(std::abs(phase.a[0]), phase.a[1]) * 180 / CV_PI;
  const bool down = angle < kFlightAngle.value;
  return down && phase.count() >= kMinFlightFrames.value ? PhaseKind::kFlight : PhaseKind::kGuided;
}

double travel_of(const std::vector<TrackPoint>& points, int first, int last) {
  double x0 = 1e30, x1 = -1e30, y0 = 1e30, y1 = -1e30;
  for (int i = first; i <= last; ++i) {
    x0 = std::min(x0, points[i].x), x1 = std::max(x1, points[i].x);
    y0 = std::min(y0, points[i].y), y1 = std::max(y1, points[i].y);
  }
  return std::hypot(x1 - x0, y1 - y0);
}

// Where two phases come closest between the last sample of one and the first of the next.
double meeting_time(const Phase& before, const Phase& after) {
  double best_t = 0.5 * (before.t1 + after.t0), least = 1e30;
  for (int i = 0; i <= 20; ++i) {
    const double t = before.t1 + (after.t0 - before.t1) * i / 20;
    const auto a = before.position(t), b = after.position(t);
    const double d = std::hypot(a[0] - b[0], a[1] - b[1]);
    if (d < least) least = d, best_t = t;
  }
  return best_t;
}

EventKind classify(const Event& event, double speed_range) {
  const double jx = event.v_out[0] - event.v_in[0], jy = event.v_out[1] - event.v_in[1],
               j = std::hypot(jx, jy);
  if (j < kSignificance.value * event.v_error || j < 0.1 * speed_range) return EventKind::kChange;
  if (event.other >= 0) return EventKind::kCollision;
  const double from_up = std::atan2(std::abs(jx), -jy) * 180 / CV_PI;
  if (from_up < 100) return EventKind::kBounce;
  return j > kImpulseTolerance.value * speed_range ? EventKind::kImpulse : EventKind::kChange;
}

Event event_of(const std::vector<Track>& tracks, const std::vector<Phase>& phases, int i, int next,
               const std::vector<double>& noise, const std::vector<double>& speed) {
  const Phase &before = phases[i], &after = phases[next];
  Event event;
  event.track = before.track;
  event.before = i;
  event.after = next;
  event.frame = tracks[event.track].points[before.last + 1].frame;
  // Between two flights a contact is short, whatever frames around it fit neither: both are read where they
  // meet.
  const bool meet = next == i + 1 || (before.kind == PhaseKind::kFlight && after.kind == PhaseKind::kFlight);
  event.t = meet ? meeting_time(before, after) : 0.5 * (before.t1 + after.t0);
  event.v_in = before.velocity(meet ? event.t : before.t1);
  event.v_out = after.velocity(meet ? event.t : after.t0);
  event.v_error = std::hypot(velocity_error(tracks[event.track], before, meet ? event.t : before.t1, noise[event.track]),
                             velocity_error(tracks[event.track], after, meet ? event.t : after.t0, noise[event.track]));
  event.other = neighbour(tracks, event.track, event.frame, 0.25);
  event.speed_range = std::max(1e-9, speed[event.track]);
  event.kind = classify(event, event.speed_range);
  return event;
}

}  // namespace

double velocity_error(const Track& track, const Phase& phase, double t, double noise) {
  if (phase.count() < 3) return 1e9;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  const double length = phase.t1 - phase.t0;  // u in lengths of the phase keeps the sums alike
  for (int i = phase.first; i <= phase.last; ++i) {
    const double u = (track.points[i].t - phase.t0) / length;
    const Eigen::Vector3d row(1, u, u * u);
    normal += weight_of(track.points[i]) * row * row.transpose();
  }
  const Eigen::Vector3d slope(0, 1, 2 * (t - phase.t0) / length);
  return noise * std::sqrt(std::max(0.0, slope.dot(normal.ldlt().solve(slope)))) / length;
}

bool on_a_line(const Phase& p, double px) {
  if (p.kind != PhaseKind::kUniform && p.kind != PhaseKind::kGuided) return false;
  if (p.count() < 6 || p.travel < 8 * px) return false;
  // The acceleration's part across the path bends it by a share of the way.
  const double duration = p.t1 - p.t0;
  const auto from = p.position(p.t0), to = p.position(p.t1);
  const double dx = to[0] - from[0], dy = to[1] - from[1], way = std::hypot(dx, dy);
  const double across = std::abs(p.a[0] * dy - p.a[1] * dx) / std::max(1e-9, way);
  return way > 0.8 * p.travel && across * duration * duration / 8 < 0.05 * way + 0.5 * px;
}

int neighbour(const std::vector<Track>& tracks, int self, int frame, double reach) {
  const auto at = [&](const Track& track) -> const TrackPoint* {
    const TrackPoint* nearest = nullptr;
    for (const TrackPoint& p : track.points)
      if (std::abs(p.frame - frame) <= 3 &&
          (!nearest || std::abs(p.frame - frame) < std::abs(nearest->frame - frame)))
        nearest = &p;
    return nearest;
  };
  const TrackPoint* a = at(tracks[self]);
  if (!a) return -1;
  for (int k = 0; k < int(tracks.size()); ++k) {
    const TrackPoint* b = k == self ? nullptr : at(tracks[k]);
    if (!b) continue;
    const double gap_x = std::abs(a->x - b->x) - 0.5 * (a->width + b->width);
    const double gap_y = std::abs(a->y - b->y) - 0.5 * (a->height + b->height);
    if (std::max(gap_x, gap_y) < reach * (a->width + b->width)) return k;
  }
  return -1;
}

PolynomialFit fit_polynomial(const std::vector<TrackPoint>& points, int first, int last, int degree) {
  const int n = last - first + 1, terms = degree + 1;
  Eigen::MatrixXd design(n, terms), target(n, 2);
  for (int i = 0; i < n; ++i) {
    const TrackPoint& p = points[first + i];
    const double w = std::sqrt(weight_of(p)), u = p.t - points[first].t;
    double power = w;
    for (int k = 0; k < terms; ++k, power *= u) design(i, k) = power;
    target(i, 0) = w * p.x;
    target(i, 1) = w * p.y;
  }
  const Eigen::MatrixXd solution = design.colPivHouseholderQr().solve(target);
  const Eigen::MatrixXd inverse = (design.transpose() * design).inverse();
  PolynomialFit fit;
  for (int k = 0; k < terms; ++k) {
    for (int axis = 0; axis < 2; ++axis) fit.c[axis][k] = solution(k, axis);
    fit.unit_error[k] = std::sqrt(std::max(0.0, inverse(k, k)));
  }
  fit.rms = std::sqrt((design * solution - target).squaredNorm() / (2.0 * n));
  return fit;
}

double centroid_noise(const std::vector<TrackPoint>& points, double floor) {
  std::vector<double> thirds;
  for (size_t i = 3; i < points.size(); ++i) {
    if (points[i].frame - points[i - 3].frame != 3) continue;
    thirds.push_back(std::abs(points[i].x - 3 * points[i - 1].x + 3 * points[i - 2].x - points[i - 3].x));
    thirds.push_back(std::abs(points[i].y - 3 * points[i - 1].y + 3 * points[i - 2].y - points[i - 3].y));
  }
  return std::max(floor, deviation_of(thirds) / std::sqrt(20.0));
}

double noise_in_motion(const std::vector<TrackPoint>& points, double px) {
  std::vector<double> thirds;
  for (size_t i = 3; i < points.size(); ++i) {
    const TrackPoint &a = points[i - 3], &b = points[i - 2], &c = points[i - 1], &d = points[i];
    if (d.frame - a.frame != 3 || std::hypot(d.x - a.x, d.y - a.y) < 3 * px) continue;
    thirds.push_back(std::abs(d.x - 3 * c.x + 3 * b.x - a.x));
    thirds.push_back(std::abs(d.y - 3 * c.y + 3 * b.y - a.y));
  }
  return thirds.size() < 12 ? 0 : deviation_of(thirds) / std::sqrt(20.0);
}

std::vector<Phase> segment(const Track& track, int track_index, double noise, double px) {
  const std::vector<int> knots = best_knots(track.points, noise);
  std::vector<Phase> phases;
  for (size_t k = 0; k < knots.size(); ++k) {
    Phase phase;
    phase.track = track_index;
    phase.first = knots[k];
    phase.last = (k + 1 < knots.size() ? knots[k + 1] : int(track.points.size())) - 1;
    const int degree = std::min(2, phase.count() - 1);
    const PolynomialFit fit = fit_polynomial(track.points, phase.first, phase.last, degree);
    phase.t0 = track.points[phase.first].t;
    phase.t1 = track.points[phase.last].t;
    for (int axis = 0; axis < 2; ++axis) {
      phase.x0[axis] = fit.c[axis][0];
      phase.v[axis] = fit.c[axis][1];
      phase.a[axis] = 2 * fit.c[axis][2];
    }
    phase.rms = fit.rms;
    phase.a_error = 2 * fit.unit_error[2] * noise;
    phase.travel = travel_of(track.points, phase.first, phase.last);
    phase.kind = classify(phase, px);
    phases.push_back(phase);
  }
  return phases;
}

std::vector<Event> find_events(const std::vector<Track>& tracks, const std::vector<Phase>& phases,
                               const std::vector<double>& noise) {
  std::vector<double> speed(tracks.size());
  for (const Phase& p : phases)
    for (double t : {p.t0, p.t1}) {
      const auto v = p.velocity(t);
      if (p.count() >= 4) speed[p.track] = std::max(speed[p.track], std::hypot(v[0], v[1]));
    }
  // A body that hardly moves: its jitter is measured against what the clip shows.
  const double fastest = speed.empty() ? 0 : *std::max_element(speed.begin(), speed.end());
  for (double& s : speed) s = std::max(s, 0.4 * fastest);
  std::vector<Event> events;
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].kind == PhaseKind::kContact) continue;
    size_t next = i + 1;  // a contact of a few frames belongs to the event
    while (next < phases.size() && phases[next].track == phases[i].track &&
           phases[next].kind == PhaseKind::kContact)
      ++next;
    if (next == phases.size() || phases[next].track != phases[i].track) continue;
    events.push_back(event_of(tracks, phases, int(i), int(next), noise, speed));
  }
  return events;
}

}  // namespace orrery::physics_eval
