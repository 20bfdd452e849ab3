// An evaluation as JSON, as a table for people, and its tracks as CSV.
#pragma once
#include <string>

#include "core/json.h"
#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

Json evaluator_json();  // {"name", "version", "thresholds_version"}
Json to_json(const Evaluation& evaluation, const std::string& path, bool with_tracks = false);
std::string to_text(const Evaluation& evaluation, const std::string& path);
// Header: path,track,frame,t_s,x_px,y_px,area_px2,r,g,b,clipped,merged
std::string tracks_csv_header();
std::string tracks_csv(const Evaluation& evaluation, const std::string& path);

}  // namespace orrery::physics_eval
