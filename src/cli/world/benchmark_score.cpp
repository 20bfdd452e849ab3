#include "cli/world/benchmark_score.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "cli/clip_files.h"
#include "codecs/decoder.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"
#include "physics_eval/tracks_csv.h"

namespace orrery {
namespace {

using physics_eval::Evaluation;
using physics_eval::Track;

constexpr double kRestTolerance = 0.3;  // diameters: as much as the evaluator takes for motion
constexpr int kLater = 12;              // frames

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

// 100 where nothing moves; falls with how far the farthest body goes.
double rest_score(const Evaluation& e) {
  if (!e.violations.empty()) return 0;
  double worst = 1;
  for (const Track& t : e.tracks)
    if (t.is_body())
      worst = std::min(worst, physics_eval::quality_of(t.travel() / t.diameter(), kRestTolerance));
  return 100 * worst;
}

std::optional<double> score_of(const Scenario& s, const Evaluation& e) {
  if (s.expect == Expect::kRest) return rest_score(e);
  if (s.judged_by.empty() || !e.score || e.laws.empty()) return e.score;
  std::optional<double> worst;
  for (const physics_eval::LawResult& law : e.laws)
    if (law.score && std::find(s.judged_by.begin(), s.judged_by.end(), law.name) != s.judged_by.end())
      worst = std::min(worst.value_or(100), 100 * *law.score);
  return worst;
}

const Track* main_track(const Evaluation& e) {
  const Track* best = nullptr;
  for (const Track& t : e.tracks)
    if (t.is_body() && (!best || t.travel() > best->travel())) best = &t;
  return best;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += word + ' ';
  return out;
}

// What decides a result besides the file: another evaluator or another question is another result.
std::string question_of(const BenchmarkClip& clip) {
  const Scenario& s = *clip.scenario;
  return fmt::format("{} {} expect {} by {}of {}{}{}", physics_eval::kEvaluatorVersion,
                     physics_eval::kThresholdsVersion, int(s.expect), joined(s.judged_by), objects_text(s.objects),
                     clip.pair ? "later " : "", clip.states.empty() ? "" : "states");
}

Json states_result(const BenchmarkClip& clip, const physics_eval::EvaluateOptions& options) {
  std::error_code ec;
  if (clip.states.empty() || !fs::exists(clip.states, ec)) return nullptr;
  physics_eval::Observation seen =
      physics_eval::read_tracks_csv(read_text(clip.states), clip.states.string(), "");
  return judged(*clip.scenario, physics_eval::evaluate_tracks(std::move(seen), options));
}

Json score_file(const BenchmarkClip& clip) {
  const std::string path = clip.file.string();
  physics_eval::EvaluateOptions options;
  options.expect_motion = clip.scenario->expect == Expect::kMotion;
  Json result = judged(*clip.scenario, evaluate_clip(path, options, 1));
  const auto source = open_decoder(path);
  const std::vector<physics_eval::SeenObject> seen = physics_eval::see_objects(*source);
  result["seen"] = physics_eval::describe(seen);
  result["adheres"] = nullptr;
  if (!clip.scenario->objects.empty())
    result["adheres"] = physics_eval::adheres(seen, {.objects = clip.scenario->objects});
  // A black picture moves as little as a thing at rest.
  if (clip.scenario->expect == Expect::kRest && seen.empty())
    result["score"] = nullptr, result["reason"] = "nothing is to be seen that could rest";
  result["states"] = states_result(clip, options);
  result["later"] = clip.pair ? judged(*clip.scenario, evaluate_clip(path, options, 1, kLater)) : Json();
  return result;
}

}  // namespace

Json judged(const Scenario& s, const Evaluation& e) {
  const std::optional<double> score = score_of(s, e);
  Json laws = Json::object(), violations = Json::array();
  for (const physics_eval::LawResult& law : e.laws) laws[law.name] = number(law.score);
  for (const physics_eval::Violation& v : e.violations) violations.push_back(v.kind);
  const bool rests = s.expect == Expect::kRest;
  std::string verdict = physics_eval::verdict_name(e.verdict), reason = e.reason;
  if (rests) {
    verdict = *score < physics_eval::kConsistent.value ? "inconsistent" : "consistent";
    reason = verdict == "consistent" ? "it rests" : "something moves that should rest";
  }
  Json out = {{"verdict", verdict},
              {"score", number(score)},
              {"reason", reason},
              {"coverage", e.coverage},
              {"laws", laws},
              {"violations", violations},
              {"g_px_s2", number(e.estimates.g_px_s2)},
              {"restitution", number(e.estimates.restitution)},
              {"dx", nullptr}};
  if (const Track* t = main_track(e))
    out["dx"] = (t->points.back().x - t->points.front().x) / std::max(1.0, t->diameter());
  return out;
}

std::vector<ScoredClip> score_clips(const BenchmarkOptions& o, std::vector<BenchmarkClip>& clips) {
  Manifest ledger(o.folder / "scores.jsonl");
  std::vector<ScoredClip> out(clips.size());
  Progress progress("score", int64_t(clips.size()), "clips", o.quiet);
  std::mutex mutex;
  int64_t done = 0;
  parallel_for_dynamic(int64_t(clips.size()), [&](int64_t i) {
    BenchmarkClip& clip = clips[size_t(i)];
    ScoredClip& scored = out[size_t(i)];
    scored.clip = &clip;
    try {
      if (clip.error.empty()) {
        const std::string id = o.columns[clip.column].name + "/" + clip.job.id, question = question_of(clip);
        const std::string digest = sha256_file(clip.file);
        const Json* known = ledger.find(id);
        if (known && known->value("sha256", "") == digest && known->value("question", "") == question) {
          scored.result = known->at("result");
        } else {
          scored.result = score_file(clip);
          const std::lock_guard lock(mutex);
          ledger.append({{"id", id}, {"sha256", digest}, {"question", question}, {"result", scored.result}});
        }
      }
    } catch (const std::exception& error) {
      clip.error = error.what();
    }
    const std::lock_guard lock(mutex);
    progress.update(++done, clip.job.id);
  });
  progress.finish();
  if (!clips.empty()) ledger.compact({});  // one line a clip
  return out;
}

}  // namespace orrery
