// What looks broken where forward and backward tracking do not agree is a doubt about the tracker, no
// violation.
#pragma once
#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// Takes ends and beginnings that the other direction runs through out of `violations`; what it took.
std::vector<Violation> take_bridged(const Agreement& agreement, const std::vector<Track>& tracks,
                                    std::vector<Violation>& violations);

// Takes what rests on the path of an object near a frame where it may have been taken for another.
std::vector<Violation> take_switched(const Agreement& agreement, const std::vector<Track>& tracks,
                                     std::vector<Violation>& violations);

// "tracking" flags: the doubts, and the other frames where a moving object may have been taken for another.
std::vector<Flag> tracking_flags(const Agreement& agreement, const std::vector<Track>& moving,
                                 const std::vector<Violation>& doubts);

}  // namespace orrery::physics_eval
