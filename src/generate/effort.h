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
  int top_k = 0;              // experts a visual token takes; 0: as many as in training
};

// 0 (fastest) to 1 (every patch through every layer); 0.5: only what is surely unchanged leaves early.
inline Effort effort_of(double effort) {
  if (effort >= 1) return {};
  return {0.5 + 0.49 * std::sqrt(std::max(0.0, effort)), effort < 0.25 ? 1 : 0};
}

}  // namespace orrery
