// How well are true states drawn? Frames that the patch decoder makes from the simulator's states, against
// the simulator's rendering; beside the background alone and the video tokenizer alone.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>

#include "bench/common.h"
#include "bench/rendered_truth.h"
#include "core/progress.h"
#include "data/token_streams.h"
#include "models/rollout.h"

namespace orrery::bench {
namespace {

constexpr size_t kPixels = size_t(kFrameWidth) * kFrameHeight;

struct Quality {
  std::vector<double> whole, inside;  // dB a clip
  void add(const Truth& truth, const Pixels& frames) {
    whole.push_back(psnr(truth.rgb, frames, nullptr));
    inside.push_back(psnr(truth.rgb, frames, &truth.objects));
  }
};

// Where an object is drawn: distance of its centre of colour from the truth's, in pixels. Scenes of one object.
struct Places {
  std::vector<double> smooth, struck;  // a frame each; struck: of chunks in which something changes its velocity at once
  void add(const Truth& truth, const Pixels& frames);
};

struct Centre {
  double x = 0, y = 0, weight = 0;
};

// Of what differs from the background inside the dilated object.
Centre centre_of(const Truth& truth, const Pixels& frames, size_t frame) {
  Centre c;
  for (size_t p = 0; p < kPixels; ++p) {
    const size_t at = frame * kPixels + p;
    if (!truth.objects[at]) continue;
    double difference = 0;
    for (size_t k = 0; k < 3; ++k) difference += std::abs(double(frames[3 * at + k]) - double(truth.background[3 * at + k]));
    if (difference < 60) continue;
    c.weight += difference, c.x += difference * double(p % kFrameWidth), c.y += difference * double(p / kFrameWidth);
  }
  c.x /= c.weight, c.y /= c.weight;
  return c;
}

void Places::add(const Truth& truth, const Pixels& frames) {
  if (truth.scene.objects.size() != 1) return;
  for (size_t f = 0; f < frames.size() / (3 * kPixels); ++f) {
    const Centre is = centre_of(truth, frames, f), wanted = centre_of(truth, truth.rgb, f);
    if (!(is.weight > 0) || !(wanted.weight > 0)) continue;
    (orrery::struck(truth.trajectory, 0, int(f) / kFramesPerChunk) ? struck : smooth).push_back(std::hypot(is.x - wanted.x, is.y - wanted.y));
  }
}

// The visual pass at one --effort, over all clips.
struct Pass {
  double effort = 1, seconds = 0;  // of the transformer, without the decoder
  Quality quality;
  Places places;
  PatchStats stats;

  void run(const Generator& generator, const Truth& truth, int chunks) {
    GenerationCache cache = cache_of(generator.transformer(), truth, chunks);
    GenerationCache* const one = &cache;
    std::vector<ShownCodes> codes;
    const auto start = std::chrono::steady_clock::now();
    const PatchStats s = generate_codes(
        generator.transformer(), {&one, 1}, chunks,
        [&](size_t, int, const ShownCodes& shown) { codes.push_back(shown); }, effort_of(effort)).front();
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    stats.patches += s.patches, stats.copied += s.copied, stats.pruned += s.pruned;
    Pixels out;
    for (int c = 0; c < chunks; ++c)
      decode_chunk(generator.tokenizer(), codes[c], c, [&](const Frame& f) { out.insert(out.end(), f.rgb.begin(), f.rgb.end()); });
    quality.add(truth, out);
    places.add(truth, out);
  }
};

void print_efforts(const std::vector<Pass>& passes, Report& report) {
  Table t{"The same at less effort: dynamic pruning of unchanged patches. Inside masks: median / p10; the difference is paired",
          {"--effort", "inside masks", "median difference", "patches pruned", "copied in all", "time of the visual pass"}, {}};
  for (const Pass& p : passes) {
    std::vector<double> less;
    for (size_t i = 0; i < p.quality.inside.size(); ++i) less.push_back(p.quality.inside[i] - passes[0].quality.inside[i]);
    const double pruned = double(p.stats.pruned) / double(p.stats.patches), time = p.seconds / passes[0].seconds;
    t.rows.push_back({fmt::format("{}", p.effort), spread(p.quality.inside, 2, 0.1), fmt::format("{:+.3f} dB", quantile(less, 0.5)),
                      fmt::format("{:.1f} %", 100 * pruned), fmt::format("{:.1f} %", 100.0 * double(p.stats.copied) / double(p.stats.patches)),
                      fmt::format("{:+.0f} %", 100 * (time - 1))});
    report.figures["effort"].push_back({{"effort", p.effort}, {"inside_db", spread_json(p.quality.inside)}, {"difference_db", spread_json(less)},
                                        {"pruned", pruned}, {"seconds", p.seconds}});
  }
  report.print(t);
}

void print_places(const Places& model, const Places& tokenizer, Report& report) {
  const auto row = [](const char* name, const Places& p) {
    return std::vector<std::string>{name, spread(p.smooth, 2, 0.9), spread(p.struck, 2, 0.9)};
  };
  report.print(Table{fmt::format("Where an object is drawn: pixels from the truth, median / p90, {} and {} frames of scenes with one object", model.smooth.size(), model.struck.size()),
                     {"", "chunks of smooth motion", "chunks with a blow or a bounce"},
                     {row("pixels from true states", model), row("bound: the tokenizer alone", tokenizer)}});
  report.figures["place_px"] = {{"smooth", spread_json(model.smooth)}, {"struck", spread_json(model.struck)}};
}

void print(const Quality& model, const Quality& background, const Quality& tokenizer, const PatchStats& stats,
           Report& report) {
  std::vector<double> gain;
  for (size_t i = 0; i < model.inside.size(); ++i) gain.push_back(model.inside[i] - background.inside[i]);
  const auto row = [](const char* name, const Quality& q) {
    return std::vector<std::string>{name, std::to_string(q.whole.size()), spread(q.whole, 2, 0.1),
                                    spread(q.inside, 2, 0.1)};
  };
  report.print(Table{"PSNR in dB over a clip, split `id`, all families: median / p10",
                     {"", "N clips", "whole frame", "inside dilated object masks"},
                     {row("pixels from true states", model), row("baseline: background alone", background),
                      row("bound: the tokenizer alone", tokenizer)}});
  report.print(
      fmt::format("Inside masks, gain over the background alone: {} dB (median / p10). {:.1f} % of {} "
                  "patches were carried over unchanged.",
                  spread(gain, 2, 0.1), 100.0 * double(stats.copied) / double(stats.patches), stats.patches));
  const auto json = [](const Quality& q) {
    return Json{{"whole_db", spread_json(q.whole)}, {"inside_db", spread_json(q.inside)}};
  };
  report.figures = {{"model", json(model)},
                    {"background", json(background)},
                    {"tokenizer", json(tokenizer)},
                    {"gain_inside_db", spread_json(gain)},
                    {"copied", double(stats.copied) / double(stats.patches)}};
}

void run(const Options& o, int chunks) {
  const Generator generator(o.model);
  Report report(
      fmt::format("Pixels given true states, clips of {:.1f} s", chunks * kFramesPerChunk / kFramesPerSecond),
      o, &generator);
  Quality background, tokenizer;
  Places places;
  std::vector<Pass> passes(5);
  for (size_t i = 0; i < passes.size(); ++i) passes[i].effort = std::array{1.0, kDefaultEffort, 0.3, 0.1, 0.0}[i];
  Progress progress("pixels_given_states", o.count, "clips");
  for (int i = 0; i < o.count; ++i) {
    const Truth truth = render_truth(o.seed + uint64_t(i), chunks);
    for (Pass& pass : passes) pass.run(generator, truth, chunks);
    background.add(truth, truth.background);
    const Pixels bound = reconstructed(generator.tokenizer(), truth.rgb, chunks);
    tokenizer.add(truth, bound);
    places.add(truth, bound);
    progress.update(i + 1);
  }
  progress.finish();
  print(passes[0].quality, background, tokenizer, passes[0].stats, report);
  print_places(passes[0].places, places, report);
  print_efforts(passes, report);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("PSNR of generated frames given the simulator's states", "pixels_given_states");
  Options options;
  int chunks = 12;
  options.seed = 100000;
  add_options(app, options, 100, "clips");
  app.add_option("--chunks", chunks, "of 4 frames, a clip")->check(CLI::Range(1, 600))->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, chunks); });
}
