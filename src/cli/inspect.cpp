// orrery inspect PROMPT|CLIP: what the model decided on the way to a clip, as a page to look at.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "cli/clip_output.h"
#include "cli/commands.h"
#include "cli/inspect_figures.h"
#include "cli/inspect_report.h"
#include "codecs/encoder.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#ifdef ORRERY_WORLD
#include "cli/world/inspect_world.h"
#endif

namespace orrery {
namespace {

constexpr double kMaxInspected = 20;  // s: a page of a longer clip would be too large to open
constexpr size_t kMaxEdits = 6;

struct InspectOptions {
  std::string input, out = "report.html", model;
  double seconds = 0, temperature = 0.7, edit_speed = 1.5;
  int64_t seed = -1;
  int layer = 0, threads = 0, probe_scenes = 300;
  bool overwrite = false, json = false, quiet = false;
};

bool names_a_video(const std::string& input) {
  const std::string extension = fs::path(input).extension().string();
  const std::vector<std::string> known = video_extensions();
  std::error_code ignored;
  return std::find(known.begin(), known.end(), extension) != known.end() ||
         fs::is_regular_file(input, ignored);
}

void check(InspectOptions& o) {
  if (o.input.find_first_not_of(" \t\n\r") == std::string::npos)
    fail_usage("inspect: the prompt is empty; for example \"a red ball falls and bounces\"");
  if (o.seconds < 0 || o.seconds > kMaxInspected)
    fail_usage("inspect: seconds {}: expected a length above 0, up to {}", o.seconds, kMaxInspected);
  if (fs::exists(o.out) && !o.overwrite)
    fail_usage("inspect: {} exists; give --overwrite or another name", o.out);
  AtomicPath probe(o.out);  // a folder that cannot be written: now, not after the work
  if (o.threads > 0) set_num_threads(o.threads);
}

// Before any weights are read: a foreign video is refused at once.
ClipOrigin origin_of_clip(const InspectOptions& o) {
  const std::optional<Provenance> provenance = read_provenance(o.input);
  if (!provenance)
    fail(
        "inspect: {} does not carry prompt, seed, options and model as this program's clips do; only its own "
        "clips can be inspected, since they are made once more",
        o.input);
  ClipOrigin origin = clip_origin(*provenance, o.input);
  if (o.seed >= 0)
    fail_usage("inspect: the seed of {} is known, {}; --seed is for prompts", o.input, origin.request.seed);
  origin.request.chunks =
      std::min(origin.request.chunks, chunks_for(o.seconds > 0 ? o.seconds : kMaxInspected));
  return origin;
}

ClipOrigin origin_of_prompt(const InspectOptions& o) {
  const uint64_t seed = o.seed >= 0 ? uint64_t(o.seed) : std::random_device{}() & 0x7fffffff;
  return {{o.input, seed, o.temperature, kDefaultEffort, chunks_for(o.seconds > 0 ? o.seconds : 4)}, ""};
}

void warn_other_weights(const InspectOptions& o, const std::string& made_by, const std::string& model) {
  if (!made_by.empty() && made_by != model)
    std::fprintf(stderr,
                 "orrery: warning: %s was made by the weights %s, these are %s: what follows is what these "
                 "make of its prompt and seed\n",
                 o.input.c_str(), made_by.c_str(), model.c_str());
}

// Every object's velocity in turn, toward the middle of the view so that it stays to be seen.
std::vector<VelocityEdit> edits_of(const Generator& generator, const InspectOptions& o,
                                   const InspectedClip& clip) {
  Simulator simulator;
#ifdef ORRERY_WORLD
  simulator = simulated_trajectory;
#endif
  std::vector<VelocityEdit> edits;
  const auto& objects = clip.scene.objects;
  for (size_t k = 0; k < std::min(kMaxEdits, objects.size()); ++k)
    edits.push_back(edit_velocity(generator.transformer(), clip.scene, int(k),
                                  objects[k].x < kViewWidth / 2 ? o.edit_speed : -o.edit_speed, 0,
                                  clip.request.chunks, simulator));
  return edits;
}

std::optional<ProbeReport> probes_of([[maybe_unused]] const Generator& generator,
                                     [[maybe_unused]] const InspectOptions& o,
                                     [[maybe_unused]] uint64_t seed) {
#ifdef ORRERY_WORLD
  if (o.probe_scenes == 0) return std::nullopt;
  Progress progress("probes", 100, "%", o.quiet || o.json);
  ProbeReport report = probe_model(generator, o.probe_scenes, seed,
                                   [&](int done, int of) { progress.update(100 * done / of); });
  progress.finish();
  return report;
#else
  return std::nullopt;
#endif
}

void print_summary(const InspectOptions& o, const Inspection& in) {
  const Json figures = inspection_json(in);
  if (o.json) {
    Json out = figures;
    out["report"] = o.out;
    fmt::print("{}\n", out.dump(1));
    return;
  }
  if (o.quiet) return;
  int64_t tokens = 0, left = 0, fell = 0;
  for (const Json& layer : figures["layers"])
    tokens += layer["tokens"].get<int64_t>(), left += layer["left_domain"].get<int64_t>(),
        fell += layer["fell_back"].get<int64_t>();
  const PatchStats& p = in.clip.patches;
  const double patches = double(std::max<int64_t>(1, p.patches)), all = double(std::max<int64_t>(1, tokens));
  fmt::print(
      "{}: {:.3g} s, seed {}, {} routed tokens: {:.2f} % left their modality's domain, {:.2f} % fell back; "
      "{:.0f} % of patches copied, {:.0f} % pruned\n",
      o.out, in.clip.request.chunks * kFramesPerChunk / kFramesPerSecond, in.clip.request.seed, tokens,
      100 * double(left) / all, 100 * double(fell) / all, 100 * double(p.copied) / patches,
      100 * double(p.pruned) / patches);
}

int run(InspectOptions o) {
  check(o);
  const bool video = names_a_video(o.input);
  const auto [request, made_by] = video ? origin_of_clip(o) : origin_of_prompt(o);
  const Generator generator(o.model);
  Inspection in;
  in.config = generator.transformer().config();
  in.model = generator.hash();
  if (o.layer < 0 || o.layer >= in.config.num_layers)
    fail_usage("inspect: layer {} is outside of 0 to {}", o.layer, in.config.num_layers - 1);
  in.layer = o.layer;
  if (video) in.source = fs::path(o.input).filename().string();
  warn_other_weights(o, made_by, in.model);
  Progress progress("inspect", request.chunks, "chunks", o.quiet || o.json);
  in.clip = inspect_clip(generator, request, [&](int done) { progress.update(done); });
  progress.finish();
  in.edits = edits_of(generator, o, in.clip);
  in.probes = probes_of(generator, o, request.seed);
  write_atomic(o.out, inspection_html(in));
  print_summary(o, in);
  return 0;
}

}  // namespace

std::function<int()> setup_inspect(CLI::App& app) {
  auto o = std::make_shared<InspectOptions>();
  app.add_option(
         "input", o->input,
         "a prompt, or a clip made by this program (its prompt, seed and options are in its metadata)")
      ->required()
      ->type_name("PROMPT|CLIP");
  app.add_option("-o,--out", o->out, "the page: one HTML file that needs nothing else")
      ->capture_default_str();
  app.add_option("--seed", o->seed, "of a prompt (default: random, printed)")->check(whole_number());
  app.add_option("--seconds", o->seconds, "length, at most 20 (default: 4 for a prompt, all of a clip)")
      ->check(above_zero());
  app.add_option("--temperature", o->temperature, "of a prompt: variety of the scene")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--layer", o->layer, "the layer that the page shows first")
      ->check(whole_number())
      ->capture_default_str();
  app.add_option("--edit-speed", o->edit_speed,
                 "m/s that the velocity edit adds toward the middle of the view")
      ->check(CLI::Range(0.05, 6.0))
      ->capture_default_str();
#ifdef ORRERY_WORLD
  app.add_option("--probes", o->probe_scenes, "simulated scenes for the linear probes; 0: none")
      ->check(CLI::IsMember({0}) | CLI::Range(20, 5000))
      ->capture_default_str();
#endif
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_option("--model", o->model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_flag("--overwrite", o->overwrite, "replace a page that exists");
  app.add_flag("--json", o->json, "the figures on standard output");
  app.add_flag("--quiet", o->quiet, "print nothing but warnings and errors");
  app.footer(
      "Examples:\n"
      "  orrery inspect \"a red ball hits a blue box\" -o report.html --seed 7\n"
      "  orrery inspect clip.mp4 -o report.html --layer 3\n"
      "  orrery inspect \"a ball rolls down a ramp\" --seconds 2 --json > figures.json");
  return [o] { return run(*o); };
}

}  // namespace orrery
