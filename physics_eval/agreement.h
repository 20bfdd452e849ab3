// The same regions followed backwards in time. Where the two directions link them differently the tracker
// failed, and what looks broken there says nothing about the physics.
#pragma once
#include <compare>
#include <vector>

#include "physics_eval/detect.h"

namespace orrery::physics_eval {

// Backward tracks of one window, in the clip's own frames and times.
// found: the frames' detections as they were before any tracking; skip[i]: frame i was not followed.
std::vector<Track> follow_backward(std::vector<FrameDetections> found, const std::vector<uint8_t>& skip,
                                   int first_frame, const std::vector<double>& times, double factor,
                                   double fps);

// A detection: its frame and its index there.
struct Region {
  int frame = 0, index = 0;
  auto operator<=>(const Region&) const = default;
};
// A forward track ends at one region and another begins at the other; followed backward they are one.
struct Bridge {
  Region end, start;
};
struct Agreement {
  int links = 0,
      confirmed = 0;  // from a region to the next of its track; those on which both directions agree
  std::vector<Region> switches;  // into these a forward track comes from where no backward track goes
  std::vector<Bridge> bridges;
};
// windows: backward tracks, one list a window; links from one window into the next are not compared.
Agreement compare_directions(const std::vector<Track>& forward,
                             const std::vector<std::vector<Track>>& windows);

}  // namespace orrery::physics_eval
