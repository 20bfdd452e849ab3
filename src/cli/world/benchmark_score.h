// Clips of the benchmark -> what the evaluator says of their pixels and, where they are known, of their
// states.
#pragma once
#include <vector>

#include "cli/world/benchmark_clips.h"

namespace orrery {

// {"verdict", "score" | null, "reason", "laws": {name: 0 to 1 | null}, "violations": [kind], "coverage",
//  "g_px_s2" | null, "restitution" | null, "dx" (diameters that the object which moved most went to the
//  right) | null}
Json judged(const Scenario& scenario, const physics_eval::Evaluation& evaluation);

struct ScoredClip {
  const BenchmarkClip* clip = nullptr;
  // null: not made or not readable. As judged(), and "adheres" | null, "seen", "states" | null: judged() of
  // the states, "later" | null: judged() of the clip without its first half second (clips of pairs)
  Json result;
};

// In parallel, with what was scored before taken from `folder`/scores.jsonl. A clip that cannot be read gets
// its `error`.
std::vector<ScoredClip> score_clips(const BenchmarkOptions& options, std::vector<BenchmarkClip>& clips);

}  // namespace orrery
