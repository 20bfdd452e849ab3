// Do clips show what the prompt asked for? Number, shape and colour of the objects, read from pixels; beside
// the sampled scene alone (so that one sees whether language or pixels failed), chance, and the checker
// itself.
#include "physics_eval/adherence.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "bench/common.h"
#include "bench/rendered_truth.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "world/captions.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

using physics_eval::adheres;
using physics_eval::Expectation;
using physics_eval::SeenObject;

constexpr int kChunks = (physics_eval::kAdherenceFrames + kFramesPerChunk - 1) / kFramesPerChunk;

struct Prompt {
  std::string text;
  Expectation expected;
};

std::vector<Prompt> held_out(int count, uint64_t seed) {
  std::vector<Prompt> prompts;
  for (const HeldOutPrompt& p : held_out_prompts(count, seed)) {
    Prompt prompt{p.text, {}};
    for (const ExpectedObject& e : p.objects) prompt.expected.objects.push_back({e.shape, e.color});
    prompts.push_back(prompt);
  }
  return prompts;
}

template <size_t N>
int index_of(const std::array<std::string_view, N>& names, const std::string& name,
             const std::string& where) {
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) fail("{}: '{}' is none of {} ... {}", where, name, names.front(), names.back());
  return int(at - names.begin());
}

// Lines of {"prompt", "objects": [{"color", "shape"}]}; either fact of an object may be absent.
std::vector<Prompt> read_prompts(const fs::path& path, int count) {
  std::vector<Prompt> prompts;
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line) && int(prompts.size()) < count;) {
    if (line.empty()) continue;
    const std::string where = fmt::format("{} line {}", path.string(), prompts.size() + 1);
    const Json json = parse_json(line, where);
    Prompt prompt{json.at("prompt").get<std::string>(), {}};
    for (const Json& object : json.at("objects")) {
      physics_eval::ExpectedObject e;
      if (object.contains("shape") && !object["shape"].is_null())
        e.shape = Shape(index_of(kShapeNames, object["shape"], where));
      if (object.contains("color") && !object["color"].is_null())
        e.color = index_of(kColorNames, object["color"], where);
      prompt.expected.objects.push_back(e);
    }
    prompts.push_back(prompt);
  }
  return prompts;
}

// What a perfect eye would see.
std::vector<SeenObject> objects_of(const Scene& scene) {
  std::vector<SeenObject> seen;
  for (const ObjectSpec& o : scene.objects) {
    SeenObject s;
    s.shape = o.shape;
    s.color = o.color;
    seen.push_back(s);
  }
  return seen;
}

// The first frames as the simulator and the renderer show the sampled scene.
std::vector<Frame> rendered(const Scene& scene) {
  const Trajectory t = simulate(scene, kChunks * kFramesPerChunk + 1);
  const Renderer renderer(scene);
  std::vector<Frame> frames;
  for (int f = 1; f < t.num_frames(); ++f)
    frames.push_back(renderer.frame(std::span(&t.at(f, 0), size_t(t.num_objects))));
  return frames;
}

// The same through the codes of the video tokenizer: what a transformer without fault would show.
std::vector<Frame> coded(const VideoTokenizer& tokenizer, std::vector<Frame> frames) {
  Pixels rgb;
  for (const Frame& f : frames) rgb.insert(rgb.end(), f.rgb.begin(), f.rgb.end());
  rgb = reconstructed(tokenizer, rgb, int(frames.size()) / kFramesPerChunk);
  auto from = rgb.begin();
  for (Frame& f : frames) {
    std::copy_n(from, f.rgb.size(), f.rgb.begin());
    from += int64_t(f.rgb.size());
  }
  return frames;
}

bool seen_in(const std::vector<Frame>& frames, const Expectation& expected, std::string* detail = nullptr) {
  const size_t n = std::min(frames.size(), size_t(physics_eval::kAdherenceFrames));
  return adheres(physics_eval::see_objects(std::span(frames).first(n)), expected, detail);
}

struct Result {
  Share pixels, scene, redrawn, recoded, chance;
  std::vector<std::string> failures;
};

struct Scope {
  int free = 60, checker = 300;
  bool scenes_only = false;  // skip the pixels: cheap, for the language alone
  std::string free_path = ORRERY_SOURCE_DIR "/samples/prompts/free_prompts.jsonl";
};

// `before`: the scene of the prompt before. What it gets right is chance.
void check(const Generator& generator, const Options& o, const Scope& scope, const Prompt& prompt, uint64_t seed,
           Scene& before, Result& result) {
  PlannedClip clip = generator.plan(prompt.text, seed, o.temperature, kChunks);
  std::string detail;
  const bool planned = adheres(objects_of(clip.scene), prompt.expected, &detail);
  result.scene.add(planned);
  if (!before.objects.empty()) result.chance.add(adheres(objects_of(before), prompt.expected));
  before = clip.scene;
  if (scope.scenes_only) {
    if (!planned) result.failures.push_back(fmt::format("\"{}\" (seed {}): {}", prompt.text, seed, detail));
    return;
  }
  std::string seen_detail;
  const bool shown = seen_in(frames_of(generator, clip), prompt.expected, &seen_detail);
  result.pixels.add(shown);
  const std::vector<Frame> perfect = rendered(clip.scene);
  result.redrawn.add(seen_in(perfect, prompt.expected));
  result.recoded.add(seen_in(coded(generator.tokenizer(), perfect), prompt.expected));
  if (!shown)
    result.failures.push_back(fmt::format("\"{}\" (seed {}): {}; {}", prompt.text, seed,
                                          planned ? "scene right, pixels wrong" : "scene wrong",
                                          planned ? seen_detail : detail));
}

Result check_all(const Generator& generator, const Options& o, const Scope& scope, const std::vector<Prompt>& prompts,
                 const std::string& name) {
  Result result;
  Scene before;
  Progress progress(name, int64_t(prompts.size()), "prompts");
  for (size_t i = 0; i < prompts.size(); ++i) {
    check(generator, o, scope, prompts[i], o.seed + i, before, result);
    progress.update(int64_t(i) + 1);
  }
  return result;
}

// The checker against what it is told nothing of: the simulator's own renderings, all facts known.
Share check_checker(int count, uint64_t seed, std::vector<std::string>& failures) {
  Share share;
  for (int i = 0; i < count; ++i) {
    const Sample sample = make_sample(seed + uint64_t(i), Split::kId);
    Expectation expected;
    for (const ObjectSpec& o : sample.scene.objects) expected.objects.push_back({o.shape, o.color});
    std::string detail;
    const bool right = seen_in(rendered(sample.scene), expected, &detail);
    share.add(right);
    if (!right)
      failures.push_back(fmt::format("checker, {} seed {}: {}", sample.family, seed + uint64_t(i), detail));
  }
  return share;
}

void add_rows(const std::string& name, const Result& r, Table& table, Report& report) {
  table.rows.push_back({name, std::to_string(r.pixels.total), r.pixels.text(), r.scene.text(),
                        r.redrawn.text(), r.recoded.text(), r.chance.text()});
  report.figures[name] = {{"pixels", r.pixels.json()},
                          {"scene", r.scene.json()},
                          {"scene_rendered_by_simulator", r.redrawn.json()},
                          {"scene_rendered_and_coded", r.recoded.json()},
                          {"chance", r.chance.json()},
                          {"failures", r.failures}};
}

void print_failures(const std::string& name, const std::vector<std::string>& failures, size_t most) {
  for (size_t i = 0; i < std::min(most, failures.size()); ++i)
    fmt::print("{}- {}: {}\n", i ? "" : "\n", name, failures[i]);
}

void run(const Options& o, const Scope& scope) {
  const Generator generator(o.model);
  Report report("Prompt adherence: number, shape and colour, N = 1 candidate, 95 % Wilson bounds", o,
                &generator);
  Table table{"",
              {"prompts", "N", "right in the pixels", "right in the sampled scene",
               "sampled scene drawn by the simulator", "the same through the video tokenizer", "chance: the scene of another prompt"},
              {}};
  const Result held = check_all(generator, o, scope, held_out(o.count, o.seed), "held-out templates");
  add_rows("held-out templates", held, table, report);
  Result free;
  if (scope.free > 0) {
    free = check_all(generator, o, scope, read_prompts(scope.free_path, scope.free), "free prompts");
    add_rows("written freely", free, table, report);
  }
  report.print(table);
  std::vector<std::string> misses;
  const Share checker = check_checker(scope.scenes_only ? 0 : scope.checker, o.seed + 500000, misses);
  report.print(Table{"The checker on the simulator's own renderings, all facts of all objects",
                     {"N", "right"},
                     {{std::to_string(checker.total), checker.text()}}});
  report.figures["checker"] = checker.json();
  print_failures("held-out", held.failures, 12);
  print_failures("free", free.failures, 12);
  print_failures("checker", misses, 5);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Does the clip show what the prompt says?", "adherence");
  Options options;
  Scope scope;
  options.seed = 1;
  add_options(app, options, 300, "prompts from held-out templates");
  app.add_option("--held-out", options.count, "the same as --count");
  app.add_option("--free", scope.free, "prompts of the free file")->capture_default_str();
  app.add_option("--free-file", scope.free_path, "JSONL of prompts with what they promise");
  app.add_option("--checker", scope.checker, "simulator clips that the checker itself is tried on")
      ->capture_default_str();
  app.add_flag("--scenes-only", scope.scenes_only, "judge the sampled scenes alone, without pixels");
  return run_program(app, argc, argv, options, [&] { run(options, scope); });
}
