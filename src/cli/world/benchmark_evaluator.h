// The suites of violations, innocents and controls for any scorer: clips made to a folder, scored by a
// command, area under the ROC curve by kind and dose, and false alarms.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/batch_manifest.h"
#include "cli/statistics.h"

namespace orrery {

struct EvaluatorOptions {
  fs::path folder;
  std::string command;  // "own": physics_eval in process
  bool lower_is_better = false;
  std::optional<double> alarm_below;  // a clip that scores less is called broken
  int scenes = 12;
  uint64_t seed = 0;
  double timeout_s = 0;
  int jobs = 1;  // commands at once
  bool clips_only = false, dry_run = false, overwrite = false, quiet = false;
};

// What a command's {clip} may stand beside: nothing else.
extern const std::vector<std::string> kEvaluatorNames;

// What an evaluator says of one clip. No score and no failure: it did not judge.
struct Opinion {
  std::optional<double> score;
  std::optional<bool> broken;  // its own verdict, if it has one
  std::string failure;
};
// A number alone on the last line, or JSON with "score" (and "verdict") at the top or in clips[0]; "null",
// "nan" and "-" are no score. Anything else is a failure.
Opinion opinion_of(const std::string& output);

// Exit code: 0, 1 if the evaluator failed on a clip. The document: see physics_eval/README.md.
int run_evaluator_benchmark(const EvaluatorOptions& options, Json& document, std::string& text);

}  // namespace orrery
