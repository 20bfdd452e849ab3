// Scene -> trajectory with Box2D 2.4.1, planar, fixed step. Same scene and pushes: same bits.
#pragma once
#include <span>

#include "core/trajectory.h"

namespace orrery {

// 8 steps a frame at 24 fps. Semi-implicit Euler: after t seconds of free fall a body is g t h / 2 lower than the
// closed form says (2.6 cm after 1 s at g = 9.81); the acceleration itself is exact.
inline constexpr int kStepsPerFrame = 8;
inline constexpr double kTimeStep = 1.0 / (kFramesPerSecond * kStepsPerFrame);

// num_frames states of each object, the first being the scene's own. `scene` should be quantized() already.
// Objects may leave the view: there are no walls. Pushes later than the last frame do nothing; Error if one names an
// object that is not there.
Trajectory simulate(const Scene& scene, int num_frames, std::span<const Push> pushes = {});

}  // namespace orrery
