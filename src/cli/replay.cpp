// orrery replay CLIP: makes a clip again from what it says of itself, and compares.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "cli/clip_output.h"
#include "cli/commands.h"
#include "codecs/decoder.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace orrery {
namespace {

constexpr int kDiffers = 3;  // exit code

struct ReplayOptions {
  std::string clip, out, model, prompt, watermark_key;
  int threads = 0;
  bool overwrite = false, json = false, quiet = false;
};

// What is not as it was when the clip was made, in words.
std::vector<std::string> differences(const Provenance& then, const Provenance& now) {
  std::vector<std::string> list;
  const auto compare = [&](const std::string& name, const std::string& a, const std::string& b) {
    if (a != b)
      list.push_back(
          fmt::format("{}: {} then, {} now", name, a.empty() ? "none" : a, b.empty() ? "none" : b));
  };
  compare("model", then.model, now.model);
  compare("program", then.version, now.version);
  compare("instruction set", then.instruction_set, now.instruction_set);
  compare("encoder", then.encoder, now.encoder);
  for (const auto& [name, version] : now.libraries.items())
    compare(name, then.libraries.contains(name) ? then.libraries.at(name).dump() : "", version.dump());
  compare("watermark key", then.watermark_key, now.watermark_key);
  return list;
}

// Over the frames that both have; NaN when their sizes differ, infinite when all are equal.
double psnr_of_files(const fs::path& a, const fs::path& b) {
  const auto first = open_decoder(a), second = open_decoder(b);
  double sum = 0, count = 0;
  for (Frame f, g; first->next(f) && second->next(g);) {
    if (f.width != g.width || f.height != g.height) return NAN;
    for (size_t i = 0; i < f.rgb.size(); ++i)
      sum += double(f.rgb[i] - g.rgb[i]) * double(f.rgb[i] - g.rgb[i]);
    count += double(f.rgb.size());
  }
  return 10 * std::log10(255 * 255 * count / sum);
}

Provenance provenance_to_replay(const ReplayOptions& o) {
  const std::optional<Provenance> p = read_provenance(o.clip);
  if (!p)
    fail("{} carries no provenance: it was not made by `orrery render`, or its metadata were removed",
         o.clip);
  if (!p->inputs_sha256.empty())
    fail("{} continues other clips: it does not follow from its metadata alone", o.clip);
  if (!p->prompt && o.prompt.empty())
    fail("{} was made with --private-prompt: give the sentence with --prompt", o.clip);
  return *p;
}

ClipOptions options_to_replay(const ReplayOptions& o, const Provenance& p) {
  ClipOptions clip = clip_options_from(p.options, o.clip);
  clip.private_prompt = !p.prompt;
  clip.watermark = !p.watermark.empty() || !p.watermark_key.empty();
  clip.watermark_key = o.watermark_key;
  if (clip.watermark && p.watermark_key == "own" && o.watermark_key.empty())
    std::fprintf(stderr,
                 "orrery: warning: %s was marked with a key of its maker; without --watermark-key the "
                 "shipped one is used\n",
                 o.clip.c_str());
  return clip;
}

void report(const ReplayOptions& o, const std::vector<std::string>& changed, bool same_frames,
            bool same_bytes, double psnr) {
  if (o.json) {
    Json json = {{"clip", o.clip},
                 {"again", o.out},
                 {"identical", same_bytes},
                 {"frames_identical", same_frames},
                 {"differences", changed}};
    if (!same_bytes) json["psnr_db"] = std::isfinite(psnr) ? Json(psnr) : Json();
    fmt::print("{}\n", json.dump());
    return;
  }
  for (const std::string& line : changed) fmt::print("not as then: {}\n", line);
  if (same_bytes) fmt::print("{}: byte for byte the same as {}\n", o.out, o.clip);
  else
    fmt::print("{}: differs from {}; the model's frames are {}; decoded, {}\n", o.out, o.clip,
               same_frames ? "the same" : "others",
               std::isnan(psnr)   ? "they have other sizes"
               : std::isinf(psnr) ? "they are the same"
                                  : fmt::format("they agree to {:.1f} dB PSNR", psnr));
}

int run(const ReplayOptions& o) {
  if (fs::exists(o.out) && !o.overwrite)
    fail_usage("replay: {} exists; give --overwrite or another name", o.out);
  check_video_extension(o.out);
  const Provenance then = provenance_to_replay(o);
  const ClipOptions clip = options_to_replay(o, then);
  if (o.threads > 0) set_num_threads(o.threads);
  const Generator generator(o.model);
  const std::string prompt = then.prompt.value_or(o.prompt);
  Provenance now = provenance_of(prompt, then.seed, generator.hash(), clip, o.out);
  now.created = then.created;
  PlannedClip planned = generator.plan(prompt, then.seed, clip.temperature, chunks_for(clip.seconds));
  ClipOutput output(o.out, "", clip, now);
  Progress progress("replay", planned.num_frames(), "frames", o.quiet || o.json);
  int64_t done = 0;
  generator.frames(planned, [&](const Frame& frame) {
    output.write(frame);
    progress.update(++done);
  }, effort_of(clip.effort));
  output.finish();
  progress.finish();
  const bool same_bytes = sha256_file(o.clip) == sha256_file(o.out);
  const bool is_picture = !then.picture_sha256.empty();
  const double psnr = same_bytes || is_picture ? NAN : psnr_of_files(o.clip, o.out);
  report(o, differences(then, now), then.frames_sha256 == output.provenance().frames_sha256, same_bytes,
         psnr);
  return same_bytes ? 0 : kDiffers;
}

}  // namespace

std::function<int()> setup_replay(CLI::App& app) {
  auto o = std::make_shared<ReplayOptions>();
  app.add_option("clip", o->clip, "a clip made by this program (or one of its PNGs)")->required();
  app.add_option("-o,--out", o->out,
                 "the clip made again: .mp4, .webm or .gif; byte for byte only in the same format")
      ->required();
  app.add_option("--model", o->model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_option("--prompt", o->prompt, "the sentence, for a clip made with --private-prompt");
  app.add_option("--watermark-key", o->watermark_key, "the key file that the clip was marked with");
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_flag("--overwrite", o->overwrite, "replace a file that exists");
  app.add_flag("--json", o->json, "one JSON line on standard output");
  app.add_flag("--quiet", o->quiet, "no progress line");
  app.footer(
      "Same weights, program, libraries and instruction set: the same bytes. Otherwise: what differs, and by "
      "how many dB.\n"
      "Exit code: 0 the same bytes, 1 it cannot be made, 3 it was made and differs.\n"
      "Examples:\n"
      "  orrery replay out.mp4 -o again.mp4\n"
      "  orrery replay secret.mp4 -o again.mp4 --prompt \"a red ball falls\"");
  return [o] { return run(*o); };
}

}  // namespace orrery
