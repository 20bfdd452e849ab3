#include "cli/world/benchmark_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>

#include "cli/clip_files.h"
#include "cli/external_command.h"
#include "cli/world/benchmark_suite_report.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "physics_eval/thresholds.h"

namespace orrery {
namespace {

constexpr const char* kOwn = "own";

std::string last_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const size_t at = text.find_last_of("\r\n");
  std::string line = at == std::string::npos ? text : text.substr(at + 1);
  line.erase(0, std::min(line.size(), line.find_first_not_of(" \t")));
  return line;
}

Opinion opinion_of_json(const Json& document) {
  const Json* at = &document;
  if (document.is_object() && !document.contains("score") && document.contains("clips") &&
      document.at("clips").is_array() && !document.at("clips").empty())
    at = &document.at("clips")[0];
  Opinion out;
  if (!at->is_object() || !at->contains("score")) {
    out.failure = "its JSON has no \"score\"";
    return out;
  }
  const Json& score = at->at("score");
  if (score.is_number() && std::isfinite(score.get<double>())) out.score = score.get<double>();
  else if (!score.is_null()) out.failure = fmt::format("its \"score\" is {}, no number", score.dump());
  const std::string verdict =
      at->contains("verdict") && at->at("verdict").is_string() ? at->at("verdict").get<std::string>() : "";
  if (verdict == "error") out.failure = at->value("reason", "its verdict is error");
  else if (!verdict.empty()) out.broken = verdict == "inconsistent";
  return out;
}

Opinion own_opinion(const SuiteClip& clip) {
  physics_eval::EvaluateOptions options;
  options.expect_motion = true;
  options.intervals = false;
  const physics_eval::Evaluation e = evaluate_clip(clip.file.string(), options, 1);
  return {e.score, e.verdict == physics_eval::Verdict::kInconsistent, ""};
}

Opinion asked(const EvaluatorOptions& o, const SuiteClip& clip) {
  try {
    if (o.command == kOwn) return own_opinion(clip);
    const CommandTemplate words(o.command, kEvaluatorNames, kEvaluatorNames);
    const CommandOutcome outcome = run_command(words.arguments({{"clip", clip.file.string()}}), o.timeout_s);
    if (!outcome.failure.empty()) return {{}, {}, outcome.failure};
    Opinion opinion = opinion_of(outcome.output);
    if (!opinion.failure.empty()) opinion.failure = words.program() + ": " + opinion.failure;
    return opinion;
  } catch (const std::exception& error) {
    return {{}, {}, error.what()};
  }
}

std::string evaluator_name(const EvaluatorOptions& o) {
  return o.command == kOwn ? fmt::format("physics_eval {} {}", physics_eval::kEvaluatorVersion,
                                         physics_eval::kThresholdsVersion)
                           : o.command;
}

Json to_json(const Opinion& opinion) {
  Json out = {{"score", nullptr}, {"broken", nullptr}};
  if (opinion.score) out["score"] = *opinion.score;
  if (opinion.broken) out["broken"] = *opinion.broken;
  return out;
}

Opinion opinion_from(const Json& json) {
  Opinion out;
  if (json.at("score").is_number()) out.score = json.at("score").get<double>();
  if (json.at("broken").is_boolean()) out.broken = json.at("broken").get<bool>();
  return out;
}

// One opinion a content: the unbroken scenes of several kinds are the same film. Failures are not kept, so
// that the next run asks again.
std::map<std::string, Opinion> ask_all(const EvaluatorOptions& o, const std::vector<SuiteClip>& clips) {
  const std::string name = evaluator_name(o), path = (o.folder / "scores.jsonl").string();
  Manifest ledger(path);
  std::map<std::string, Opinion> opinions;
  std::vector<const SuiteClip*> open;
  for (const SuiteClip& c : clips) {
    const Json* known = ledger.find(name + " " + c.sha256);
    if (!opinions.emplace(c.sha256, known ? opinion_from(known->at("opinion")) : Opinion()).second) continue;
    if (!known) open.push_back(&c);
  }
  Progress progress("score", int64_t(open.size()), "clips", o.quiet);
  std::mutex mutex;
  int64_t done = 0;
  const int threads = num_threads();
  if (o.command != kOwn) set_num_threads(o.jobs);
  parallel_for_dynamic(int64_t(open.size()), [&](int64_t i) {
    const SuiteClip& c = *open[size_t(i)];
    const Opinion opinion = asked(o, c);
    const std::lock_guard lock(mutex);
    opinions[c.sha256] = opinion;
    if (opinion.failure.empty())
      ledger.append({{"id", name + " " + c.sha256}, {"clip", c.id}, {"opinion", to_json(opinion)}});
    else std::fprintf(stderr, "orrery: %s: %s\n", c.id.c_str(), opinion.failure.c_str());
    progress.update(++done, c.id);
  });
  set_num_threads(threads);
  progress.finish();
  return opinions;
}

std::vector<ScoredSuiteClip> scored_suite(const EvaluatorOptions& o, const std::vector<SuiteClip>& clips) {
  const std::map<std::string, Opinion> opinions = ask_all(o, clips);
  std::vector<ScoredSuiteClip> out;
  for (const SuiteClip& c : clips) {
    out.push_back({&c, opinions.at(c.sha256), 0, false});
    if (o.lower_is_better && out.back().opinion.score) *out.back().opinion.score *= -1;
  }
  return out;
}

}  // namespace

const std::vector<std::string> kEvaluatorNames = {"clip"};

Opinion opinion_of(const std::string& output) {
  const size_t begin = output.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && output[begin] == '{') {
    const Json document = Json::parse(output, nullptr, false);
    if (!document.is_discarded()) return opinion_of_json(document);
  }
  const std::string line = last_line(output);
  if (!line.empty() && line[0] == '{') {
    const Json document = Json::parse(line, nullptr, false);
    if (!document.is_discarded()) return opinion_of_json(document);
  }
  for (const char* none : {"null", "nan", "NaN", "-", "None"})
    if (line == none) return {};
  double value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size() || !std::isfinite(value))
    return {
        {},
        {},
        fmt::format("its last line \"{}\" is neither a number nor JSON with \"score\"", line.substr(0, 80))};
  return {value, {}, ""};
}

int run_evaluator_benchmark(const EvaluatorOptions& o, Json& document, std::string& text) {
  if (o.command != kOwn) CommandTemplate(o.command, kEvaluatorNames, kEvaluatorNames);
  std::vector<SuiteClip> clips = suite_clips(o);
  if (o.dry_run) {
    const int64_t missing = o.overwrite ? int64_t(clips.size()) : missing_of_suite(o, clips);
    document = {{"clips", clips.size()}, {"to_make", missing}};
    text = fmt::format("{} clips in {}: {} to make, {} there already\n", clips.size(),
                       (o.folder / "clips").string(), missing, int64_t(clips.size()) - missing);
    return 0;
  }
  const int64_t made = make_suite(o, clips);
  if (o.clips_only) {
    document = {{"clips", clips.size()}, {"made", made}, {"labels", (o.folder / "labels.csv").string()}};
    text = fmt::format("{} clips in {}, {} of them new; what they are: {}\n", clips.size(),
                       (o.folder / "clips").string(), made, (o.folder / "labels.csv").string());
    return 0;
  }
  const SuiteReport report = suite_report(o, evaluator_name(o), scored_suite(o, clips));
  document = to_json(report);
  text = to_markdown(report);
  write_atomic(o.folder / "benchmark.json", document.dump(1) + "\n");
  write_atomic(o.folder / "benchmark.csv", to_csv(report));
  write_atomic(o.folder / "clips.csv", clips_csv(o, report));
  write_atomic(o.folder / "index.html", suite_page(o, report));
  return report.failed ? 1 : 0;
}

}  // namespace orrery
