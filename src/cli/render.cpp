// orrery render PROMPT: a sentence becomes a clip, the states of everything in it, and pictures.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <random>

#include "cli/candidate_score.h"
#include "cli/commands.h"
#include "cli/policy.h"
#include "codecs/contact_sheet.h"
#include "codecs/png.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kSheetFrames = 12;

struct RenderOptions {
  std::string prompt, out = "out.mp4", states, frames, sheet, model, policy;
  ClipOptions clip;
  int64_t seed = -1;
  int threads = 0;
  bool overwrite = false, strict = false, json = false, quiet = false;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void refuse_existing(const std::string& path, bool overwrite) {
  if (!path.empty() && fs::exists(path) && !overwrite) fail_usage("render: {} exists; give --overwrite or another name", path);
}

void check(RenderOptions& o) {
  if (o.prompt == "-") o.prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  while (!o.prompt.empty() && std::isspace(static_cast<unsigned char>(o.prompt.back()))) o.prompt.pop_back();
  if (o.prompt.find_first_not_of(" \t\n\r") == std::string::npos) fail_usage("render: the prompt is empty; for example: orrery render \"a red ball falls and bounces\"");
  check_clip_options(o.clip);
  enforce(load_policy(o.policy), o.prompt, o.clip.seconds);
  check_video_extension(o.out);
  for (const std::string& path : {o.out, o.states, o.sheet}) {
    refuse_existing(path, o.overwrite);
    if (!path.empty()) AtomicPath probe(path);  // a folder that cannot be written: now, not after the work
  }
  if (o.seed < 0) o.seed = int64_t(std::random_device{}() & 0x7fffffff);
  if (o.threads > 0) set_num_threads(o.threads);
}

void warn_untaught(const Generator& generator, const RenderOptions& o) {
  const std::string words = generator.text().describe_untaught(o.prompt);
  if (words.empty()) return;
  const std::string text = fmt::format("the model was never taught: {}; `orrery info` lists what it knows", words);
  if (o.strict) fail("{} (--strict)", text);
  std::fprintf(stderr, "orrery: warning: %s\n", text.c_str());
}

struct Candidate {
  PlannedClip clip;
  std::vector<Frame> frames;
  double score = -1;
};

// The best of several by physics score; with one candidate nothing is scored.
Candidate best_candidate(const Generator& generator, const RenderOptions& o, const std::string& model, int chunks) {
  Candidate best;
  for (int n = 0; n < o.clip.candidates; ++n) {
    Candidate c;
    c.clip = generator.plan(o.prompt, uint64_t(o.seed) + uint64_t(n), o.clip.temperature, chunks);
    if (o.clip.candidates > 1) {
      generator.frames(c.clip, [&](const Frame& f) { c.frames.push_back(f); }, effort_of(o.clip.effort));
      c.score = candidate_score(c.frames, o.out, o.clip, provenance_of(o.prompt, c.clip.seed, model, o.clip, o.out));
    }
    if (n == 0 || c.score > best.score) best = std::move(c);
  }
  return best;
}

void write_sheet(const RenderOptions& o, const std::vector<Frame>& frames, Provenance p) {
  std::vector<Frame> shown;
  ContactSheetOptions sheet;
  sheet.columns = 4;
  sheet.row_captions = {o.prompt};
  for (int i : spread_indices(int(frames.size()), kSheetFrames)) {
    shown.push_back(frames[size_t(i)]);
    sheet.captions.push_back(fmt::format("{:.2f} s", frames[size_t(i)].seconds));
  }
  if (o.clip.watermark) {  // each picture, not the sheet: the gaps between them would drown the mark
    const WatermarkEmbedder embedder(kFrameWidth, kFrameHeight, watermark_key_of(o.clip), watermark_payload(p.model, p.seed));
    for (Frame& frame : shown) embedder.mark(frame);
  }
  const Frame picture = contact_sheet(shown, sheet);
  p.watermark.clear();
  p.picture_sha256 = picture_hash(picture);
  p.encoder.clear();
  write_png(o.sheet, picture, metadata_of(p));
}

void report(const RenderOptions& o, const Candidate& c, const PatchStats& stats, double seconds, double elapsed, const std::string& hash) {
  const double copied = double(stats.copied) / double(std::max<int64_t>(1, stats.patches));
  if (o.json) {
    Json json = {{"path", o.out}, {"prompt", o.prompt}, {"seed", c.clip.seed}, {"seconds", seconds}, {"frames", c.clip.num_frames()},
                 {"elapsed_s", elapsed}, {"video_seconds_per_second", seconds / elapsed}, {"model", hash}, {"objects", c.clip.scene.objects.size()}, {"patches_copied", copied}, {"patches_pruned", double(stats.pruned) / double(std::max<int64_t>(1, stats.patches))}};
    if (!o.states.empty()) json["states"] = o.states;
    fmt::print("{}\n", json.dump());
  } else if (!o.quiet) {
    const std::string chosen = o.clip.candidates > 1 ? fmt::format(", the best of {} by physics score", o.clip.candidates) : "";
    fmt::print("{}: {:.3g} s, seed {}{}, {} object{}, made in {:.2f} s ({:.1f} s of video a second)\n", o.out, seconds, c.clip.seed, chosen, c.clip.scene.objects.size(),
               c.clip.scene.objects.size() == 1 ? "" : "s", elapsed, seconds / elapsed);
  }
}

int run(RenderOptions o) {
  const auto start = Clock::now();
  check(o);
  const Generator generator(o.model);
  warn_untaught(generator, o);
  const std::string model = generator.hash();
  const int chunks = chunks_for(o.clip.seconds);
  const double seconds = chunks * kFramesPerChunk / kFramesPerSecond;
  if (seconds > o.clip.seconds + 1e-6 && !o.quiet) std::fprintf(stderr, "orrery: %.3g s rounded up to %.4g s, whole chunks of %d frames\n", o.clip.seconds, seconds, kFramesPerChunk);
  o.clip.seconds = seconds;
  Candidate c = best_candidate(generator, o, model, chunks);
  ClipOutput output(o.out, o.frames, o.clip, provenance_of(o.prompt, c.clip.seed, model, o.clip, o.out));
  Progress progress("render", c.clip.num_frames(), "frames", o.quiet || o.json);
  PatchStats stats;
  std::vector<Frame> kept;
  int64_t done = 0;
  auto take = [&](const Frame& frame) {
    output.write(frame);
    if (!o.sheet.empty()) kept.push_back(frame);
    progress.update(++done);
  };
  if (c.frames.empty()) stats = generator.frames(c.clip, take, effort_of(o.clip.effort));
  else for (const Frame& frame : c.frames) take(frame);
  if (!o.states.empty()) write_atomic(o.states, states_json(c.clip).dump(1) + "\n");
  if (!o.sheet.empty()) write_sheet(o, kept, output.provenance());
  output.finish();
  progress.finish();
  report(o, c, stats, seconds, seconds_since(start), model);
  return 0;
}

}  // namespace

std::function<int()> setup_render(CLI::App& app) {
  auto o = std::make_shared<RenderOptions>();
  app.add_option("prompt", o->prompt, "what happens, in English; - reads it from standard input")->required();
  app.add_option("-o,--out", o->out, "the clip: .mp4, .webm or .gif")->capture_default_str();
  app.add_option("--seed", o->seed, "what the prompt leaves open follows from it (default: random, printed)")->check(whole_number());
  add_clip_options(app, o->clip);
  app.add_option("--states", o->states, "write the predicted state of every object at every frame to this JSON file");
  app.add_option("--frames", o->frames, "also write the frames as PNGs into this folder");
  app.add_option("--sheet", o->sheet, "also write a contact sheet (PNG)");
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_option("--model", o->model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_option("--policy", o->policy, "what is refused (JSON; default: the shipped policy.json; none: nothing)");
  app.add_flag("--overwrite", o->overwrite, "replace files that exist");
  app.add_flag("--strict", o->strict, "refuse a prompt with words that the model was never taught");
  app.add_flag("--json", o->json, "one JSON line about the clip on standard output");
  app.add_flag("--quiet", o->quiet, "print nothing but warnings and errors");
  app.footer(
      "Examples:\n"
      "  orrery render \"a red ball falls and bounces\"\n"
      "  orrery render \"a blue box slides across the floor\" -o slide.mp4 --seconds 6 --seed 7 --states slide.json --sheet slide.png\n"
      "  echo \"two green balls collide\" | orrery render - -o clip.webm --upscale 2 --overwrite");
  return [o] { return run(*o); };
}

}  // namespace orrery
