// Tracks drawn into the frames they were seen in.
#pragma once
#include "core/frame.h"
#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// Paths up to frame `index`, a ring around each object that is seen in it, and a red frame within three
// frames of a violation. Positions are those of a clip of `evaluation.width` pixels; the frame may have
// another size.
void draw_overlay(const Evaluation& evaluation, int index, Frame& frame);

}  // namespace orrery::physics_eval
