// Metamorphic tests: what must change in one way only when the question does. No ground truth is needed.
#pragma once
#include "cli/statistics.h"
#include "cli/world/benchmark_score.h"

namespace orrery {

// Of pixels: pairs of clips of one seed, any generator. mirrored: what moves most goes the other way.
// recoloured: the same g (15 %) and restitution (0.1). gravity: the measured ratio of g is nearer to what was
// asked than to 1. time shifted: without its first half second a clip still shows the same g and restitution.
struct PixelRelation {
  std::string relation, column;
  Share holds;
  int not_judged = 0;            // a clip failed or shows nothing of the kind
  std::vector<double> measured;  // gravity: ratios of g over what was asked
};
std::vector<PixelRelation> pixel_relations(const BenchmarkOptions& options,
                                           const std::vector<ScoredClip>& clips);

// Of states: the model's scene of a prompt is changed and rolled out again; how far are the paths from what
// symmetry demands? m, mean over objects in view and 2 s. The simulator's own answer to the same change
// stands beside it: chaos and the grid of the scene count there too.
struct StateRelation {
  std::string
      relation;  // mirrored, recoloured, gravity (x k^2 with speeds x k: the same path, slower), time shifted
  std::vector<double> model_m, simulator_m;
  std::vector<double>
      moved_m;  // how far things are from where they began: the error of saying "nothing moves"
};
std::vector<StateRelation> state_relations(const BenchmarkOptions& options, const Generator& generator);

Json to_json(const PixelRelation& relation);
Json to_json(const StateRelation& relation);

}  // namespace orrery
