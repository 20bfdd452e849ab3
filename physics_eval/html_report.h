// One self-contained HTML file: verdict, laws with what each would have revealed, trajectories over a frame,
// position, velocity and acceleration with the fitted law, and strips of frames around violations.
#pragma once
#include <string>
#include <vector>

#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// A picture as base64 of a PNG.
struct Picture {
  int frame = 0;
  std::string png;
};

struct ReportClip {
  std::string path;
  Evaluation evaluation;
  std::vector<Picture> pictures;  // of report_frames(), as far as they exist
  std::string error;              // not empty: could not be read; the rest is empty
};

// The frames that the report shows: ascending, without repetition.
std::vector<int> report_frames(const Evaluation& evaluation);

// Text as it may stand between tags and in quotes.
std::string html_escaped(const std::string& text);

std::string html_report(const std::vector<ReportClip>& clips);

}  // namespace orrery::physics_eval
