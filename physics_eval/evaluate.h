// Frames in, verdict out: detect -> track -> events -> laws -> score. Pixels only; one pass; memory bounded.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/frame.h"
#include "physics_eval/agreement.h"
#include "physics_eval/bootstrap.h"
#include "physics_eval/laws.h"

namespace orrery::physics_eval {

struct EvaluateOptions {
  double scale_px_per_m = 0;  // pixels of the original frame; 0: unknown, g_m_s2 not identifiable
  double pixel_factor =
      1;           // pixels of the original a pixel of the frames given, for frames that were scaled down
  double fps = 0;  // > 0: frame times are index / fps instead of the file's
  double slow_motion = 1;      // the clip plays this many times slower than what it shows
  cv::Rect region = {};        // original px; empty: the whole frame. What is outside is not looked at
  cv::Rect box = {};           // original px; not empty: only what is inside it in the first frames is judged
  bool expect_motion = false;  // nothing moves: score 0 instead of insufficient evidence
  bool intervals = true;       // bootstrap: about a tenth of a second a clip
  std::function<void(int frames)> progress = {};
};

enum class Verdict { kConsistent, kInconsistent, kInsufficient };
const char* verdict_name(Verdict verdict);  // "consistent", "inconsistent", "insufficient evidence"

// What is not a violation and should be known: "cut", "duplicates", "pulldown", "camera", "speed" (a speed
// ramp), "tracking" (forward and backward disagree), "overlap".
struct Flag {
  std::string kind;
  int frame = 0;
  std::string detail;
};

struct Evaluation {
  Verdict verdict = Verdict::kInsufficient;
  std::optional<double> score;  // 0 to 100
  Intervals intervals;          // 95 %
  std::optional<double>
      agreement;                // share of the links between regions that forward and backward tracking share
  double coverage = 0;          // share of the object-frames that a law of motion judged
  std::string reason;           // one sentence for people
  std::vector<LawResult> laws;
  std::vector<Violation> violations;
  std::vector<Flag> flags;
  Estimates estimates;
  std::optional<double> g_m_s2;
  std::optional<Interval> g_m_s2_interval;  // with the errors of scale and tilt
  std::vector<Track> tracks;                // all that were followed, the resting ones too
  std::vector<Phase> phases;                // of the moving tracks; Phase::track is a track's id
  int frames = 0, width = 0, height = 0;
  double seconds = 0, px = 1;  // px: original pixels per working pixel
};

Evaluation evaluate(FrameSource& source, const EvaluateOptions& options = {});

// The whole picture stands still from frame `first` for `count` frames, with motion before and after.
struct Halt {
  int first = 0, count = 0;
};

// The pixels' part alone: what moved where. `fps`: mean rate.
struct Observation {
  std::vector<Track> tracks;
  std::vector<Flag> flags;
  std::vector<Halt> halts;
  Agreement agreement;                                // of tracking forward and backward
  double fps = 24, px = 1, seconds = 0;               // px: original pixels per working pixel
  int frames = 0, judged = 0, width = 0, height = 0;  // judged: frames that the background explains
};
Observation observe(FrameSource& source, const EvaluateOptions& options);
Evaluation evaluate_tracks(Observation observation, const EvaluateOptions& options);

}  // namespace orrery::physics_eval
