// Does a track swing? A circle through its points, and the damped pendulum equation along it.
#pragma once
#include <optional>

#include "physics_eval/motion.h"

namespace orrery::physics_eval {

// Empty where the points lie on no arc below a pivot, or turn round less than three times. `noise`: px.
std::optional<Pendulum> find_pendulum(const std::vector<TrackPoint>& points, int track, double noise);

// Angle of the model at times t (ascending, s after the first) for {angle, rate, k, damping, rest angle};
// RK4.
std::vector<double> swing(const std::array<double, 5>& model, const std::vector<double>& t);

}  // namespace orrery::physics_eval
