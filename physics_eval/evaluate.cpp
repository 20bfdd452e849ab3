#include "physics_eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/doubts.h"
#include "physics_eval/halts.h"
#include "physics_eval/hovering.h"
#include "physics_eval/phases.h"
#include "physics_eval/speed_ramps.h"
#include "physics_eval/statistics.h"
#include "physics_eval/stitch.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

bool moves(const Track& track, double px) {
  return track.travel() > std::max(kMinTravel.value * px, 0.3 * track.diameter());
}

// Centroids of cut-off objects are not the object's: out of the fits.
Track without_clipped(const Track& track) {
  Track out = track;
  std::erase_if(out.points, [](const TrackPoint& p) { return p.clipped; });
  return out;
}

// Pieces that come off a mask, flickers of a string: not there from the beginning, not come in over the
// border, and a crumb beside the largest body. What is not believed in its birth is not believed in its
// motion.
void drop_crumbs(std::vector<Track>& bodies) {
  std::vector<double> areas;
  for (const Track& track : bodies) {
    std::vector<double> values;
    for (const TrackPoint& p : track.points) values.push_back(p.area);
    areas.push_back(median(values));
  }
  const double least = areas.empty() ? 0 : kMinShare.value * *std::max_element(areas.begin(), areas.end());
  size_t i = 0;
  std::erase_if(bodies, [&](const Track& track) {
    const bool came_of_nothing = track.birth == TrackEnd::kClear || track.birth == TrackEnd::kOverlap;
    return areas[i++] < least && came_of_nothing;
  });
}

Motion motion_of(const Observation& seen, const std::vector<Track>& moving) {
  std::vector<Track> bodies;
  for (const Track& track : moving) {
    Track whole = without_clipped(track);
    mark_odd_frames(whole);
    if (int(whole.points.size()) >= int(kMinTrackFrames.value) && whole.is_body())
      bodies.push_back(std::move(whole));
  }
  drop_crumbs(bodies);
  return analyse(std::move(bodies), seen.px, seen.fps);
}

double coverage_of(const Motion& motion, const std::vector<Track>& moving) {
  size_t all = 0;
  int judged = 0;
  for (const Track& track : moving) all += track.points.size();
  for (const Phase& p : motion.phases)
    if ((p.kind != PhaseKind::kGuided && p.count() >= 4) || on_a_line(p, motion.px)) judged += p.count();
  return all ? double(judged) / double(all) : 0;
}

std::string summary_of(const Evaluation& e) {
  if (!e.violations.empty())
    return fmt::format("{} at frame {}: {}", e.violations[0].kind, e.violations[0].frame,
                       e.violations[0].detail);
  const LawResult* worst = nullptr;
  for (const LawResult& law : e.laws)
    if (law.score && (!worst || *law.score < *worst->score)) worst = &law;
  return worst ? fmt::format("{}: {}", worst->name, worst->detail) : "";
}

// Nothing to judge: no score, or 0 for a benchmark that asked for motion.
void give_up(const Observation& seen, const EvaluateOptions& options, Evaluation& out) {
  out.reason =
      seen.frames < kMinTrackFrames.value ? fmt::format("only {} frame(s)", seen.frames)
      : seen.judged < seen.frames / 2     ? "the whole picture changes: cut or moving camera"
      : !options.box.empty()
          ? fmt::format("nothing that moves begins in the box {},{},{},{}; --tracks lists where objects are",
                        options.box.x, options.box.y, options.box.width, options.box.height)
      : !options.region.empty() ? "nothing moves in the region that could be followed"
                                : "nothing moves that could be followed";
  if (!options.expect_motion) return;
  out.score = 0;
  out.verdict = Verdict::kInconsistent;
  out.reason += "; motion was expected";
}

// Presence alone is no physics: a cross-fade has it too. Some law of motion must have been judged, or
// something broken.
bool shows_motion(const Evaluation& e) {
  const auto speaks = [](const LawResult& law) {
    const bool presence = law.name == "identity" || law.name == "continuity" || law.name == "permanence";
    return law.score && (!presence || *law.score < 0.5);
  };
  return !e.violations.empty() || std::any_of(e.laws.begin(), e.laws.end(), speaks);
}

// Only what is in the box when the clip begins.
void keep_boxed(const cv::Rect& box, std::vector<Track>& tracks) {
  if (box.empty()) return;
  std::erase_if(tracks, [&](const Track& track) {
    const TrackPoint& p = track.points[0];
    return p.frame > 2 || !box.contains(cv::Point(int(p.x), int(p.y)));
  });
}

// What `g_m_s2` owes to the ruler, to what flies at another distance than it, and to a camera that leans: g
// appears as g cos(tilt).
Interval absolute_interval(const Interval& px, double g, double scale) {
  const double tilt = 1 - std::cos(kTilt.value * CV_PI / 180),
               ruler = 2 * std::hypot(kScaleError.value, kDepthError.value);
  const double below = std::hypot(1 - px[0] / g, ruler), above = std::hypot(px[1] / g - 1, ruler);
  return {g / scale * (1 - below), g / scale * (1 + above + tilt)};
}

void add_estimates(const Motion& motion, const EvaluateOptions& options, Evaluation& out) {
  out.estimates = estimate(motion);
  if (options.intervals) {
    out.intervals = bootstrap(motion, out.laws);
    if (out.intervals.score && out.score) {  // the score itself is always inside
      auto& interval = *out.intervals.score;
      interval = {std::min(interval[0], *out.score), std::max(interval[1], *out.score)};
    }
  }
  if (options.scale_px_per_m <= 0 || !out.estimates.g_px_s2) return;
  out.g_m_s2 = *out.estimates.g_px_s2 / options.scale_px_per_m;
  if (out.intervals.g_px_s2)
    out.g_m_s2_interval =
        absolute_interval(*out.intervals.g_px_s2, *out.estimates.g_px_s2, options.scale_px_per_m);
}

// Speed ramps are taken out of the times; they and objects that change sides become flags.
void settle_clock(Motion& motion, Evaluation& out) {
  for (const SpeedRamp& ramp : take_out_speed_ramps(motion)) {
    for (Track& track : out.tracks) retime(ramp, track);
    out.flags.push_back(
        {"speed", ramp.frame,
         fmt::format("from here the clip is played {:.2f} times as fast; times are set right, by the "
                     "clock before",
                     ramp.factor)});
  }
  for (const Crossing& c : motion.crossings)
    if (!c.through)
      out.flags.push_back({"overlap", c.frame,
                           fmt::format("objects {} and {} change sides: one behind the other, or through it",
                                       motion.tracks[c.a].id, motion.tracks[c.b].id)});
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
  out.px = seen.px;
  out.flags = seen.flags;
  keep_boxed(options.box, seen.tracks);
  std::vector<Violation> violations = stitch(seen.tracks, seen.fps);
  std::vector<Track> moving;
  for (const Track& track : seen.tracks)
    if (moves(track, seen.px)) moving.push_back(track);
  std::erase_if(violations, [&](const Violation& v) {
    return std::none_of(moving.begin(), moving.end(), [&](const Track& t) { return t.id == v.track; });
  });
  const std::vector<Violation> stopped = frozen_in_motion(seen.halts, moving, seen.px);
  violations.insert(violations.end(), stopped.begin(), stopped.end());
  std::vector<Violation> doubts = take_bridged(seen.agreement, seen.tracks, violations);
  out.tracks = std::move(seen.tracks);
  if (seen.agreement.links > 0) out.agreement = double(seen.agreement.confirmed) / seen.agreement.links;
  Motion motion = motion_of(seen, moving);
  settle_clock(motion, out);
  // Something vanished, doubled or jumped and stayed too odd to be a body: the evidence stands without laws.
  if (motion.tracks.empty() && violations.empty()) {
    give_up(seen, options, out);
    return out;
  }
  out.violations = violations;
  out.laws = judge(motion, out.violations);
  const std::vector<Violation> switched = take_switched(seen.agreement, out.tracks, out.violations);
  doubts.insert(doubts.end(), switched.begin(), switched.end());
  for (Flag& flag : tracking_flags(seen.agreement, moving, doubts)) out.flags.push_back(std::move(flag));
  for (Flag& flag : hovering(motion)) out.flags.push_back(std::move(flag));
  out.coverage = coverage_of(motion, moving);
  if (shows_motion(out)) out.score = score_of(out.laws);
  const bool tracker_failed =
      !doubts.empty() && out.violations.empty() && out.score.value_or(0) < kConsistent.value;
  if (tracker_failed) out.score.reset();
  add_estimates(motion, options, out);
  out.phases = motion.phases;
  for (Phase& p : out.phases) p.track = motion.tracks[p.track].id;
  if (!out.score) {
    out.intervals.score.reset();
    out.reason = tracker_failed
                     ? "the tracker failed: followed forward and backward, the objects take different paths"
                     : "what moves takes no path that a law of motion could judge";
    return out;
  }
  out.verdict = !out.violations.empty() || *out.score < kConsistent.value ? Verdict::kInconsistent
                                                                          : Verdict::kConsistent;
  out.reason = summary_of(out);
  return out;
}

Evaluation evaluate(FrameSource& source, const EvaluateOptions& options) {
  return evaluate_tracks(observe(source, options), options);
}

}  // namespace orrery::physics_eval
