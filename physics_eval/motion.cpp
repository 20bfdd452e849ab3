#include "physics_eval/motion.h"

#include <algorithm>
#include <cmath>

#include "physics_eval/pendulum.h"
#include "physics_eval/phases.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

// All of a swing is one phase: pieces of it look like flights and bounces.
void add_swing(const Pendulum& pendulum, Motion& motion) {
  const auto& points = motion.tracks[pendulum.track].points;
  Phase phase;
  phase.kind = PhaseKind::kSwing;
  phase.track = pendulum.track;
  phase.first = pendulum.first, phase.last = pendulum.last;
  phase.t0 = points[phase.first].t, phase.t1 = points[phase.last].t;
  phase.x0 = {points[phase.first].x, points[phase.first].y};
  phase.v = {pendulum.length * pendulum.amplitude * std::sqrt(pendulum.k),
             0};  // its top speed: what jumps are compared with
  phase.travel = motion.tracks[pendulum.track].travel();
  motion.phases.push_back(phase);
  motion.pendulums.push_back(pendulum);
}

}  // namespace

Motion analyse(std::vector<Track> tracks, double px, double fps) {
  Motion motion;
  motion.tracks = std::move(tracks);
  motion.px = px;
  motion.fps = fps;
  for (size_t k = 0; k < motion.tracks.size(); ++k) {
    const auto& points = motion.tracks[k].points;
    motion.noise.push_back(centroid_noise(points, kFitNoiseFloor.value * px));
    if (const auto pendulum = find_pendulum(points, int(k), motion.noise[k])) {
      add_swing(*pendulum, motion);
      continue;
    }
    // Knots by the noise of motion: else every fourth frame of a generator that draws in fours is one.
    const double noise =
        std::clamp(noise_in_motion(points, px), motion.noise[k], kMostShake.value * motion.noise[k]);
    const auto phases = segment(motion.tracks[k], int(k), noise, px);
    motion.phases.insert(motion.phases.end(), phases.begin(), phases.end());
  }
  motion.events = find_events(motion.tracks, motion.phases, motion.noise);
  motion.flights = find_flights(motion);
  for (Event& event : motion.events) event.v_error *= motion.inflation[event.track];
  motion.collisions = find_collisions(motion);
  motion.crossings = find_crossings(motion);
  return motion;
}

}  // namespace orrery::physics_eval
