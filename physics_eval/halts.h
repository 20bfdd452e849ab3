// A picture that stands still while things are in motion: time stopped, or frames were lost?
#pragma once
#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// Pixels of a working image by which it differs from the one before, per frame; the first has none.
int changed_pixels(const cv::Mat& before, const cv::Mat& image);

struct Stutter {
  std::vector<int> repeated;  // frames that repeat the one before, one or two in a row
  std::vector<Halt> halts;    // longer runs
  int period = 0;  // > 0: every so many frames one is repeated: pulldown, or one for every lost frame
};
// changed[i]: of frame i against frame i - 1; changed[0] is not looked at.
Stutter find_stutter(const std::vector<int>& changed);

// How far five points in a row depart from their parabola where things move, px; its upper quartile: wrong
// times show.
double roughness(const std::vector<Track>& tracks);

// "freeze" where things went on after a halt as if no time had passed. Lost frames show as a jump and are
// none.
std::vector<Violation> frozen_in_motion(const std::vector<Halt>& halts, const std::vector<Track>& moving,
                                        double px);

}  // namespace orrery::physics_eval
