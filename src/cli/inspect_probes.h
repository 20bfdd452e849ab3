// Linear probes: how much of a physical quantity can be read off a hidden state by a linear map? Ridge
// regression in closed form, fitted on some rows, its penalty chosen on others, judged on a third part.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace orrery {

enum class ProbePart : uint8_t { kFit, kChoose, kTest };

// Targets of all rows, shared by the probes of every layer and model.
struct ProbeTargets {
  std::vector<ProbePart> part;            // [rows]
  std::vector<std::vector<float>> value;  // [targets][rows]
  std::vector<uint8_t> binary;            // [targets]: 0 / 1, judged by ranks
  int64_t rows() const { return int64_t(part.size()); }
};

// One figure a target: R^2 on the test rows (1: perfect, 0: as good as the mean), or for a binary one the
// area under the ROC curve (0.5: chance). NaN where the test rows are all alike. features [rows][width].
std::vector<double> probe_quality(const std::vector<float>& features, int width, const ProbeTargets& targets);

// Quality by quantity and depth: depth 0 is the embedding, l the residual after layer l.
struct ProbeReport {
  int scenes = 0;
  int64_t fit_rows = 0, test_rows = 0;
  std::vector<std::string> names, measures;             // "R2" or "AUC"
  std::vector<std::vector<double>> trained, untrained;  // [quantity][depth]
};
Json probes_json(const ProbeReport& report);

}  // namespace orrery
