// orrery synth: clips from the simulator, as shards for training or as videos to look at.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "cli/commands.h"
#include "cli/world/synth_shards.h"
#include "codecs/contact_sheet.h"
#include "codecs/encoder.h"
#include "codecs/png.h"
#include "core/error.h"
#include "core/progress.h"
#include "world/renderer.h"

namespace orrery {
namespace {

struct SynthArguments {
  SynthOptions synth;
  std::string family, split = "train", style = "train", out;
  double seconds = 4;
  int64_t count = 0, preview = 0;
};

constexpr int kSheetColumns = 6;

void check(const SynthArguments& o) {
  if (o.count == 0 && o.preview == 0) fail_usage("synth: nothing to make; give --count N for shards or --preview N for videos");
  if (o.count > 0 && o.preview > 0) fail_usage("synth: --count and --preview write different things; give one of them");
  if (!o.family.empty() && !is_family(o.family))
    fail_usage("synth: unknown family '{}'; choose one of {}", o.family, fmt::join(family_names(), ", "));
}

Metadata metadata_of(const SynthClip& clip) {
  return {{"comment", clip.captions.empty() ? "" : clip.captions[0]},
          {"family", clip.sample.family},
          {"split", std::string(split_name(clip.sample.split))},
          {"seed", std::to_string(clip.sample.seed)},
          {"software", std::string("orrery ") + ORRERY_VERSION + " simulator"}};
}

// Writes the clip's video and appends `kSheetColumns` of its frames.
void write_clip(const SynthClip& clip, Style style, const fs::path& path, std::vector<Frame>& sheet) {
  const Renderer renderer(clip.sample.scene, style, clip.sample.seed);
  EncodeOptions options;
  options.metadata = metadata_of(clip);
  const auto encoder = open_encoder(path, kFrameWidth, kFrameHeight, options);
  const Trajectory& t = clip.trajectory;
  const int frames = t.num_frames() - 1;  // the state after the last frame is not shown
  const std::vector<int> shown = spread_indices(frames, kSheetColumns);
  for (int f = 0; f < frames; ++f) {
    const Frame frame = renderer.frame({&t.at(f, 0), size_t(t.num_objects)}, f / kFramesPerSecond);
    encoder->write(frame);
    for (int index : shown)
      if (index == f) sheet.push_back(frame);
  }
  encoder->finish();
}

int write_previews(const SynthArguments& o, const fs::path& folder) {
  fs::create_directories(folder);
  std::vector<Frame> frames;
  ContactSheetOptions sheet;
  sheet.columns = kSheetColumns;
  Progress progress("synth", o.preview, "clips", o.synth.quiet);
  const auto& families = family_names();
  for (int64_t i = 0; i < o.preview; ++i) {
    SynthOptions options = o.synth;
    // One of each family in turn, unless one was asked for.
    if (!options.family) options.family = std::string(families[i % families.size()]);
    const SynthClip clip = make_clip(options, i);
    const std::string name = fmt::format("{:03}_{}.mp4", i, clip.sample.family);
    write_clip(clip, o.style == "train" ? Style::kTrain : Style::kEvaluation, folder / name, frames);
    sheet.row_captions.push_back(fmt::format("{}: {}", name, fmt::join(clip.captions, " | ")));
    progress.update(i + 1);
  }
  write_png(folder / "sheet.png", contact_sheet(frames, sheet));
  fmt::print("{} clips and sheet.png in {}\n", o.preview, folder.string());
  return 0;
}

int run(SynthArguments& o) {
  check(o);
  o.synth.split = parse_split(o.split);
  if (!o.family.empty()) o.synth.family = o.family;
  o.synth.num_frames = int(std::lround(o.seconds * kFramesPerSecond)) + 1;
  o.synth.count = o.count;
  if (o.preview > 0) return write_previews(o, o.out);
  const int written = write_shards(o.synth, o.out);
  fmt::print("{} clips in {}: {} shards written, the others were there\n", o.count, o.out, written);
  return 0;
}

}  // namespace

std::function<int()> setup_synth(CLI::App& app) {
  auto o = std::make_shared<SynthArguments>();
  app.add_option("-o,--out", o->out, "folder (made if absent)")->required();
  app.add_option("--count", o->count, "clips to write as shards of states, prologues and captions; resumable")->check(above_zero());
  app.add_option("--preview", o->preview, "clips to write as MP4, with a contact sheet, instead of shards")->check(CLI::Range(1, 1000));
  app.add_option("--family", o->family, "one family only (default: all, by weight)");
  app.add_option("--split", o->split, "train, id, ood or combo")->capture_default_str();
  app.add_option("--seed", o->synth.seed, "seed of the first clip; clip i has seed + i")->capture_default_str();
  app.add_option("--seconds", o->seconds, "length of a clip")->check(CLI::Range(0.2, 600.0))->capture_default_str();
  app.add_option("--captions", o->synth.captions, "captions a clip")->check(CLI::Range(0, 64))->capture_default_str();
  app.add_flag("--held-out-captions", o->synth.held_out_captions, "sentence forms and words that training never shows");
  app.add_option("--style", o->style, "look of the previews")->check(CLI::IsMember({"train", "evaluation"}))->capture_default_str();
  app.add_flag("--quiet", o->synth.quiet, "no progress line");
  return [o] { return run(*o); };
}

}  // namespace orrery
