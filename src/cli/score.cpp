// orrery score CLIP|FOLDER...: is what moves in these clips physically consistent?
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <mutex>
#include <optional>

#include "cli/clip_files.h"
#include "cli/commands.h"
#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "physics_eval/html_report.h"
#include "physics_eval/overlay.h"
#include "physics_eval/report.h"

namespace orrery {
namespace {

struct ScoreOptions {
  std::vector<std::string> clips;
  physics_eval::EvaluateOptions evaluate;
  std::vector<int> box, region;
  std::string expect, csv, report, overlay, tracks, tracks_in;
  bool json = false, quiet = false;
  double min_score = 0;
};

constexpr int kBelowMinimum = 3;    // exit code
constexpr int kPictureWidth = 480;  // px, of the report

// One clip: an evaluation, or why there is none.
struct Scored {
  std::string path, error;
  physics_eval::Evaluation evaluation;
};

physics_eval::Evaluation evaluate_file(const std::string& path, const ScoreOptions& options, bool alone) {
  std::optional<Progress> progress;
  physics_eval::EvaluateOptions evaluate_options = options.evaluate;
  evaluate_options.progress = [&](int frames) { progress->update(frames); };
  constexpr int kDecoderThreads = 4;  // more than cores: the decoder waits while a frame is converted
  return evaluate_clip(path, evaluate_options, alone ? kDecoderThreads : 1, 0, [&](const VideoInfo& info) {
    const int64_t expected = info.duration > 0 && info.fps > 0 ? int64_t(info.duration * info.fps + 0.5) : 0;
    progress.emplace(path, expected, "frames", options.quiet || !alone);
  });
}

Scored score_clip(const std::string& path, const ScoreOptions& options, bool alone) {
  Scored out{path, "", {}};
  try {
    if (options.tracks_in.empty()) out.evaluation = evaluate_file(path, options, alone);
    else
      out.evaluation = physics_eval::evaluate_tracks(
          physics_eval::read_tracks_csv(read_text(options.tracks_in), options.tracks_in, options.clips.size() > 1 ? path : ""),
          options.evaluate);
  } catch (const std::exception& error) {
    out.error = error.what();
  }
  return out;
}

std::vector<Scored> score_all(const ScoreOptions& options) {
  const int64_t n = int64_t(options.clips.size());
  std::vector<Scored> out(options.clips.size());
  Progress progress("score", n, "clips", options.quiet || n < 2);
  std::mutex mutex;
  int64_t done = 0;
  parallel_for_dynamic(n, [&](int64_t i) {
    out[size_t(i)] = score_clip(options.clips[size_t(i)], options, n == 1);
    const std::lock_guard lock(mutex);
    progress.update(++done);
  });
  progress.finish();
  return out;
}

// One row a clip, one column a law, then what was measured.
std::string table_csv(const std::vector<Scored>& clips) {
  std::string out = "path,verdict,score,low,high,coverage,violations";
  const Scored* full = nullptr;
  for (const Scored& c : clips)
    if (!full && !c.evaluation.laws.empty()) full = &c;
  if (full)
    for (const physics_eval::LawResult& law : full->evaluation.laws) out.append(1, ',').append(law.name);
  out += ",g_px_s2,g_m_s2,restitution,period_s,mass_ratio\n";
  const auto cell = [](const std::optional<double>& v, double scale) {
    return v ? fmt::format("{:.4g}", *v * scale) : std::string();
  };
  for (const Scored& c : clips) {
    const physics_eval::Evaluation& e = c.evaluation;
    const auto& interval = e.intervals.score;
    out += fmt::format(
        "{},{},{},{},{},{:.3f},{}", csv_quoted(c.path), c.error.empty() ? physics_eval::verdict_name(e.verdict) : "error",
        cell(e.score, 1), interval ? fmt::format("{:.4g}", (*interval)[0]) : "",
        interval ? fmt::format("{:.4g}", (*interval)[1]) : "", e.coverage, e.violations.size());
    if (full)
      for (size_t k = 0; k < full->evaluation.laws.size(); ++k)
        out += fmt::format(",{}", k < e.laws.size() ? cell(e.laws[k].score, 100) : "");
    out += fmt::format(",{},{},{},{},{}\n", cell(e.estimates.g_px_s2, 1), cell(e.g_m_s2, 1),
                       cell(e.estimates.restitution, 1), cell(e.estimates.period_s, 1),
                       cell(e.estimates.mass_ratio, 1));
  }
  return out;
}

void write_report(const std::vector<Scored>& clips, const ScoreOptions& options) {
  std::vector<physics_eval::ReportClip> pages;
  for (const Scored& c : clips) {
    physics_eval::ReportClip page{c.path, c.evaluation, {}, c.error};
    if (c.error.empty() && fs::is_regular_file(c.path) && c.path != options.tracks_in)
      page.pictures = read_pictures(c.path, physics_eval::report_frames(c.evaluation), kPictureWidth);
    pages.push_back(std::move(page));
  }
  write_atomic(options.report, physics_eval::html_report(pages));
}

void write_overlay(const Scored& clip, const std::string& path) {
  const auto source = open_decoder(clip.path);
  const VideoInfo& info = source->info();
  EncodeOptions encode;
  encode.fps = info.fps > 0 ? info.fps : 24;
  const auto sink = open_encoder(path, info.width, info.height, encode);
  Progress progress("overlay", clip.evaluation.frames, "frames");
  Frame frame;
  for (int index = 0; source->next(frame); ++index) {
    physics_eval::draw_overlay(clip.evaluation, index, frame);
    sink->write(frame);
    progress.update(index + 1);
  }
  sink->finish();
  progress.finish();
}

void print(const std::vector<Scored>& clips, const ScoreOptions& options) {
  Json list = Json::array();
  physics_eval::Scores scores;
  for (const Scored& c : clips) {
    if (!c.error.empty()) std::fprintf(stderr, "orrery: %s\n", c.error.c_str());
    scores.push_back({c.path, c.error.empty() ? c.evaluation.score : std::nullopt});
    if (options.json)
      list.push_back(c.error.empty() ? to_json(c.evaluation, c.path, true) : physics_eval::failed_json(c.path, c.error));
    else if (c.error.empty()) fmt::print("{}", physics_eval::to_text(c.evaluation, c.path));
  }
  if (options.json) {
    Json document = {{"evaluator", physics_eval::evaluator_json()}, {"clips", list}};
    if (clips.size() > 1) document["folders"] = physics_eval::summary_json(scores);
    fmt::print("{}\n", document.dump(1));
  } else if (clips.size() > 1) {
    fmt::print("{}", physics_eval::ranking_text(scores));
  }
  std::fflush(stdout);
}

cv::Rect rect_of(const std::vector<int>& v, const char* option) {
  if (v.empty()) return {};
  if (v.size() != 4 || v[2] <= 0 || v[3] <= 0)
    fail_usage("{}: expected X,Y,W,H in pixels with W and H above 0", option);
  return {v[0], v[1], v[2], v[3]};
}

// Before the work, not after it.
void check_folder(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  if (!file.empty() && !folder.empty() && !fs::is_directory(folder))
    fail_usage("cannot write {}: folder {} does not exist", file, folder.string());
}

void check_positive(double value, const char* option, const char* example) {
  if (!(value > 0 && value < 1e9))
    fail_usage("{}: expected a number above 0, as in {} {}", option, option, example);
}

void check(ScoreOptions& options) {
  for (const std::string& file : {options.csv, options.report, options.overlay, options.tracks})
    check_folder(file);
  options.evaluate.box = rect_of(options.box, "--box");
  options.evaluate.region = rect_of(options.region, "--region");
  options.evaluate.expect_motion = options.expect == "motion";
  if (options.clips.empty() && options.tracks_in.empty())
    fail_usage("score: name a clip or a folder, or give --tracks-in");
  if (options.clips.empty()) options.clips = {options.tracks_in};
  else options.clips = expand_clips(options.clips);
  if (!options.overlay.empty() && (options.clips.size() != 1 || options.clips[0] == options.tracks_in))
    fail_usage("--overlay: takes one clip, not {}", options.clips.size());
  if (!options.overlay.empty()) check_video_extension(options.overlay);
}

int run_score(ScoreOptions options) {
  check(options);
  const std::vector<Scored> clips = score_all(options);
  print(clips, options);
  bool failed = false, below = false;
  std::string tracks = physics_eval::tracks_csv_header();
  for (const Scored& c : clips) {
    failed |= !c.error.empty();
    below |= c.error.empty() && (!c.evaluation.score || *c.evaluation.score < options.min_score);
    if (!options.tracks.empty()) tracks += physics_eval::tracks_csv(c.evaluation, c.path);
  }
  if (!options.tracks.empty()) write_atomic(options.tracks, tracks);
  if (!options.csv.empty()) write_atomic(options.csv, table_csv(clips));
  if (!options.report.empty()) write_report(clips, options);
  if (!options.overlay.empty() && clips[0].error.empty()) write_overlay(clips[0], options.overlay);
  if (failed) return 1;
  return options.min_score > 0 && below ? kBelowMinimum : 0;
}

}  // namespace

std::function<int()> setup_score(CLI::App& app) {
  auto options = std::make_shared<ScoreOptions>();
  app.add_option("clips", options->clips, "video files, or folders of them")->type_name("CLIP|FOLDER");
  app.add_flag("--json", options->json,
               "one JSON document on standard output, with tracks (schema: physics_eval/README.md)");
  app.add_option("--csv", options->csv, "write a table, one row a clip and one column a law, to this file");
  app.add_option("--report", options->report,
                 "write a self-contained HTML page: laws, plots, frames around violations");
  app.add_option("--overlay", options->overlay, "write the clip with the tracks drawn into it (one clip)");
  app.add_option("--tracks", options->tracks, "write positions of all objects to this CSV file");
  app.add_option("--tracks-in", options->tracks_in, "judge these positions instead of looking for objects")
      ->check(CLI::ExistingFile);
  app.add_option("--box", options->box, "judge only what is inside this box in the first frame, px")
      ->delimiter(',')
      ->expected(4)
      ->type_name("X,Y,W,H");
  app.add_option("--region", options->region, "look only inside this part of the picture, px")
      ->delimiter(',')
      ->expected(4)
      ->type_name("X,Y,W,H");
  const auto positive = [&app](const char* name, double& value, const char* help, const char* example) {
    app.add_option_function<double>(
        name, [&value, name, example](double v) { check_positive(v, name, example), value = v; }, help);
  };
  positive("--scale", options->evaluate.scale_px_per_m,
           "pixels per metre: gives g in m/s^2. A ball of 0.1 m that is 130 px wide: 1300", "1300");
  positive("--fps", options->evaluate.fps, "frames per second, instead of the file's times", "240");
  positive("--slowmo", options->evaluate.slow_motion, "the clip plays this many times slower than it was",
           "8");
  app.add_option("--expect", options->expect,
                 "motion: where nothing moves the score is 0, as a benchmark of generators wants")
      ->check(CLI::IsMember({"motion"}));
  app.add_option("--min-score", options->min_score, "exit code 3 if a clip scores less or cannot be judged")
      ->check(CLI::Range(0.0, 100.0));
  app.add_flag("--quiet", options->quiet, "no progress line");
  app.footer(
      "Score: 0 to 100; \"insufficient evidence\" when nothing moves or nothing can be judged.\n"
      "Exit code: 0, 1 if a file cannot be read (the others are still scored), 3 below --min-score.\n"
      "Examples:\n"
      "  orrery score clip.mp4\n"
      "  orrery score clips/ --json > scores.json    # every video below clips/, in parallel\n"
      "  orrery score clip.mp4 --report clip.html\n"
      "  orrery score out.mp4 --scale 32             # this program's own clips: 32 px per metre\n"
      "  orrery score phone.mp4 --slowmo 8 --tracks tracks.csv");
  return [options] { return run_score(*options); };
}

}  // namespace orrery
