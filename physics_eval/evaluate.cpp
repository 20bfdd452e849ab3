#include "physics_eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "physics_eval/phases.h"
#include "physics_eval/stitch.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

bool moves(const Track& track, double px) {
  return track.travel() > std::max(kMinTravel.value * px, 0.3 * track.diameter());
}

// Centroids of cut-off objects are not the object's: out of the fits, unless nothing else is left.
Track without_clipped(const Track& track) {
  Track out = track;
  std::erase_if(out.points, [](const TrackPoint& p) { return p.clipped; });
  return out;
}

Motion motion_of(const Observation& seen, const std::vector<Track>& moving) {
  Motion motion;
  motion.px = seen.px;
  motion.fps = seen.fps;
  for (const Track& track : moving) {
    Track whole = without_clipped(track);
    mark_odd_frames(whole);
    if (int(whole.points.size()) >= int(kMinTrackFrames.value)) motion.tracks.push_back(std::move(whole));
  }
  for (size_t k = 0; k < motion.tracks.size(); ++k) {
    motion.noise.push_back(centroid_noise(motion.tracks[k].points, kFitNoiseFloor.value * seen.px));
    const auto phases = segment(motion.tracks[k], int(k), motion.noise[k], seen.px);
    motion.phases.insert(motion.phases.end(), phases.begin(), phases.end());
  }
  motion.events = find_events(motion.tracks, motion.phases, motion.noise);
  motion.flights = find_flights(motion);
  return motion;
}

double coverage_of(const Motion& motion) {
  int all = 0, judged = 0;
  for (const Phase& p : motion.phases) {
    all += p.count();
    if (p.kind != PhaseKind::kGuided && p.count() >= 4) judged += p.count();
  }
  return all ? double(judged) / all : 0;
}

// Validity (0 when an object vanished, doubled or jumped) x half the worst law, half the mean of all.
double score_of(const std::vector<LawResult>& laws) {
  double worst = 1, sum = 0, validity = 1;
  int n = 0;
  for (const LawResult& law : laws) {
    if (!law.score) continue;
    if (law.name == "permanence") {
      validity = *law.score;
      continue;
    }
    worst = std::min(worst, *law.score);
    sum += *law.score;
    ++n;
  }
  return 100 * validity * (n ? 0.5 * worst + 0.5 * sum / n : 1);
}

std::string summary_of(const Evaluation& e) {
  if (!e.violations.empty()) return fmt::format("{} at frame {}: {}", e.violations[0].kind, e.violations[0].frame, e.violations[0].detail);
  const LawResult* worst = nullptr;
  for (const LawResult& law : e.laws)
    if (law.score && (!worst || *law.score < *worst->score)) worst = &law;
  return worst ? fmt::format("{}: {}", worst->name, worst->detail) : "";
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  static const char* const names[] = {"consistent", "inconsistent", "insufficient evidence"};
  return names[int(verdict)];
}

Evaluation evaluate_tracks(Observation seen, const EvaluateOptions& options) {
  Evaluation out;
  out.frames = seen.frames;
  out.width = seen.width;
  out.height = seen.height;
  out.seconds = seen.seconds;
  std::vector<Violation> violations = stitch(seen.tracks, seen.fps);
  std::vector<Track> moving;
  for (const Track& track : seen.tracks)
    if (moves(track, seen.px)) moving.push_back(track);
  out.tracks = std::move(seen.tracks);
  std::erase_if(violations, [&](const Violation& v) {
    return std::none_of(moving.begin(), moving.end(), [&](const Track& t) { return t.id == v.track; });
  });
  const Motion motion = motion_of(seen, moving);
  if (motion.tracks.empty()) {
    out.reason = seen.frames < kMinTrackFrames.value ? fmt::format("only {} frame(s)", seen.frames)
                 : seen.judged < seen.frames / 2     ? "the whole picture changes: cut or moving camera"
                                                     : "nothing moves that could be followed";
    return out;
  }
  out.laws = judge(motion, violations);
  out.violations = std::move(violations);
  out.estimates = estimate(motion);
  if (options.scale_px_per_m > 0 && out.estimates.g_px_s2) out.g_m_s2 = *out.estimates.g_px_s2 / options.scale_px_per_m;
  out.coverage = coverage_of(motion);
  out.score = score_of(out.laws);
  out.phases = motion.phases;
  for (Phase& p : out.phases) p.track = motion.tracks[p.track].id;
  out.verdict = !out.violations.empty() || *out.score < kConsistent.value ? Verdict::kInconsistent : Verdict::kConsistent;
  out.reason = summary_of(out);
  return out;
}

Evaluation evaluate(FrameSource& source, const EvaluateOptions& options) {
  return evaluate_tracks(observe(source, options), options);
}

}  // namespace orrery::physics_eval
