// An evaluation as JSON (schema in physics_eval/README.md) and as a table for people.
#pragma once
#include <string>

#include "core/json.h"
#include "physics_eval/evaluate.h"
#include "physics_eval/tracks_csv.h"

namespace orrery::physics_eval {

Json evaluator_json();  // {"name", "version", "thresholds_version"}
Json to_json(const Evaluation& evaluation, const std::string& path, bool with_tracks = false);
Json failed_json(const std::string& path, const std::string& error);  // a clip that could not be read
std::string to_text(const Evaluation& evaluation, const std::string& path);

// Ranking of the clips that have a score and, for more than one folder, a summary of each. `scores`: path and
// score, empty where there is none.
using Scores = std::vector<std::pair<std::string, std::optional<double>>>;
std::string ranking_text(const Scores& scores);
Json summary_json(const Scores& scores);  // [{"folder", "clips", "judged", "mean", "median"}]

}  // namespace orrery::physics_eval
