#include "physics_eval/hovering.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/phases.h"

namespace orrery::physics_eval {
namespace {

constexpr double kStands = 0.5;  // s: the turning point of a throw lasts less

// Something went there: the room right below is free, in the picture at least.
bool free_below(const Motion& motion, const TrackPoint& at, double diameter) {
  const double foot = at.y + 0.5 * at.height;
  return std::any_of(motion.tracks.begin(), motion.tracks.end(), [&](const Track& track) {
    return std::any_of(track.points.begin(), track.points.end(), [&](const TrackPoint& p) {
      return std::abs(p.x - at.x) < 0.5 * diameter && p.y + 0.5 * p.height > foot + diameter;
    });
  });
}

}  // namespace

std::vector<Flag> hovering(const Motion& motion) {
  std::vector<Flag> out;
  for (const Phase& phase : motion.phases) {
    const Track& track = motion.tracks[phase.track];
    if (phase.kind != PhaseKind::kRest || phase.t1 - phase.t0 < kStands) continue;
    const TrackPoint& middle = track.points[(phase.first + phase.last) / 2];
    if (!free_below(motion, middle, track.diameter()) || neighbour(motion.tracks, phase.track, middle.frame, 0.1) >= 0) continue;
    out.push_back({"hover", track.points[phase.first].frame,
                   fmt::format("object {} stands still in the air for {:.1f} s: held, hung, on something unseen, or against gravity", track.id, phase.t1 - phase.t0)});
  }
  return out;
}

}  // namespace orrery::physics_eval
