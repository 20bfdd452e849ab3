// Generated clips beside the simulator's rendering of the same sampled scenes: one contact sheet of twelve
// prompts, and one of the worst of many by place error.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/common.h"
#include "codecs/contact_sheet.h"
#include "codecs/png.h"
#include "codecs/resize.h"
#include "core/files.h"
#include "core/progress.h"
#include "models/rollout.h"
#include "world/captions.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

constexpr std::array<std::string_view, 12> kPrompts = {
    "a red ball falls to the floor",
    "a big blue rubber ball drops and bounces",
    "a small yellow box falls next to a green ball",
    "an orange ball is thrown to the right",
    "a purple ball rolls slowly across the floor to the left",
    "a blue box slides across the floor and comes to rest",
    "a red ball rolls down a ramp",
    "a green wooden box slides down a slope",
    "two balls roll toward each other and collide",
    "a white ball hits a black box",
    "a pink box rests on the floor",
    "three balls bounce on the floor",
};

struct Pair {
  PlannedClip clip;
  Trajectory truth, guess;
  double error_1s = 0, error_3s = 0, largest = 0;  // m, the worst object in view
  std::string where;                               // of the largest
};

// NaN when nothing is in view any more.
double error_at(const Pair& p, int frame) {
  double worst = NAN;
  for (int k = 0; k < p.truth.num_objects; ++k) {
    const ObjectState &a = p.truth.at(frame, k), &b = p.guess.at(frame, k);
    if (in_view(a.x, a.y)) worst = std::fmax(worst, std::hypot(a.x - b.x, a.y - b.y));
  }
  return worst;
}

Pair make_pair(const Generator& generator, const Options& o, const std::string& prompt, uint64_t seed,
               double seconds) {
  Pair p;
  p.clip = generator.plan(prompt, seed, o.temperature, chunks_for(seconds));
  p.truth = simulate(p.clip.scene, p.clip.num_frames() + 1);
  p.guess = trajectory_of(p.clip.scene, p.clip.chunks);
  const int last = p.truth.num_frames() - 1;
  p.error_1s = error_at(p, std::min(24, last));
  p.error_3s = error_at(p, std::min(72, last));
  for (int f = 1; f <= last; ++f)
    if (const double e = error_at(p, f); e > p.largest) {
      p.largest = e;
      p.where = fmt::format("{:.2f} m at {:.2f} s", e, f / kFramesPerSecond);
    }
  return p;
}

Frame small(const Frame& frame, int shrink) {
  return shrink == 1 ? frame : resize(frame, kFrameWidth / shrink, kFrameHeight / shrink);
}

std::string metres(double error) {
  return std::isnan(error) ? "out of view" : fmt::format("{:.3f} m", error);
}

// One row a pair: generated frames, then the simulator's at the same instants.
void add_row(const Generator& generator, Pair& p, int columns, int shrink, std::vector<Frame>& cells,
             ContactSheetOptions& sheet) {
  const std::vector<Frame> frames = frames_of(generator, p.clip);
  const Renderer renderer(p.clip.scene);
  const std::vector<int> shown = spread_indices(int(frames.size()), columns);
  for (int i : shown) cells.push_back(small(frames[size_t(i)], shrink));
  for (int i : shown)
    cells.push_back(
        small(renderer.frame(std::span(&p.truth.at(i + 1, 0), size_t(p.truth.num_objects))), shrink));
  for (const char* source : {"generated", "simulator"})
    for (int i : shown)
      sheet.captions.push_back(fmt::format("{} {:.2f} s", source, frames[size_t(i)].seconds));
  sheet.row_captions.push_back(fmt::format("{} (seed {}; worst object off by: {} at 1 s, {} at 3 s)",
                                           p.clip.prompt, p.clip.seed, metres(p.error_1s),
                                           metres(p.error_3s)));
}

void write_sheet(const Generator& generator, std::vector<Pair>& pairs, int columns, int shrink,
                 const std::string& path) {
  std::vector<Frame> cells;
  ContactSheetOptions sheet;
  sheet.columns = 2 * columns;
  for (Pair& p : pairs) add_row(generator, p, columns, shrink, cells, sheet);
  write_png(path, contact_sheet(cells, sheet), {{"model", generator.hash()}});
}

Json describe_pair(const Pair& p) {
  Json objects = Json::array();
  for (const ObjectSpec& o : p.clip.scene.objects) objects.push_back(describe(o));
  return {{"prompt", p.clip.prompt},           {"seed", p.clip.seed}, {"error_1s_m", p.error_1s},
          {"error_3s_m", p.error_3s},          {"largest", p.where},  {"gravity", p.clip.scene.gravity},
          {"ramp", p.clip.scene.ramp.present}, {"objects", objects}};
}

void report_pairs(const std::string& title, const std::string& key, const std::vector<Pair>& pairs,
                  Report& report) {
  Table t{title, {"prompt", "seed", "scene", "1 s", "3 s", "largest"}, {}};
  for (const Pair& p : pairs) {
    std::string scene = p.clip.scene.ramp.present ? "ramp; " : "";
    for (const ObjectSpec& o : p.clip.scene.objects) scene += describe(o) + "; ";
    t.rows.push_back(
        {p.clip.prompt, std::to_string(p.clip.seed), scene, metres(p.error_1s), metres(p.error_3s), p.where});
    report.figures[key].push_back(describe_pair(p));
  }
  report.print(t);
}

// The worst of `count` clips from held-out prompts, nothing left out.
std::vector<Pair> find_worst(const Generator& generator, const Options& o, double seconds, size_t worst,
                             Report& report) {
  const auto prompts = held_out_prompts(o.count, o.seed);
  std::vector<Pair> kept;
  std::vector<double> at_1s, at_3s;
  Progress progress("worst", o.count, "clips");
  for (int i = 0; i < o.count; ++i) {
    kept.push_back(make_pair(generator, o, prompts[size_t(i)].text, o.seed + uint64_t(i), seconds));
    at_1s.push_back(kept.back().error_1s), at_3s.push_back(kept.back().error_3s);
    std::ranges::sort(kept, std::greater{}, &Pair::largest);
    if (kept.size() > worst) kept.pop_back();
    progress.update(i + 1);
  }
  progress.finish();
  report.print(fmt::format(
      "{} clips from held-out prompts, worst object of each: {} m at 1 s, {} m at 3 s (median / p90).",
      o.count, spread(at_1s), spread(at_3s)));
  report.figures["all"] = {{"1s", spread_json(at_1s)}, {"3s", spread_json(at_3s)}};
  return kept;
}

struct SheetOptions {
  std::string out = "side_by_side.png", worst_out = "worst.png";
  int worst = 5, columns = 4, shrink = 2;
  double seconds = 4;
};

void run(const Options& o, const SheetOptions& s) {
  const Generator generator(o.model);
  Report report("Generated clips beside the simulator's rendering of the same scenes", o, &generator);
  std::vector<Pair> pairs;
  for (size_t i = 0; i < kPrompts.size(); ++i)
    pairs.push_back(make_pair(generator, o, std::string(kPrompts[i]), o.seed + i, s.seconds));
  write_sheet(generator, pairs, s.columns, s.shrink, s.out);
  report_pairs(fmt::format("Twelve prompts, {}: place error of the worst object in metres",
                           fs::path(s.out).filename().string()),
               "twelve", pairs, report);
  if (s.worst > 0) {
    std::vector<Pair> worst = find_worst(generator, o, s.seconds, size_t(s.worst), report);
    write_sheet(generator, worst, s.columns, s.shrink, s.worst_out);
    report_pairs(fmt::format("The worst {}, {}", worst.size(), fs::path(s.worst_out).filename().string()),
                 "worst", worst, report);
  }
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Contact sheets: generated beside simulated", "side_by_side");
  Options options;
  SheetOptions sheet;
  options.seed = 1;
  add_options(app, options, 100, "clips among which the worst are looked for");
  app.add_option("--out", sheet.out, "PNG of the twelve prompts")->capture_default_str();
  app.add_option("--worst-out", sheet.worst_out, "PNG of the worst")->capture_default_str();
  app.add_option("--worst", sheet.worst, "how many of the worst to show")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--columns", sheet.columns, "frames of a clip")
      ->check(CLI::Range(2, 96))
      ->capture_default_str();
  app.add_option("--shrink", sheet.shrink, "1: full size")->check(CLI::Range(1, 8))->capture_default_str();
  app.add_option("--seconds", sheet.seconds, "of a clip")->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, sheet); });
}
