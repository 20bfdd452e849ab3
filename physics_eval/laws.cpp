#include "physics_eval/laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

Flight fit_flight(const Motion& motion, int track, int first, int last) {
  const auto& points = motion.tracks[track].points;
  Flight flight;
  flight.track = track;
  flight.first = first;
  flight.last = last;
  const PolynomialFit quadratic = fit_polynomial(points, first, last, 2);
  const PolynomialFit cubic = fit_polynomial(points, first, last, 3);
  const double duration = points[last].t - points[first].t, noise = std::max(quadratic.rms, motion.noise[track]);
  // The cubic Legendre polynomial on [0, T] has u^3 coefficient 20 / T^3 and reaches 1 at the ends.
  const double to_end = duration * duration * duration / 20;
  flight.cubic = std::hypot(cubic.c[0][3], cubic.c[1][3]) * to_end;
  flight.cubic_error = cubic.unit_error[3] * noise * to_end;
  flight.residual = quadratic.rms;
  for (int axis = 0; axis < 2; ++axis) flight.a[axis] = 2 * quadratic.c[axis][2];
  flight.a_error = 2 * quadratic.unit_error[2] * noise;
  double x0 = 1e30, x1 = -1e30, y0 = 1e30, y1 = -1e30;
  for (int i = first; i <= last; ++i) {
    x0 = std::min(x0, points[i].x), x1 = std::max(x1, points[i].x);
    y0 = std::min(y0, points[i].y), y1 = std::max(y1, points[i].y);
  }
  flight.travel = std::hypot(x1 - x0, y1 - y0);
  return flight;
}

const Event* event_between(const Motion& motion, int before) {
  for (const Event& event : motion.events)
    if (event.before == before) return &event;
  return nullptr;
}

// What the flights agree on: the mean over those within a quarter of the weighted median, each weighted by its error
// with a floor for depth and lens (2 % of its size). The median's weights are the frames: a few odd hops do not move it.
std::array<double, 2> mean_acceleration(const std::vector<Flight>& flights, double* error) {
  std::vector<double> sizes;
  for (const Flight& f : flights) sizes.insert(sizes.end(), size_t(f.count()), std::hypot(f.a[0], f.a[1]));
  const double middle = median(sizes);
  double weights = 0, sum[2] = {};
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

// In touch with another object for a third of the time: rolling off it, not flying.
bool is_carried(const Motion& motion, const Flight& flight) {
  const auto& points = motion.tracks[flight.track].points;
  int touching = 0;
  for (int i = flight.first; i <= flight.last; ++i) touching += neighbour(motion.tracks, flight.track, points[i].frame, 0.08) >= 0;
  return 3 * touching > flight.count();
}

// A box that rocks on its edges, a ball that rattles on the floor also accelerate downwards: what flies goes further
// and bends more. (A square's centre rises by 0.2 sides when it tips over an edge.)
bool is_evidence(const Motion& motion, const Flight& flight) {
  const Track& track = motion.tracks[flight.track];
  const double duration = track.points[flight.last].t - track.points[flight.first].t, size = track.diameter();
  const double sagitta = std::hypot(flight.a[0], flight.a[1]) * duration * duration / 8;
  return flight.travel > kMinFlightTravel.value * size && sagitta > std::max(1.5 * motion.px, (track.is_round() ? 1 : 2) * kMinSagitta.value * size) &&
         !is_carried(motion, flight);
}

LawResult constant_acceleration(const Motion& motion) {
  LawResult law;
  law.name = "constant_acceleration";
  double weights = 0, residual = 0, cubic = 0, detectable = 0;
  for (const Flight& f : motion.flights) {
    if (f.travel < 8 * motion.px) continue;
    const double noise = motion.noise[f.track];
    const double w = f.count();
    weights += w;
    // Beyond what the noise of the centroid explains.
    residual += w * std::sqrt(std::max(0.0, f.residual * f.residual - noise * noise)) / f.travel;
    cubic += w * std::max(0.0, f.cubic - 2 * f.cubic_error) / f.travel;
    detectable += w * (2 + kSignificance.value) * f.cubic_error / f.travel;
    law.frames += f.count();
  }
  if (weights == 0) {
    law.detail = "no free flight long enough";
    return law;
  }
  residual /= weights;
  cubic /= weights;
  law.effect = std::max(residual, cubic);
  law.detectable = detectable / weights;
  law.score = std::min(quality_of(residual, kResidualTolerance.value), quality_of(cubic, kCubicTolerance.value));
  law.detail = fmt::format("{} flight(s); residual {:.4f}, cubic term {:.4f} of travel", motion.flights.size(), residual, cubic);
  return law;
}

LawResult common_gravity(const Motion& motion, std::vector<Violation>& violations) {
  LawResult law;
  law.name = "common_gravity";
  if (motion.flights.size() < 2) {
    law.detail = "fewer than two free flights";
    return law;
  }
  const auto mean = mean_acceleration(motion.flights, nullptr);
  const double size = std::hypot(mean[0], mean[1]);
  double weighted = 0, weights = 0;
  law.detectable = 1e9;
  for (const Flight& f : motion.flights) {
    const double departure = std::hypot(f.a[0] - mean[0], f.a[1] - mean[1]) / size, error = f.a_error / size;
    const double effect = std::max(0.0, departure - 2 * error);
    law.effect = std::max(law.effect, effect);
    weighted += f.count() * effect, weights += f.count();
    law.detectable = std::min(law.detectable, (2 + kSignificance.value) * error);
    law.frames += f.count();
    if (departure > 2 * kGravityTolerance.value + kSignificance.value * error)
      violations.push_back({"gravity", motion.tracks[f.track].points[f.first].frame, motion.tracks[f.track].id,
                            fmt::format("falls with {:.0f} px/s^2 where the clip's flights have {:.0f}", f.a[1], mean[1])});
  }
  law.score = std::min(quality_of(law.effect, 2 * kGravityTolerance.value), quality_of(weighted / weights, kGravityTolerance.value));
  law.detail = fmt::format("{} flights; largest departure {:.0f} %", motion.flights.size(), 100 * law.effect);
  return law;
}

struct Bounce {
  const Event* event;
  double restitution, error;
};

// Bounces of balls off something level: the impulse is up, within 30 degrees. Not of boxes: they leave a corner with
// any speed that their spin allows. Not the last hops, where the next flight is too short to see.
std::vector<Bounce> level_bounces(const Motion& motion) {
  std::vector<Bounce> out;
  for (const Event& event : motion.events) {
    if (event.kind != EventKind::kBounce) continue;
    const double jx = event.v_out[0] - event.v_in[0], jy = event.v_out[1] - event.v_in[1];
    if (-jy < 1.7 * std::abs(jx) || motion.phases[event.before].kind != PhaseKind::kFlight) continue;
    if (!motion.tracks[event.track].is_round() || motion.phases[event.after].kind == PhaseKind::kUniform) continue;
    if (event.v_out[1] > 0 || event.v_in[1] < 8 * event.v_error || motion.phases[event.after].count() < 5) continue;
    out.push_back({&event, -event.v_out[1] / event.v_in[1], event.v_error / event.v_in[1] * 1.4});
  }
  return out;
}

LawResult restitution(const Motion& motion, std::vector<Violation>& violations) {
  LawResult law;
  law.name = "restitution";
  const auto bounces = level_bounces(motion);
  if (bounces.empty()) {
    law.detail = "no bounce of a ball seen from a free flight";
    return law;
  }
  double worst = 0;
  for (const Bounce& b : bounces) {
    const double excess = std::max(0.0, b.restitution - 1 - 2 * b.error);
    worst = std::max(worst, excess);
    law.frames += motion.phases[b.event->before].count();
    if (excess > kRestitutionSlack.value)
      violations.push_back({"restitution", b.event->frame, motion.tracks[b.event->track].id,
                            fmt::format("leaves a bounce {:.2f} times as fast as it came", b.restitution)});
  }
  law.effect = worst;
  law.detectable = bounces[0].error * (2 + kSignificance.value);
  law.score = quality_of(worst, kRestitutionSlack.value);
  law.detail = fmt::format("{} bounce(s); excess over 1: {:.3f}", bounces.size(), worst);
  return law;
}

// v^2 / 2g + height above `lowest`, px, in the middle of a flight.
double head_of(const std::vector<TrackPoint>& points, const Flight& f, double g, double lowest) {
  const PolynomialFit fit = fit_polynomial(points, f.first, f.last, 2);
  const double u = 0.5 * (points[f.last].t - points[f.first].t);
  double square = 0;
  for (int axis = 0; axis < 2; ++axis) square += std::pow(fit.c[axis][1] + 2 * u * fit.c[axis][2], 2);
  return square / (2 * g) + lowest - (fit.c[1][0] + u * (fit.c[1][1] + u * fit.c[1][2]));
}

bool hit_between(const Motion& motion, int track, int first_frame, int last_frame) {
  return std::any_of(motion.events.begin(), motion.events.end(), [&](const Event& e) {
    return e.track == track && e.kind == EventKind::kCollision && e.frame >= first_frame && e.frame <= last_frame;
  });
}

// Energy of the centre never grows from flight to flight. What is not round may give back what it had put into spin:
// it is compared with the most that it had before.
LawResult energy(const Motion& motion, std::vector<Violation>& violations) {
  LawResult law;
  law.name = "energy";
  law.detail = "no object flies twice";
  if (motion.flights.empty()) return law;
  const auto mean = mean_acceleration(motion.flights, nullptr);
  const double g = std::hypot(mean[0], mean[1]);
  double before = 0;
  int pairs = 0;
  for (size_t i = 0; i < motion.flights.size(); ++i) {
    const Flight& f = motion.flights[i];
    const Track& track = motion.tracks[f.track];
    double lowest = -1e30;
    for (const TrackPoint& p : track.points) lowest = std::max(lowest, p.y);
    const double now = head_of(track.points, f, g, lowest);
    const Flight* previous = i > 0 && motion.flights[i - 1].track == f.track ? &motion.flights[i - 1] : nullptr;
    const int last = track.points[f.last].frame;
    if (previous && !hit_between(motion, f.track, track.points[previous->first].frame, last)) {
      const double growth = (now - before - 2 * motion.px) / std::max(before, 4 * motion.px);
      ++pairs;
      law.frames += f.count();
      law.effect = std::max(law.effect, growth);
      if (growth > 2 * kEnergyTolerance.value)
        violations.push_back({"energy", track.points[f.first].frame, track.id,
                              fmt::format("has {:.0f} % more energy than in the flight before, with nothing that gave it", 100 * growth)});
      before = track.is_round() ? now : std::max(before, now);
    } else {
      before = now;
    }
  }
  if (pairs == 0) return law;
  law.score = quality_of(law.effect, kEnergyTolerance.value);
  law.detail = fmt::format("{} pair(s) of flights; largest growth {:.0f} %", pairs, 100 * law.effect);
  return law;
}

// Velocity never jumps without something that could push.
LawResult continuity(const Motion& motion, std::vector<Violation>& violations) {
  LawResult law;
  law.name = "continuity";
  double worst = 0;
  for (const Track& track : motion.tracks) law.frames += int(track.points.size());
  for (const Event& event : motion.events) {
    if (event.kind != EventKind::kImpulse) continue;
    const double j = std::hypot(event.v_out[0] - event.v_in[0], event.v_out[1] - event.v_in[1]);
    const double effect = std::max(0.0, j - 2 * event.v_error) / event.speed_range;
    worst = std::max(worst, effect);
    if (effect > 2 * kImpulseTolerance.value)
      violations.push_back({"impulse", event.frame, motion.tracks[event.track].id,
                            fmt::format("velocity jumps by {:.0f} px/s in the air with nothing near", j)});
  }
  law.effect = worst;
  law.score = quality_of(worst, kImpulseTolerance.value);
  law.detail = fmt::format("{} event(s); largest unexplained jump {:.2f} of the top speed", motion.events.size(), worst);
  return law;
}

LawResult permanence(const Motion& motion, const std::vector<Violation>& violations) {
  LawResult law;
  law.name = "permanence";
  int broken = 0;
  for (const Violation& v : violations)
    broken += v.kind == "vanish" || v.kind == "appear" || v.kind == "duplicate" || v.kind == "teleport";
  for (const Track& track : motion.tracks) law.frames += int(track.points.size());
  law.effect = broken;
  law.score = broken ? 0 : 1;
  law.detail = fmt::format("{} object(s) followed; {} unexplained end(s), beginning(s) or jump(s)", motion.tracks.size(), broken);
  return law;
}

}  // namespace

std::vector<Flight> find_flights(const Motion& motion) {
  std::vector<Flight> flights;
  const auto& phases = motion.phases;
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].kind != PhaseKind::kFlight) continue;
    size_t end = i;
    while (end + 1 < phases.size() && phases[end + 1].track == phases[i].track && phases[end + 1].kind == PhaseKind::kFlight) {
      const Event* event = event_between(motion, int(end));
      if (!event || event->kind != EventKind::kChange) break;
      ++end;
    }
    const Flight flight = fit_flight(motion, phases[i].track, phases[i].first, phases[end].last);
    if (is_evidence(motion, flight)) flights.push_back(flight);
    i = end;
  }
  return flights;
}

Estimates estimate(const Motion& motion) {
  Estimates out;
  if (!motion.flights.empty()) {
    double error = 0;
    const auto mean = mean_acceleration(motion.flights, &error);
    out.g_px_s2 = std::hypot(mean[0], mean[1]);
    out.g_error_px_s2 = error;
  } else {
    const Phase* longest = nullptr;
    for (const Phase& p : motion.phases)
      if (p.kind != PhaseKind::kRest && p.count() >= 4 && (!longest || p.count() > longest->count())) longest = &p;
    if (longest) out.acceleration_px_s2 = std::hypot(longest->a[0], longest->a[1]);
  }
  for (const Bounce& b : level_bounces(motion)) out.restitutions.push_back(b.restitution);
  if (!out.restitutions.empty()) out.restitution = median(out.restitutions);
  return out;
}

std::vector<LawResult> judge(const Motion& motion, std::vector<Violation>& violations) {
  std::vector<LawResult> laws;
  laws.push_back(constant_acceleration(motion));
  laws.push_back(common_gravity(motion, violations));
  laws.push_back(restitution(motion, violations));
  laws.push_back(energy(motion, violations));
  laws.push_back(continuity(motion, violations));
  laws.push_back(permanence(motion, violations));
  return laws;
}

}  // namespace orrery::physics_eval
