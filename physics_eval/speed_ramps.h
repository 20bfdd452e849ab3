// The clip is played faster or slower from some moment on: everything then moves s times as fast and falls
// with s^2 of the acceleration. That is lawful; it is found, named, and taken out of the times.
#pragma once
#include <optional>

#include "physics_eval/motion.h"

namespace orrery::physics_eval {

struct SpeedRamp {
  double from = 0, to = 0;  // s of the clip: the speed changes between them
  double factor = 1;        // speed after over speed before
  double elapsed = 0;       // s that really pass from `from` to `to`, by the clock before
  int frame = 0;            // where it begins
};

// One flight that goes on with s times the velocity and s^2 times the acceleration, and nothing else that
// moves on unchanged through it: an object whose own time changes is a violation.
std::optional<SpeedRamp> find_speed_ramp(const Motion& motion);

// Times as if the speed before the ramp went on; points within it are marked odd.
void retime(const SpeedRamp& ramp, Track& track);

// Takes out what it finds, one after the other; `motion` is analysed anew.
std::vector<SpeedRamp> take_out_speed_ramps(Motion& motion);

}  // namespace orrery::physics_eval
