// Geometry and mass of what a scene contains: used by the simulator, the families, the renderer and tests.
#pragma once
#include <array>
#include <vector>

#include "core/scene.h"

namespace orrery {

struct Vec2 {
  double x = 0, y = 0;
};

// Planar mass: density times cross-section (pi r^2 or (2 s)^2), kg.
double mass_of(const ObjectSpec& object);
// A ball looks like a solid sphere and turns like one, 2/5 m r^2 (Box2D's own would be a disc's 1/2 m r^2, and it
// would roll down a ramp 7 % slower than any ball does); a box 2/3 m s^2. kg m^2.
double inertia_of(const ObjectSpec& object);

// The ramp's corners, counter-clockwise: two on the floor, one at the top.
std::array<Vec2, 3> ramp_corners(const Ramp& ramp);
double ramp_angle(const Ramp& ramp);  // slope, rad, > 0 if it rises to the right
// Height of the floor or ramp surface at x, m.
double ground_height(const Scene& scene, double x);

// Signed clearances in metres; negative: overlap. Exact in sign (separating axes), a lower bound of the distance.
double gap_between(const ObjectSpec& a, const ObjectSpec& b);
double gap_to_ramp(const ObjectSpec& object, const Ramp& ramp);
double gap_to_floor(const ObjectSpec& object);
// The smallest of all pairs and static parts.
double smallest_gap(const Scene& scene);

// x -> kViewWidth - x for everything.
Scene mirrored(const Scene& scene);

}  // namespace orrery
