// SVG of tracks: over a picture, and against time.
#pragma once
#include <string>

#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// Paths of all tracks in pixels of the clip; bodies that move in colour, the rest grey.
std::string trajectories_svg(const Evaluation& evaluation, const std::string& png);

// Position, velocity and acceleration of one track against time: dots measured, lines the fitted law.
std::string motion_svg(const Evaluation& evaluation, const Track& track);

}  // namespace orrery::physics_eval
