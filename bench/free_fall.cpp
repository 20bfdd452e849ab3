// Which acceleration do generated falls show? 100 unselected clips of falling things, judged by the physics
// evaluator from their pixels; the same from the model's states, and from the simulator's rendering of the
// same scenes.
#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <optional>

#include "bench/common.h"
#include "core/progress.h"
#include "models/rollout.h"
#include "physics_eval/evaluate.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

constexpr double kEarth = 9.81;  // m/s^2: what a prompt that names no other gravity means

// Colour, shape, words: every clip another; nothing is chosen by its outcome.
std::string prompt_of(int i) {
  static constexpr std::array<std::string_view, 4> kForms = {"a {} {} falls", "a {} {} falls to the ground",
                                                             "a {} {} drops to the floor",
                                                             "a {} {} falls from above"};
  const std::string_view color = kColorNames[size_t(i) % kColorNames.size()],
                         shape = i / int(kColorNames.size()) % 2 ? "box" : "ball";
  return fmt::format(fmt::runtime(kForms[size_t(i) / 20 % kForms.size()]), color, shape);
}

// Least squares of y = y0 + v t + a t^2 / 2 until the first contact; empty with under 6 frames.
std::optional<double> acceleration(const Trajectory& t, int object) {
  int n = 0;
  while (n < t.num_frames() && !(n > 0 && t.at(n, object).contact)) ++n;
  n -= 1;  // the frame before the contact may hold a part of it
  if (n < 6) return {};
  Eigen::MatrixXd a(n, 3);
  Eigen::VectorXd y(n);
  for (int f = 0; f < n; ++f) {
    const double s = f / kFramesPerSecond;
    a.row(f) << 1, s, s * s / 2;
    y(f) = t.at(f, object).y;
  }
  return -a.colPivHouseholderQr().solve(y)(2);
}

std::optional<double> from_states(const Trajectory& t) {
  std::vector<double> all;
  for (int k = 0; k < t.num_objects; ++k)
    if (const auto g = acceleration(t, k)) all.push_back(*g);
  if (all.empty()) return {};
  return quantile(all, 0.5);
}

std::optional<double> from_pixels(const std::vector<Frame>& frames) {
  MemorySource source(frames);
  physics_eval::EvaluateOptions options;
  options.scale_px_per_m = kPixelsPerMeter;
  return physics_eval::evaluate(source, options).g_m_s2;
}

std::vector<Frame> rendered(const Scene& scene, const Trajectory& t) {
  const Renderer renderer(scene);
  std::vector<Frame> frames;
  for (int f = 1; f < t.num_frames(); ++f) {
    frames.push_back(renderer.frame(std::span(&t.at(f, 0), size_t(t.num_objects))));
    frames.back().seconds = (f - 1) / kFramesPerSecond;
  }
  return frames;
}

struct Figures {
  std::vector<double> g, error,
      scene_error;  // error: |g / 9.81 - 1|; scene_error: against the sampled gravity
  Share without;
  void add(std::optional<double> value, double scene_gravity) {
    without.add(!value);
    if (!value) return;
    g.push_back(*value);
    error.push_back(std::abs(*value / kEarth - 1));
    scene_error.push_back(std::abs(*value / scene_gravity - 1));
  }
};

void add_row(const std::string& name, const Figures& f, Table& table, Report& report) {
  const auto [low, high] = median_interval(f.error);
  table.rows.push_back(
      {name, std::to_string(f.without.total), spread(f.g, 2),
       fmt::format("{:.1f} % [{:.1f}, {:.1f}]", 100 * quantile(f.error, 0.5), 100 * low, 100 * high),
       fmt::format("{:.1f} %", 100 * quantile(f.error, 0.9)),
       fmt::format("{:.1f} %", 100 * quantile(f.scene_error, 0.5)), f.without.text()});
  report.figures[name] = {{"g_m_s2", spread_json(f.g)},
                          {"error", spread_json(f.error)},
                          {"median_error_low", low},
                          {"median_error_high", high},
                          {"error_to_sampled_gravity", spread_json(f.scene_error)},
                          {"without_evidence", f.without.json()}};
}

void run(const Options& o, double seconds) {
  const Generator generator(o.model);
  Report report("Free fall: acceleration recovered from unselected \"falls\" clips", o, &generator);
  Figures pixels, states, reference;
  std::string missing;
  Progress progress("free_fall", o.count, "clips");
  for (int i = 0; i < o.count; ++i) {
    const std::string prompt = prompt_of(i);
    PlannedClip clip = generator.plan(prompt, o.seed + uint64_t(i), o.temperature, chunks_for(seconds));
    const auto seen = from_pixels(frames_of(generator, clip));
    if (!seen)
      missing += fmt::format("\n- \"{}\" seed {}: {} objects, first {} at height {:.2f} m", prompt, clip.seed,
                             clip.scene.objects.size(), describe(clip.scene.objects[0]),
                             clip.scene.objects[0].foot() - kFloorY);
    pixels.add(seen, clip.scene.gravity);
    states.add(from_states(trajectory_of(clip.scene, clip.chunks)), clip.scene.gravity);
    reference.add(from_pixels(rendered(clip.scene, simulate(clip.scene, clip.num_frames() + 1))),
                  clip.scene.gravity);
    progress.update(i + 1);
  }
  progress.finish();
  Table table{"",
              {"from", "N", "g, m/s^2: median / p90", "error against 9.81: median [95 %]", "p90",
               "median error against the sampled scene's gravity", "without enough evidence"},
              {}};
  add_row("generated pixels", pixels, table, report);
  add_row("model's states", states, table, report);
  add_row("simulator's rendering of the same scenes", reference, table, report);
  report.print(table);
  report.print("Baseline: constant velocity shows g = 0, an error of 100 %.");
  if (!missing.empty()) report.print("Without evidence in the generated pixels:\n" + missing);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Acceleration of free fall recovered from generated clips", "free_fall");
  Options options;
  double seconds = 4;
  options.seed = 1;
  add_options(app, options, 100, "clips");
  app.add_option("--seconds", seconds, "of a clip")->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, seconds); });
}
