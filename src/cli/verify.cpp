// orrery verify CLIP...: where does it come from? Metadata, watermark, and whether the two agree.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "cli/commands.h"
#include "codecs/decoder.h"
#include "codecs/png.h"
#include "codecs/provenance.h"
#include "codecs/watermark.h"
#include "core/error.h"
#include "core/progress.h"

namespace orrery {
namespace {

constexpr int kNotConfirmed = 3;  // exit code

struct VerifyOptions {
  std::vector<std::string> clips;
  std::string watermark_key;
  bool json = false, quiet = false;
};

struct Finding {
  std::optional<Provenance> provenance;
  WatermarkReading mark;
  int frames = 0;
  bool pixels_changed = false;  // of a PNG, against its own hash
  const char* verdict = "";
  bool confirmed = false;
};

bool is_png(const std::string& path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, 4);
  return std::string_view(magic, 4) == "\x89PNG";
}

void look_at_frames(const std::string& path, const VerifyOptions& o, WatermarkKey key, Finding& f) {
  WatermarkDetector detector;
  if (is_png(path)) {
    const Frame frame = read_png(path);
    f.pixels_changed = f.provenance && !f.provenance->picture_sha256.empty() &&
                       f.provenance->picture_sha256 != picture_hash(frame);
    detector.add(frame);
  } else {
    const auto source = open_decoder(path);
    Progress progress(path, int64_t(source->info().duration * source->info().fps + 0.5), "frames", o.quiet);
    for (Frame frame; source->next(frame); progress.update(detector.frames())) detector.add(frame);
    progress.finish();
  }
  f.frames = detector.frames();
  f.mark = detector.read(key);
}

void judge(Finding& f, const std::string& own_key) {
  const bool claimed = f.provenance && !f.provenance->watermark.empty();
  const bool agree = f.provenance && f.mark.found &&
                     f.mark.payload == watermark_payload(f.provenance->model, f.provenance->seed);
  f.confirmed = true;
  if (f.pixels_changed)
    f.verdict = "changed: the pixels are not those that the metadata were written for", f.confirmed = false;
  else if (agree) f.verdict = "metadata and watermark agree";
  else if (f.provenance && f.mark.found)
    f.verdict = "metadata and watermark disagree: they are of different clips", f.confirmed = false;
  else if (f.mark.found) f.verdict = "watermark, no metadata";
  else if (claimed && f.provenance->watermark_key == "own" && own_key.empty())
    f.verdict = "metadata; its watermark has a key of its maker, give --watermark-key";
  else if (claimed)
    f.verdict = "metadata that speak of a watermark, but no such watermark", f.confirmed = false;
  else if (f.provenance) f.verdict = "metadata, which speak of no watermark";
  else f.verdict = "neither metadata nor watermark: nothing is known", f.confirmed = false;
}

Json to_json(const std::string& path, const Finding& f) {
  const WatermarkReading& m = f.mark;
  Json mark = {{"found", m.found},
               {"false_positive_bound", m.false_positive_bound},
               {"searched", m.searched},
               {"decoded", m.decoded},
               {"sync_sd", m.sync}};
  if (m.found) {
    mark["payload"] = to_hex(m.payload);
    mark["model_part"] = fmt::format("{:04x}", m.payload.model);
    mark["seed_part"] = m.payload.seed;
    mark["wrong_chips"] = m.chip_errors;
    mark["confidence"] = 1 - m.false_positive_bound;
    mark["seen"] = {
        {"scale_x", m.scale_x}, {"scale_y", m.scale_y}, {"shift_x", m.shift_x}, {"shift_y", m.shift_y}};
  }
  return {{"path", path},
          {"verdict", f.verdict},
          {"confirmed", f.confirmed},
          {"frames", f.frames},
          {"metadata", f.provenance ? to_json(*f.provenance) : Json()},
          {"watermark", mark}};
}

void print(const std::string& path, const Finding& f) {
  fmt::print("{}: {}\n", path, f.verdict);
  if (f.provenance)
    fmt::print("  metadata   {}, seed {}, model {}, orrery {}, {}\n",
               f.provenance->prompt ? "\"" + *f.provenance->prompt + "\"" : "prompt withheld",
               f.provenance->seed, f.provenance->model, f.provenance->version, f.provenance->instruction_set);
  const WatermarkReading& m = f.mark;
  if (!m.found) {
    fmt::print("  watermark  not found in {} frames ({} scales and places searched)\n", f.frames, m.searched);
    return;
  }
  fmt::print(
      "  watermark  model {:04x}..., seed {} (mod 65536); wrong chips {:.1f} %; found by chance with "
      "probability below {:.0e}\n",
      m.payload.model, m.payload.seed, 100 * m.chip_errors, m.false_positive_bound);
  if (m.scale_x < 1 || m.scale_y < 1)
    fmt::print("  cropped    {:.0f} % of the width and {:.0f} % of the height are there\n", 100 * m.scale_x,
               100 * m.scale_y);
}

int run(const VerifyOptions& o) {
  const WatermarkKey key =
      o.watermark_key.empty() ? shipped_watermark_key() : read_watermark_key(o.watermark_key);
  Json all = Json::array();
  bool failed = false, confirmed = true;
  for (const std::string& path : o.clips) {
    try {
      Finding f;
      f.provenance = read_provenance(path);
      look_at_frames(path, o, key, f);
      judge(f, o.watermark_key);
      confirmed = confirmed && f.confirmed;
      if (o.json) all.push_back(to_json(path, f));
      else print(path, f);
    } catch (const std::exception& error) {
      failed = true;
      std::fprintf(stderr, "orrery: %s\n", error.what());
      if (o.json) all.push_back({{"path", path}, {"verdict", "error"}, {"error", error.what()}});
    }
    std::fflush(stdout);
  }
  if (o.json) fmt::print("{}\n", all.dump(1, ' ', false, Json::error_handler_t::replace));
  return failed ? 1 : confirmed ? 0 : kNotConfirmed;
}

}  // namespace

std::function<int()> setup_verify(CLI::App& app) {
  auto o = std::make_shared<VerifyOptions>();
  app.add_option("clips", o->clips, "videos or PNGs")->required()->type_name("CLIP");
  app.add_option("--watermark-key", o->watermark_key,
                 "look for a mark made with this key file instead of the shipped key");
  app.add_flag("--json", o->json, "one JSON document on standard output");
  app.add_flag("--quiet", o->quiet, "no progress line");
  app.footer(
      "A mark with the shipped key says that a clip was most likely made by this program. It proves nothing: "
      "everybody has\n"
      "that key and can write the mark into anything, or take it out. A clip without mark or metadata may "
      "still be generated.\n"
      "Exit code: 0 metadata or mark were found and nothing contradicts them, 1 a file cannot be read, 3 "
      "otherwise.\n"
      "Examples:\n"
      "  orrery verify out.mp4\n"
      "  orrery verify clips/*.mp4 --json > where_from.json");
  return [o] { return run(*o); };
}

}  // namespace orrery
