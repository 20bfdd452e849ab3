// orrery score CLIP...: is what moves in these clips physically consistent?
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "codecs/decoder.h"
#include "core/files.h"
#include "core/progress.h"
#include "physics_eval/report.h"
#include "physics_eval/thresholds.h"

namespace orrery {
namespace {

using namespace physics_eval;

struct ScoreOptions {
  std::vector<std::string> clips;
  EvaluateOptions evaluate;
  bool json = false, quiet = false;
  std::string tracks;
  double min_score = 0;
};

constexpr int kBelowMinimum = 3;  // exit code

struct Totals {
  Json clips = Json::array();
  std::string csv = tracks_csv_header();
  int failed = 0, below = 0;
};

Evaluation evaluate_file(const std::string& path, const ScoreOptions& options) {
  const VideoInfo info = open_decoder(path)->info();
  // The decoder scales and converts in one go: half of the time for 1080p.
  DecodeOptions decode;
  decode.max_width = int(kWorkingWidth.value);
  const auto source = open_decoder(path, decode);
  const int64_t expected = info.duration > 0 && info.fps > 0 ? int64_t(info.duration * info.fps + 0.5) : 0;
  Progress progress(path, expected, "frames", options.quiet);
  EvaluateOptions evaluate_options = options.evaluate;
  evaluate_options.pixel_factor = double(info.width) / source->info().width;
  evaluate_options.progress = [&](int frames) { progress.update(frames); };
  Evaluation evaluation = evaluate(*source, evaluate_options);
  progress.finish();
  return evaluation;
}

void score_clip(const std::string& path, const ScoreOptions& options, Totals& totals) {
  try {
    const Evaluation evaluation = evaluate_file(path, options);
    totals.below += !evaluation.score || *evaluation.score < options.min_score;
    if (options.json) totals.clips.push_back(to_json(evaluation, path, true));
    else fmt::print("{}", to_text(evaluation, path));
    if (!options.tracks.empty()) totals.csv += tracks_csv(evaluation, path);
  } catch (const std::exception& error) {
    ++totals.failed;
    std::fprintf(stderr, "orrery: %s\n", error.what());
    if (options.json) totals.clips.push_back({{"path", path}, {"verdict", "error"}, {"score", nullptr}, {"error", error.what()}});
  }
  std::fflush(stdout);
}

int run_score(const ScoreOptions& options) {
  Totals totals;
  for (const std::string& path : options.clips) score_clip(path, options, totals);
  if (options.json) fmt::print("{}\n", Json{{"evaluator", evaluator_json()}, {"clips", totals.clips}}.dump(1));
  if (!options.tracks.empty()) write_atomic(options.tracks, totals.csv);
  if (totals.failed) return 1;
  return options.min_score > 0 && totals.below ? kBelowMinimum : 0;
}

}  // namespace

std::function<int()> setup_score(CLI::App& app) {
  auto options = std::make_shared<ScoreOptions>();
  app.add_option("clips", options->clips, "video files")->required()->type_name("CLIP");
  app.add_flag("--json", options->json, "one JSON document on standard output, with tracks");
  app.add_option("--scale", options->evaluate.scale_px_per_m, "pixels per metre: gives g in m/s^2")->check(CLI::PositiveNumber);
  app.add_option("--fps", options->evaluate.fps, "frames per second, instead of the file's times (slow motion)")->check(CLI::PositiveNumber);
  app.add_option("--tracks", options->tracks, "write positions of all objects to this CSV file");
  app.add_option("--min-score", options->min_score, "exit code 3 if a clip scores less or cannot be judged")->check(CLI::Range(0.0, 100.0));
  app.add_flag("--quiet", options->quiet, "no progress line");
  app.footer(
      "Score: 0 to 100; \"insufficient evidence\" when nothing moves or nothing can be judged.\n"
      "Exit code: 0, 1 if a file cannot be read (the others are still scored), 3 below --min-score.\n"
      "Examples:\n"
      "  orrery score clip.mp4\n"
      "  orrery score clips/*.mp4 --json > scores.json\n"
      "  orrery score out.mp4 --scale 32             # this program's own clips: 32 px per metre\n"
      "  orrery score phone.mp4 --fps 240 --tracks tracks.csv");
  return [options] { return run_score(*options); };
}

}  // namespace orrery
