// Frames in, verdict out: detect -> track -> events -> laws -> score. Pixels only; one pass; memory bounded.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/frame.h"
#include "physics_eval/laws.h"

namespace orrery::physics_eval {

struct EvaluateOptions {
  double scale_px_per_m = 0;  // pixels of the original frame; 0: unknown, g_m_s2 not identifiable
  double fps = 0;             // > 0: frame times are index / fps instead of the file's
  std::function<void(int frames)> progress = {};
};

enum class Verdict { kConsistent, kInconsistent, kInsufficient };
const char* verdict_name(Verdict verdict);  // "consistent", "inconsistent", "insufficient evidence"

struct Evaluation {
  Verdict verdict = Verdict::kInsufficient;
  std::optional<double> score;  // 0 to 100
  double coverage = 0;          // share of the object-frames that a law of motion judged
  std::string reason;           // one sentence for people
  std::vector<LawResult> laws;
  std::vector<Violation> violations;
  Estimates estimates;
  std::optional<double> g_m_s2;
  std::vector<Track> tracks;    // all that were followed, the resting ones too
  std::vector<Phase> phases;    // of the moving tracks; Phase::track is a track's id
  int frames = 0, width = 0, height = 0;
  double seconds = 0;
};

Evaluation evaluate(FrameSource& source, const EvaluateOptions& options = {});

// The pixels' part alone: what moved where. `fps`: mean rate.
struct Observation {
  std::vector<Track> tracks;
  double fps = 24, px = 1, seconds = 0;  // px: original pixels per working pixel
  int frames = 0, judged = 0, width = 0, height = 0;  // judged: frames that the background explains
};
Observation observe(FrameSource& source, const EvaluateOptions& options);
Evaluation evaluate_tracks(Observation observation, const EvaluateOptions& options);

}  // namespace orrery::physics_eval
