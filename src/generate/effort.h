// How much work a clip gets, at run time and on the same weights.
#pragma once
#include <algorithm>
#include <cmath>

namespace orrery {

inline constexpr double kDefaultEffort = 0.5;

// Attention heads that a domain opens no further are left out: no loss changes by a tenth of a percent (bench/heads).
inline constexpr float kHeadThreshold = 0.3f;

struct Effort {
  double copy_threshold = 1;  // patches that are unchanged with this certainty skip the deeper layers; 1: none do
};

// 0 (fastest) to 1 (every patch through every layer); 0.5: only what is surely unchanged leaves early. One expert a patch
// instead of top_k saves 2 % of the time more and costs 0.1 dB (bench/pixels_given_states).
inline Effort effort_of(double effort) {
  if (effort >= 1) return {};
  return {0.2 + 0.79 * std::sqrt(std::max(0.0, effort))};
}

}  // namespace orrery
