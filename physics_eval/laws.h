// Motion -> laws with an effect size, a quality, the evidence, and what each would have revealed.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "physics_eval/motion.h"

namespace orrery::physics_eval {

struct LawResult {
  std::string name;
  std::optional<double> score;  // 0 to 1; empty: not identifiable in this clip
  double effect = 0;            // size of the departure, in the law's unit (physics_eval/README.md)
  std::optional<double>
      detectable;       // smallest effect that this clip would have revealed, same unit; empty: none
  int frames = 0;       // object-frames judged
  std::string detail;   // the evidence, or why the law is not identifiable
  std::string reveals;  // `detectable` in words: "a change of g by 18 % or more"
};

struct Estimates {
  std::optional<double> g_px_s2, g_error_px_s2;  // mean over flights, downwards
  std::optional<double> acceleration_px_s2;      // of the longest moving phase where nothing flies
  std::optional<double> restitution;             // median over bounces
  std::vector<double> restitutions;
  std::optional<double> period_s;  // of the longest swing, small amplitude
  std::optional<double>
      mass_ratio;  // of the first pair that collided, object with the lower id over the other
};
Estimates estimate(const Motion& motion);

// All laws, in the order of the table in laws.cpp. Adds violations that a law shows with significance; reads
// those of permanence that the tracks have shown already.
std::vector<LawResult> judge(const Motion& motion, std::vector<Violation>& violations);

// The laws of flights and bounces once more, for a resampled motion; the others as they were.
std::vector<LawResult> judge_again(const Motion& motion, const std::vector<LawResult>& before);

// Validity (0 when an object vanished, doubled or jumped) x half the worst law, half the mean of all; 0 to
// 100.
double score_of(const std::vector<LawResult>& laws);

}  // namespace orrery::physics_eval
