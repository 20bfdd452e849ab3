// Does the evaluator deserve trust? Parameter errors and coverage of its intervals, violations at doses
// written down beforehand (area under the ROC curve against the same scene unbroken), lawful oddities that it
// must let pass, controls that must not win, and third-party clips where they are present.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench/common.h"
#include "cli/world/validation_controls.h"
#include "cli/world/validation_suites.h"
#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "codecs/resize.h"
#include "core/files.h"
#include "core/progress.h"
#include "physics_eval/evaluate.h"
#include "physics_eval/thresholds.h"

namespace orrery::bench {
namespace {

using physics_eval::evaluate;
using physics_eval::EvaluateOptions;
using physics_eval::Evaluation;
using physics_eval::Verdict;

Evaluation scored(const std::vector<Frame>& frames, bool intervals = false) {
  MemorySource source(frames);
  EvaluateOptions options;
  options.scale_px_per_m = kPixelsPerMeter * frames[0].width / kFrameWidth;
  options.expect_motion = true;
  options.intervals = intervals;
  return evaluate(source, options);
}

std::vector<Frame> reencoded(const std::vector<Frame>& frames, int crf) {
  const fs::path path = fs::temp_directory_path() / fmt::format("orrery-validation-{}.mp4", crf);
  EncodeOptions encode;
  encode.crf = crf;
  const auto sink = open_encoder(path, frames[0].width, frames[0].height, encode);
  for (const Frame& frame : frames) sink->write(frame);
  sink->finish();
  std::vector<Frame> out;
  const auto source = open_decoder(path);
  for (Frame frame; source->next(frame);) out.push_back(frame);
  fs::remove(path);
  return out;
}

// 1. Parameters.

std::vector<Frame> every(std::vector<Frame> frames, size_t step) {
  std::vector<Frame> out;
  for (size_t i = 0; i < frames.size(); i += step) out.push_back(std::move(frames[i]));
  return out;
}

std::vector<Frame> resized(std::vector<Frame> frames, int times, int over) {
  for (Frame& frame : frames) {
    const double seconds = frame.seconds;
    frame = resize(frame, frame.width * times / over, frame.height * times / over);
    frame.seconds = seconds;
  }
  return frames;
}

struct Nuisance {
  const char* name;
  std::function<std::vector<Frame>(std::vector<Frame>)> apply;
};

const std::vector<Nuisance>& nuisances() {
  static const std::vector<Nuisance> all = {
      {"none", [](std::vector<Frame> f) { return f; }},
      {"noise 6",
       [](std::vector<Frame> f) {
         for (size_t i = 0; i < f.size(); ++i) add_noise(f[i], 6, i);
         return f;
       }},
      {"blur 3x3",
       [](std::vector<Frame> f) {
         for (Frame& frame : f) add_blur(frame);
         return f;
       }},
      {"H.264 crf 30", [](std::vector<Frame> f) { return reencoded(f, 30); }},
      {"12 fps", [](std::vector<Frame> f) { return every(std::move(f), 2); }},
      {"8 fps", [](std::vector<Frame> f) { return every(std::move(f), 3); }},
      {"a half of the size", [](std::vector<Frame> f) { return resized(std::move(f), 1, 2); }},
      {"twice the size", [](std::vector<Frame> f) { return resized(std::move(f), 2, 1); }}};
  return all;
}

void parameters(const Options& options, Report& report) {
  Table table{"Parameters: relative error of g, error of restitution, coverage of the 95 % interval of g",
              {"nuisance", "clips", "g: median / p90", "restitution: median / p90", "interval holds g",
               "error in half intervals, rms", "not identified"},
              {}};
  for (const Nuisance& nuisance : nuisances()) {
    std::vector<double> g_errors, e_errors;
    Share held;
    int missing = 0;
    double squares = 0;
    for (int i = 0; i < options.count; ++i) {
      const uint64_t seed = options.seed + uint64_t(i);
      const Base base = base_of(seed);
      const Evaluation e = scored(nuisance.apply(drawn(dressed(base.plan(), seed))), true);
      if (!e.g_m_s2 || !e.intervals.g_px_s2) {
        ++missing;
        continue;
      }
      g_errors.push_back(std::abs(*e.g_m_s2 / base.g - 1));
      const double true_px = *e.estimates.g_px_s2 / *e.g_m_s2 * base.g;
      const auto [low, high] = *e.intervals.g_px_s2;
      held.add(low <= true_px && true_px <= high);
      squares += std::pow((true_px - 0.5 * (low + high)) / (0.5 * (high - low)), 2);
      if (e.estimates.restitution) e_errors.push_back(std::abs(*e.estimates.restitution - base.e));
    }
    const double rms = std::sqrt(squares / std::max(1, options.count - missing));  // 0.51 where an interval of 95 % is as wide as it should be
    table.rows.push_back({nuisance.name, fmt::to_string(options.count), spread(g_errors, 4),
                          spread(e_errors, 4), held.text(), fmt::format("{:.2f}", rms), fmt::to_string(missing)});
    report.figures["parameters"][nuisance.name] = {{"g_error", spread_json(g_errors)},
                                                   {"restitution_error", spread_json(e_errors)},
                                                   {"coverage", held.json()},
                                                   {"error_in_half_intervals", rms},
                                                   {"missing", missing}};
  }
  report.print(table);
}

void add_parameter(const char* name, const std::vector<double>& errors, int count, Table& table,
                   Report& report) {
  table.rows.push_back(
      {name, fmt::to_string(count), spread(errors, 4), fmt::to_string(count - int(errors.size()))});
  report.figures["other_parameters"][name] = spread_json(errors);
}

// Period of a pendulum and mass ratio of two balls that collide.
void other_parameters(const Options& options, Report& report) {
  Table table{
      "Other parameters: relative error", {"parameter", "clips", "median / p90", "not identified"}, {}};
  std::vector<double> periods, ratios;
  for (int i = 0; i < options.count; ++i) {
    const uint64_t seed = options.seed + 4000 + uint64_t(i);
    const Base base = base_of(seed);
    const double length = base.y[0] - 2;
    const Evaluation swing = scored(drawn(dressed(pendulum_plan(base, length), seed), kPendulumFrames));
    if (swing.estimates.period_s)
      periods.push_back(std::abs(*swing.estimates.period_s / (2 * M_PI * std::sqrt(length / base.g)) - 1));
    const double ratio = 0.4 + base.e;
    const Evaluation hit = scored(drawn(dressed(collision_plan(base, ratio), seed)));
    if (hit.estimates.mass_ratio)
      ratios.push_back(std::min(std::abs(*hit.estimates.mass_ratio / ratio - 1),
                                std::abs(*hit.estimates.mass_ratio * ratio - 1)));
  }
  add_parameter("period of a pendulum", periods, options.count, table, report);
  add_parameter("mass ratio", ratios, options.count, table, report);
  report.print(table);
}

// 2. Violations.

double score_value(const Evaluation& e) { return e.score.value_or(50); }

// What the scenes say about one kind of violation.
struct Found {
  std::vector<double> clean;
  std::array<std::vector<double>, 3> broken;
  std::array<Share, 3> called;
  Share alarms;
};

void try_scene(const Violation& v, uint64_t seed, Found& found) {
  const Base base = base_of(seed);
  const Evaluation whole = scored(drawn(dressed(sham(v, base), seed)));
  found.clean.push_back(score_value(whole));
  found.alarms.add(whole.verdict == Verdict::kInconsistent);
  for (size_t d = 0; d < 3; ++d) {
    const Evaluation e = scored(drawn(dressed(v.make(base, v.doses[d]), seed)));
    found.broken[d].push_back(score_value(e));
    found.called[d].add(e.verdict == Verdict::kInconsistent);
  }
}

std::vector<std::string> row_of(const Violation& v, const Found& found, Json& figures) {
  std::vector<std::string> row{
      v.name, fmt::format("{:g}, {:g}, {:g} {}", v.doses[0], v.doses[1], v.doses[2], v.unit)};
  Json areas = Json::array();
  for (size_t d = 0; d < 3; ++d) {
    const double area = area_under_curve(found.clean, found.broken[d]);
    const auto [low, high] = area_interval(found.clean, found.broken[d]);
    row.push_back(fmt::format("{:.2f} [{:.2f}, {:.2f}]", area, low, high));
    areas.push_back({{"dose", v.doses[d]},
                     {"auc", area},
                     {"low", low},
                     {"high", high},
                     {"called", found.called[d].json()}});
  }
  row.push_back(fmt::format("{}, {}, {} of {}", found.called[0].hits, found.called[1].hits,
                            found.called[2].hits, found.clean.size()));
  row.push_back(found.alarms.text());
  figures = {{"areas", areas}, {"false_alarms", found.alarms.json()}};
  return row;
}

// --kind: only the rows whose name contains it.
bool chosen(const std::string& kind, const char* name) {
  return std::string_view(name).find(kind) != std::string_view::npos;
}

void find_violations(const Options& options, const std::string& kind, Report& report) {
  Table table{
      "Violations: area under the ROC curve at each dose (95 % over scenes), and false alarms of the "
      "unbroken scene",
      {"violation", "doses", "low", "middle", "high", "called inconsistent", "unbroken called inconsistent"},
      {}};
  std::vector<double> middle;
  const auto rows = std::count_if(violations().begin(), violations().end(),
                                  [&](const Violation& v) { return chosen(kind, v.name); });
  Progress progress("violations", int64_t(rows) * options.count, "scenes");
  int64_t done = 0;
  for (const Violation& v : violations()) {
    if (!chosen(kind, v.name)) continue;
    Found found;
    for (int i = 0; i < options.count; ++i) {
      try_scene(v, options.seed + 1000 + uint64_t(i), found);
      progress.update(++done);
    }
    table.rows.push_back(row_of(v, found, report.figures["violations"][v.name]));
    middle.push_back(area_under_curve(found.clean, found.broken[1]));
  }
  progress.finish();
  report.print(table);
  if (middle.empty()) return;
  const double mean = std::accumulate(middle.begin(), middle.end(), 0.0) / double(middle.size());
  report.figures["middle_dose_mean_auc"] = mean;
  report.print(fmt::format("Middle dose: mean {:.3f} (goal 0.97), least {:.2f} (goal 0.9).", mean,
                           *std::min_element(middle.begin(), middle.end())));
}

// 3. Innocents.

void let_innocents_pass(const Options& options, const std::string& kind, Report& report) {
  Table table{"Innocents: called inconsistent (95 % Wilson)",
              {"oddity", "called inconsistent", "not judged", "score: median / p10"},
              {}};
  std::string accused;
  for (const Innocent& innocent : innocents()) {
    if (!chosen(kind, innocent.name)) continue;
    Share alarms;
    int silent = 0;
    std::vector<double> scores;
    for (int i = 0; i < options.count; ++i) {
      const uint64_t seed = options.seed + 2000 + uint64_t(i);
      const Base base = base_of(seed);
      const Evaluation e = scored(drawn(dressed(innocent.make(base), seed)));
      alarms.add(e.verdict == Verdict::kInconsistent);
      if (e.verdict == Verdict::kInconsistent && !e.violations.empty())
        accused += fmt::format("\n- {}, scene {}: {} in frame {}: {}", innocent.name, i, e.violations[0].kind, e.violations[0].frame, e.violations[0].detail);
      silent += !e.score;
      scores.push_back(score_value(e));
    }
    table.rows.push_back({innocent.name, alarms.text(), fmt::to_string(silent), spread(scores, 0, 0.1)});
    report.figures["innocents"][innocent.name] = alarms.json();
  }
  report.print(table);
  if (!accused.empty()) report.print("Accused wrongly:" + accused);
}

// 4. Controls.

void controls_must_not_win(const Options& options, Report& report) {
  Table table{"Controls: score with motion expected, beside the true clip's",
              {"control", "clips", "score: median / p90", "scores at least as high as the true clip"},
              {}};
  for (const auto& [name, make] : controls()) {
    std::vector<double> scores;
    Share wins;
    for (int i = 0; i < options.count; ++i) {
      const uint64_t seed = options.seed + 3000 + uint64_t(i);
      const ClipPlan plan = dressed(base_of(seed).plan(), seed);
      const std::vector<Frame> frames = drawn(plan);
      std::vector<Frame> fake = make(frames, plan);
      for (size_t k = 0; k < fake.size(); ++k) fake[k].seconds = frames[k].seconds;
      scores.push_back(score_value(scored(fake)));
      wins.add(scores.back() >= score_value(scored(frames)));
    }
    table.rows.push_back({name, fmt::to_string(options.count), spread(scores, 0), wins.text()});
    report.figures["controls"][name] = {{"scores", spread_json(scores)}, {"wins", wins.json()}};
  }
  report.print(table);
}

// 5. Clips of others.

void real_clips(const std::string& folder, Report& report) {
  if (folder.empty() || !fs::is_directory(folder)) {
    report.print("Third-party clips: folder absent, left out.");
    return;
  }
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() != ".md") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  Table table{
      "Third-party clips (motion expected)", {"clip", "verdict", "score", "coverage", "first violation"}, {}};
  for (const fs::path& path : paths) {
    const VideoInfo info = open_decoder(path)->info();
    DecodeOptions decode;
    decode.max_width = int(physics_eval::kWorkingWidth.value);
    const auto source = open_decoder(path, decode);
    EvaluateOptions options;
    options.pixel_factor = double(info.width) / source->info().width;
    options.expect_motion = true;
    const Evaluation e = evaluate(*source, options);
    table.rows.push_back({path.filename().string(), verdict_name(e.verdict),
                          fmt::format("{:.0f}", score_value(e)), fmt::format("{:.2f}", e.coverage),
                          e.violations.empty() ? "" : e.violations[0].kind});
    report.figures["real"][path.filename().string()] = score_value(e);
  }
  report.print(table);
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Does the physics evaluator deserve trust?", "physics_eval_validation");
  Options options;
  std::string real, only, kind;
  add_options(app, options, 12, "scenes a row");
  app.add_option("--real", real, "folder of third-party clips");
  app.add_option("--kind", kind, "only violations and innocents whose name contains this");
  app.add_option("--only", only, "parameters, violations, innocents, controls or real");
  return run_program(app, argc, argv, options, [&] {
    Report report("Does the physics evaluator deserve trust?", options, nullptr);
    const auto wanted = [&](const char* part) { return only.empty() || only == part; };
    if (wanted("parameters")) parameters(options, report), other_parameters(options, report);
    if (wanted("violations")) find_violations(options, kind, report);
    if (wanted("innocents")) let_innocents_pass(options, kind, report);
    if (wanted("controls")) controls_must_not_win(options, report);
    if (wanted("real")) real_clips(real, report);
    report.finish();
  });
}
