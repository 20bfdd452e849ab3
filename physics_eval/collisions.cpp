// Collisions: velocities of both partners just before and after they met.
#include <algorithm>
#include <cmath>

#include "physics_eval/motion.h"
#include "physics_eval/phases.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr double kFarthestPhase = 0.25;  // s: phases further from the moment say nothing about it

// Not where two outlines mix: the ends of such a stretch have any velocity. What skids slows down evenly, on
// a line.
bool follows_a_law(const Motion& motion, const Phase& p) {
  if (p.kind != PhaseKind::kGuided) return true;
  const auto& points = motion.tracks[p.track].points;
  const auto merged = std::count_if(points.begin() + p.first, points.begin() + p.last + 1,
                                    [](const TrackPoint& point) { return point.merged; });
  return 3 * merged <= p.count() && on_a_line(p, motion.px);
}

// The last phase of the track before t, or the first one after it; contacts of a few frames do not count.
// lawful: not those that follow no law.
const Phase* phase_beside(const Motion& motion, int track, double t, bool after, bool lawful) {
  const Phase* best = nullptr;
  for (const Phase& p : motion.phases) {
    if (p.track != track || p.count() < 4 || p.kind == PhaseKind::kSwing) continue;
    if (lawful && !follows_a_law(motion, p)) continue;
    const double middle = 0.5 * (p.t0 + p.t1);
    if (after ? middle < t || (best && best->t0 < p.t0) : middle > t || (best && best->t0 > p.t0)) continue;
    best = &p;
  }
  if (!best) return nullptr;
  return std::abs((after ? best->t0 : best->t1) - t) < kFarthestPhase ? best : nullptr;
}

const TrackPoint* point_before(const Track& track, int frame) {
  const TrackPoint* out = nullptr;
  for (const TrackPoint& p : track.points)
    if (p.frame < frame && frame - p.frame <= 6) out = &p;
  return out;
}

// Turned upwards at the lowest place that it reaches at all: the ground may have pushed it too.
bool turns_at_its_lowest(const Track& track, int frame, const Vec2& in, const Vec2& out) {
  if (in[1] <= 0 || out[1] >= 0) return false;
  double lowest = -1e30, there = -1e30;
  for (const TrackPoint& p : track.points) {
    lowest = std::max(lowest, p.y);
    if (std::abs(p.frame - frame) <= 3) there = std::max(there, p.y);
  }
  return there > lowest - 0.15 * track.diameter();
}

bool fill(const Motion& motion, const Event& event, Collision& c) {
  const auto beside = [&](int track, bool after) {
    const Phase* lawful = phase_beside(motion, track, c.t, after, true);
    c.lawful &= lawful != nullptr;
    return lawful ? lawful : phase_beside(motion, track, c.t, after, false);
  };
  const Phase *a0 = beside(c.a, false), *a1 = beside(c.a, true), *b0 = beside(c.b, false),
              *b1 = beside(c.b, true);
  const TrackPoint *a = point_before(motion.tracks[c.a], c.frame),
                   *b = point_before(motion.tracks[c.b], c.frame);
  if (!a0 || !a1 || !b0 || !b1 || !a || !b) return false;
  const auto before = [&](const Phase& p) { return p.velocity(std::min(c.t, p.t1)); };
  const auto after = [&](const Phase& p) { return p.velocity(std::max(c.t, p.t0)); };
  c.a_in = before(*a0), c.a_out = after(*a1), c.b_in = before(*b0), c.b_out = after(*b1);
  // Drift of the centroid while shadows and outlines of the two mix: a hundredth of a diameter a frame.
  const double drift = kCentroidDrift.value * motion.tracks[c.a].diameter() * motion.fps;
  c.v_error = std::hypot(event.v_error, drift);
  const double dx = b->x - a->x, dy = b->y - a->y, d = std::hypot(dx, dy);
  if (d < 1e-6) return false;
  c.normal = {dx / d, dy / d};
  for (const Phase* p : {a0, a1, b0, b1}) c.supported |= p->kind != PhaseKind::kFlight;
  c.supported |= turns_at_its_lowest(motion.tracks[c.a], c.frame, c.a_in, c.a_out) ||
                 turns_at_its_lowest(motion.tracks[c.b], c.frame, c.b_in, c.b_out);
  return true;
}

}  // namespace

std::vector<Collision> find_collisions(const Motion& motion) {
  std::vector<Collision> out;
  for (const Event& event : motion.events) {
    if (event.kind != EventKind::kCollision || event.other < 0) continue;
    Collision c;
    c.a = event.track, c.b = event.other, c.frame = event.frame, c.t = event.t;
    const bool known = std::any_of(out.begin(), out.end(), [&](const Collision& o) {
      return std::minmax(o.a, o.b) == std::minmax(c.a, c.b) && std::abs(o.t - c.t) < kFarthestPhase;
    });
    if (!known && fill(motion, event, c)) out.push_back(c);
  }
  return out;
}

}  // namespace orrery::physics_eval
