// Laws of free flight: one acceleration along a flight, the same in all flights, drops from rest, bounce
// after bounce, and energy from flight to flight.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/law_parts.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

double size_of(const Vec2& v) { return std::hypot(v[0], v[1]); }

// A phase of rest of this track that ends where the flight begins.
const Phase* rest_before(const Motion& motion, const Flight& f) {
  for (const Phase& p : motion.phases)
    if (p.track == f.track && p.kind == PhaseKind::kRest && p.count() >= 4 && p.last < f.first &&
        f.first - p.last <= 3)
      return &p;
  return nullptr;
}

struct Drop {
  const Flight* flight;
  double height, time;  // from where it rested to the flight's last point, px; s since the fitted release
  double gap, error;    // apex of the parabola above the rest, px
};

// The release is where the parabola's vertical speed is zero: with no push, that is at the height of the
// rest.
std::vector<Drop> drops_of(const Motion& motion) {
  std::vector<Drop> out;
  for (const Flight& f : motion.flights) {
    const Phase* rest = rest_before(motion, f);
    if (!rest || f.a[1] <= 0) continue;
    const double rest_y = rest->position(0.5 * (rest->t0 + rest->t1))[1], u = -f.v[1] / f.a[1];
    const double apex_y = f.x0[1] + u * (f.v[1] + 0.5 * f.a[1] * u), last_u = f.t1 - f.t0;
    const double last_y = f.x0[1] + last_u * (f.v[1] + 0.5 * f.a[1] * last_u);
    const double error =
        std::hypot(motion.noise[f.track],
                   0.5 * f.a_error * u * u + kCentroidDrift.value * motion.tracks[f.track].diameter());
    if (last_y - rest_y > 8 * motion.px)
      out.push_back({&f, last_y - rest_y, last_u - u, std::abs(apex_y - rest_y), error});
  }
  return out;
}

// v^2 / 2g + height above `lowest`, px, in the middle of a flight.
double head_of(const Flight& f, double g, double lowest) {
  const double u = 0.5 * (f.t1 - f.t0);
  double square = 0;
  for (int axis = 0; axis < 2; ++axis) square += std::pow(f.v[axis] + f.a[axis] * u, 2);
  return square / (2 * g) + lowest - (f.x0[1] + u * (f.v[1] + 0.5 * f.a[1] * u));
}

// Something that could have pushed or carried it.
bool hit_between(const Motion& motion, const Flight& before, const Flight& after) {
  return is_struck(motion, after.track, before.first, after.last) ||
         (after.first > before.last + 6 && is_carried(motion, after.track, before.last, after.first));
}

}  // namespace

LawResult constant_acceleration(const Motion& motion, Violations&) {
  LawResult law;
  law.name = "constant_acceleration";
  double weights = 0, residual = 0, cubic = 0, error = 0, drag = 0;
  for (const Flight& f : motion.flights) {
    if (f.travel < 8 * motion.px) continue;
    const double noise = motion.noise[f.track], w = f.count();
    weights += w;
    // Beyond what the noise of the centroid explains.
    residual += w * std::sqrt(std::max(0.0, f.residual * f.residual - noise * noise)) / f.travel;
    cubic += w * std::max(0.0, f.cubic - 2 * f.cubic_error) / f.travel;
    error += w * f.cubic_error / f.travel;
    drag = std::max(drag, f.drag);
    law.frames += f.count();
  }
  if (weights == 0) return not_identifiable("constant_acceleration", "no free flight long enough");
  residual /= weights;
  cubic /= weights;
  law.effect = std::max(residual, cubic);
  law.detectable = revealed(kCubicTolerance.value, error / weights);
  law.reveals =
      fmt::format("a departure from the parabola by {:.1f} % of the way or more", 100 * *law.detectable);
  law.score =
      std::min(quality_of(residual, kResidualTolerance.value), quality_of(cubic, kCubicTolerance.value));
  law.detail = fmt::format("{} flight(s); residual {:.4f}, cubic term {:.4f} of travel",
                           motion.flights.size(), residual, cubic);
  if (drag > 0.02) law.detail += fmt::format("; air drag takes up to {:.0f} % of the speed", 100 * drag);
  return law;
}

LawResult common_gravity(const Motion& motion, Violations& violations) {
  if (motion.flights.size() < 2)
    return not_identifiable("common_gravity", "fewer than two free flights: one alone may have any gravity");
  LawResult law;
  law.name = "common_gravity";
  const Vec2 mean = mean_acceleration(motion.flights, nullptr);
  const double size = size_of(mean);
  double weighted = 0, weights = 0;
  std::vector<double> errors;
  for (const Flight& f : motion.flights) {
    const double departure = std::hypot(f.a[0] - mean[0], f.a[1] - mean[1]) / size, error = f.a_error / size;
    const double effect = std::max(0.0, departure - 2 * error);
    law.effect = std::max(law.effect, effect);
    weighted += f.count() * effect, weights += f.count();
    errors.push_back(error);
    law.frames += f.count();
    if (departure > 2 * kGravityTolerance.value + kSignificance.value * error)
      violations.push_back(
          {"gravity", motion.tracks[f.track].points[f.first].frame, motion.tracks[f.track].id,
           fmt::format("falls with {:.0f} px/s^2 where the clip's flights have {:.0f}", f.a[1], mean[1])});
  }
  law.detectable = revealed(2 * kGravityTolerance.value, median(errors));
  law.reveals = fmt::format("a change of g by {:.0f} % or more in one flight", 100 * *law.detectable);
  law.score = std::min(quality_of(law.effect, 2 * kGravityTolerance.value),
                       quality_of(weighted / weights, kGravityTolerance.value));
  law.detail = fmt::format("{} flights; largest departure {:.0f} %", motion.flights.size(), 100 * law.effect);
  return law;
}

LawResult drop_from_rest(const Motion& motion, Violations&) {
  const std::vector<Drop> drops = drops_of(motion);
  if (drops.empty()) return not_identifiable("drop_from_rest", "nothing is seen at rest before it falls");
  LawResult law;
  law.name = "drop_from_rest";
  double error = 0;
  for (const Drop& d : drops) {
    law.effect = std::max(law.effect, std::max(0.0, d.gap - 2 * d.error) / d.height);
    error = std::max(error, d.error / d.height);
    law.frames += d.flight->count();
  }
  // t1^2 / t2^2 = h1 / h2.
  const double first = drops[0].time * drops[0].time / drops[0].height;
  for (const Drop& d : drops) {
    const double ratio = d.time * d.time / d.height / first;
    const double noise = 2 * std::hypot(d.flight->a_error / size_of(d.flight->a),
                                        drops[0].flight->a_error / size_of(drops[0].flight->a));
    law.effect = std::max(law.effect, std::max(0.0, std::abs(std::log(ratio)) - noise));
  }
  law.detectable = revealed(kDropTolerance.value, error);
  law.reveals =
      fmt::format("a start {:.0f} % of the drop above or below the rest, or t^2/h changed by {:.0f} %",
                  100 * *law.detectable, 100 * *law.detectable);
  law.score = quality_of(law.effect, kDropTolerance.value);
  law.detail = fmt::format("{} drop(s) from rest; largest departure from h = g t^2 / 2: {:.1f} %",
                           drops.size(), 100 * law.effect);
  return law;
}

// A flight from the floor back to it lasts T with h = g T^2 / 8: the same ratio after every bounce. Times are
// those of the bounces and heights those of the highest points, so that nothing depends on the parabola.
LawResult bounce_timing(const Motion& motion, Violations&) {
  std::vector<double> ratios, errors;
  LawResult law;
  law.name = "bounce_timing";
  for (size_t i = 1; i < motion.events.size(); ++i) {
    const Event &from = motion.events[i - 1], &to = motion.events[i];
    if (from.track != to.track || from.kind != EventKind::kBounce || to.kind != EventKind::kBounce) continue;
    const auto& points = motion.tracks[to.track].points;
    const Phase &up = motion.phases[from.after], &down = motion.phases[to.before];
    if (up.kind != PhaseKind::kFlight || down.kind != PhaseKind::kFlight) continue;
    double highest = 1e30;
    for (int k = up.first; k <= down.last; ++k) highest = std::min(highest, points[k].y);
    const double floor_a = up.position(from.t)[1], floor_b = down.position(to.t)[1], time = to.t - from.t;
    const double height = 0.5 * (floor_a + floor_b) - highest;
    if (height < kMinFlightTravel.value * motion.tracks[to.track].diameter() ||
        std::abs(floor_a - floor_b) > 0.1 * height || time <= 0)
      continue;
    ratios.push_back(8 * height / (time * time));
    errors.push_back(std::hypot(2 * motion.noise[to.track] / height, 0.3 / (motion.fps * time)));
    law.frames += down.last - up.first + 1;
  }
  if (ratios.size() < 2)
    return not_identifiable("bounce_timing", "fewer than two whole flights between bounces");
  const double middle = median(ratios);
  for (size_t i = 0; i < ratios.size(); ++i)
    law.effect = std::max(law.effect, std::max(0.0, std::abs(ratios[i] / middle - 1) - 2 * errors[i]));
  law.detectable = revealed(kGravityTolerance.value, median(errors));
  law.reveals = fmt::format("a flight {:.0f} % too long or too short for its height", 50 * *law.detectable);
  law.score = quality_of(law.effect, kGravityTolerance.value);
  law.detail = fmt::format("{} flights between bounces; 8h/T^2 departs by up to {:.0f} %", ratios.size(),
                           100 * law.effect);
  return law;
}

// Energy of the centre never grows from flight to flight. What is not round may give back what it had put
// into spin: it is compared with the most that it had before.
LawResult energy(const Motion& motion, Violations& violations) {
  if (motion.flights.empty()) return not_identifiable("energy", "no free flight");
  LawResult law;
  law.name = "energy";
  const double g = size_of(mean_acceleration(motion.flights, nullptr));
  double before = 0;
  std::vector<double> errors;
  for (size_t i = 0; i < motion.flights.size(); ++i) {
    const Flight& f = motion.flights[i];
    const Track& track = motion.tracks[f.track];
    double lowest = -1e30;
    for (const TrackPoint& p : track.points) lowest = std::max(lowest, p.y);
    const double now = head_of(f, g, lowest);
    const Flight* previous =
        i > 0 && motion.flights[i - 1].track == f.track ? &motion.flights[i - 1] : nullptr;
    if (previous && previous->first != f.first && !hit_between(motion, *previous, f)) {
      const double growth = (now - before - 2 * motion.px) / std::max(before, 4 * motion.px);
      errors.push_back(std::hypot(f.a_error, previous->a_error) / g +
                       motion.px / std::max(before, 4 * motion.px));
      law.frames += f.count();
      law.effect = std::max(law.effect, growth);
      if (growth > 2 * kEnergyTolerance.value + 2 * errors.back())
        violations.push_back(
            {"energy", track.points[f.first].frame, track.id,
             fmt::format("has {:.0f} % more energy than in the flight before, with nothing that gave it",
                         100 * growth)});
      before = track.is_round() ? now : std::max(before, now);
    } else {
      before = now;
    }
  }
  if (errors.empty()) return not_identifiable("energy", "no object flies twice without being touched");
  law.detectable = revealed(kEnergyTolerance.value, median(errors));
  law.reveals = fmt::format("a gain of {:.0f} % of the energy or more", 100 * *law.detectable);
  law.score = quality_of(law.effect, kEnergyTolerance.value);
  law.detail = fmt::format("{} pair(s) of flights; largest growth {:.0f} %", errors.size(), 100 * law.effect);
  return law;
}

}  // namespace orrery::physics_eval
