// What does the watermark survive, what does it cost, does it show, and how often is it seen where there is
// none?
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

#include "bench/common.h"
#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "codecs/png.h"
#include "codecs/resize.h"
#include "codecs/watermark.h"
#include "codecs/watermark_carrier.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/rng.h"
#include "physics_eval/evaluate.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

using Clip = std::vector<Frame>;
// Processor time: other programs on the machine do not count.
double cpu_ms() { return 1e3 * double(std::clock()) / CLOCKS_PER_SEC; }

struct RobustnessOptions {
  std::vector<std::string> folders;  // of PNG frames, besides the simulator's clips
  double seconds = 4;
  int64_t keys = 20000, search_keys = 200;
  bool score = false;
  std::string pictures, attack;
};

Clip simulated_clip(uint64_t seed, double seconds) {
  const auto& families = family_names();
  const Sample sample = make_sample(seed, Split::kTrain, std::string(families[seed % families.size()]));
  const int frames = int(std::lround(seconds * kFramesPerSecond));
  const Trajectory t = simulate(sample.scene, frames + 1);
  const Renderer renderer(sample.scene, Style::kTrain, seed);
  Clip clip;
  for (int f = 0; f < frames; ++f)
    clip.push_back(renderer.frame({&t.at(f, 0), size_t(t.num_objects)}, f / kFramesPerSecond));
  return clip;
}

Clip clip_of_folder(const fs::path& folder, double seconds) {
  Clip clip;
  for (int i = 0; i < int(seconds * kFramesPerSecond); ++i) {
    const fs::path path = folder / fmt::format("frame_{:05d}.png", i);
    if (!fs::exists(path)) break;
    clip.push_back(read_png(path));
    clip.back().seconds = i / kFramesPerSecond;
  }
  if (clip.empty()) fail("no frame_00000.png in {}", folder.string());
  return clip;
}

Clip marked(const Clip& clip, const WatermarkPayload& payload) {
  const WatermarkEmbedder embedder(clip[0].width, clip[0].height, shipped_watermark_key(), payload);
  Clip out = clip;
  for (Frame& frame : out) embedder.mark(frame);
  return out;
}

Clip through_file(const Clip& clip, const std::string& extension, int crf) {
  const fs::path path = fs::temp_directory_path() / fmt::format("orrery_watermark_{}{}", getpid(), extension);
  EncodeOptions options;
  options.crf = crf;
  auto sink = open_encoder(path, clip[0].width, clip[0].height, options);
  for (const Frame& frame : clip) sink->write(frame);
  sink->finish();
  Clip out;
  const auto source = open_decoder(path);
  for (Frame frame; source->next(frame);) out.push_back(frame);
  fs::remove(path);
  return out;
}

template <class Change>
Clip each(const Clip& clip, Change change) {
  Clip out;
  for (const Frame& frame : clip) out.push_back(change(frame));
  return out;
}

Clip scaled(const Clip& clip, double factor) {
  return each(clip, [&](const Frame& f) {
    return resize(f, int(std::lround(f.width * factor / 2)) * 2, int(std::lround(f.height * factor / 2)) * 2);
  });
}

// Keeps `share` of each side, its corner at (x, y) of what is left over.
Clip cropped(const Clip& clip, double share, double x, double y) {
  return each(clip, [&](const Frame& f) {
    Frame out(int(f.width * share) / 2 * 2, int(f.height * share) / 2 * 2);
    const int left = int((f.width - out.width) * x), top = int((f.height - out.height) * y);
    for (int row = 0; row < out.height; ++row)
      std::memcpy(out.at(0, row), f.at(left, row + top), size_t(out.width) * 3);
    out.seconds = f.seconds;
    return out;
  });
}

Clip toned(const Clip& clip, double gain, double offset) {
  return each(clip, [&](Frame f) {
    for (uint8_t& v : f.rgb) v = uint8_t(std::clamp(std::lround(128 + (v - 128) * gain + offset), 0L, 255L));
    return f;
  });
}

Clip every_second(const Clip& clip) {
  Clip out;
  for (size_t i = 0; i < clip.size(); i += 2) out.push_back(clip[i]);
  return out;
}

struct Attack {
  std::string name;
  std::function<Clip(const Clip&)> apply;
};

std::vector<Attack> all_attacks() {
  constexpr double kTone = 0.15 * 255;
  return {
      {"none: the MP4 as render writes it, CRF 18", [](const Clip& c) { return c; }},
      {"H.264 CRF 23", [](const Clip& c) { return through_file(c, ".mp4", 23); }},
      {"H.264 CRF 28", [](const Clip& c) { return through_file(c, ".mp4", 28); }},
      {"VP9 CRF 28 (of 51)", [](const Clip& c) { return through_file(c, ".webm", 28); }},
      {"scale 0.5, H.264 CRF 18", [](const Clip& c) { return through_file(scaled(c, 0.5), ".mp4", 18); }},
      {"scale 1.5, H.264 CRF 18", [](const Clip& c) { return through_file(scaled(c, 1.5), ".mp4", 18); }},
      {"scale 0.5, H.264 CRF 28", [](const Clip& c) { return through_file(scaled(c, 0.5), ".mp4", 28); }},
      {"scale 1.5, H.264 CRF 28", [](const Clip& c) { return through_file(scaled(c, 1.5), ".mp4", 28); }},
      {"crop to 90 %, H.264 CRF 23",
       [](const Clip& c) { return through_file(cropped(c, 0.9, 0.5, 0.5), ".mp4", 23); }},
      {"crop to 90 % at a corner, scaled back, CRF 23",
       [](const Clip& c) {
         return through_file(each(cropped(c, 0.9, 0.2, 1),
                                  [&](const Frame& f) { return resize(f, c[0].width, c[0].height); }),
                             ".mp4", 23);
       }},
      {"crop to 86.5 %, H.264 CRF 23",
       [](const Clip& c) { return through_file(cropped(c, 0.865, 0.7, 0.3), ".mp4", 23); }},
      {"brightness +15 %, CRF 23",
       [](const Clip& c) { return through_file(toned(c, 1, kTone), ".mp4", 23); }},
      {"brightness -15 %, CRF 23",
       [](const Clip& c) { return through_file(toned(c, 1, -kTone), ".mp4", 23); }},
      {"contrast +15 %, CRF 23", [](const Clip& c) { return through_file(toned(c, 1.15, 0), ".mp4", 23); }},
      {"contrast -15 %, CRF 23", [](const Clip& c) { return through_file(toned(c, 0.85, 0), ".mp4", 23); }},
      {"24 -> 12 fps, CRF 23", [](const Clip& c) { return through_file(every_second(c), ".mp4", 23); }},
  };
}

std::vector<Attack> attacks(const std::string& part) {
  std::vector<Attack> chosen = all_attacks();
  std::erase_if(chosen, [&](const Attack& a) { return a.name.find(part) == std::string::npos; });
  if (chosen.empty()) fail_usage("no attack's name contains {}", part);
  return chosen;
}

WatermarkDetector detector_of(const Clip& clip) {
  WatermarkDetector detector;
  for (const Frame& frame : clip) detector.add(frame);
  return detector;
}

double psnr(const Clip& a, const Clip& b) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < a[i].rgb.size(); ++j, ++count)
      sum += (a[i].rgb[j] - b[i].rgb[j]) * (a[i].rgb[j] - b[i].rgb[j]);
  return 10 * std::log10(255 * 255 * count / std::max(sum, 1e-9));
}

// Where the unmarked picture is flat (within 8 levels in 11x11 pixels): the mark over 5x5 pixels, which an eye
// could see as mottling (luma) or clouds (Cb), and luma's change over half a second, which it could see as flicker.
struct FlatDifference {
  double mottling_rms = 0, mottling_max = 0, clouds_rms = 0, clouds_max = 0, flicker_rms = 0;  // levels
};

std::vector<float> smooth_difference(const Frame& a, const Frame& b, watermark::Channel channel) {
  std::vector<float> difference = watermark::channel_of(b, channel);
  const std::vector<float> before = watermark::channel_of(a, channel);
  for (size_t i = 0; i < difference.size(); ++i) difference[i] -= before[i];
  return watermark::box_mean(difference, a.width, a.height, 2);
}

bool flat_at(const Frame& f, int x, int y) {
  int low = 255, high = 0;
  for (int dy = -5; dy <= 5; ++dy)
    for (int dx = -5; dx <= 5; ++dx)
      low = std::min<int>(low, f.at(x + dx, y + dy)[1]), high = std::max<int>(high, f.at(x + dx, y + dy)[1]);
  return high - low <= 8;
}

FlatDifference flat_difference(const Clip& plain, const Clip& mark) {
  FlatDifference d;
  double count = 0, square = 0, cloud_square = 0, change = 0, changes = 0;
  std::vector<float> before;
  for (size_t i = 0; i < plain.size(); i += size_t(kFramesPerSecond / 2)) {
    const std::vector<float> now = smooth_difference(plain[i], mark[i], watermark::kLuma),
                             clouds = smooth_difference(plain[i], mark[i], watermark::kBlue);
    for (int y = 7; y + 7 < plain[i].height; y += 2)
      for (int x = 7; x + 7 < plain[i].width; x += 2) {
        if (!flat_at(plain[i], x, y)) continue;
        const size_t at = size_t(y) * size_t(plain[i].width) + size_t(x);
        ++count, square += now[at] * now[at], cloud_square += clouds[at] * clouds[at];
        d.mottling_max = std::max(d.mottling_max, double(std::abs(now[at])));
        d.clouds_max = std::max(d.clouds_max, double(std::abs(clouds[at])));
        if (!before.empty()) ++changes, change += (now[at] - before[at]) * (now[at] - before[at]);
      }
    before = now;
  }
  d.mottling_rms = std::sqrt(square / std::max(1.0, count));
  d.clouds_rms = std::sqrt(cloud_square / std::max(1.0, count));
  d.flicker_rms = std::sqrt(change / std::max(1.0, changes));
  return d;
}

double score_of(const Clip& clip) {
  MemorySource source(clip);
  return physics_eval::evaluate(source).score.value_or(NAN);
}

struct AttackResult {
  Share found;
  std::vector<double> chip_errors, sync;
};

struct Measured {
  std::vector<AttackResult> attacks;
  std::vector<double> psnr, psnr_encoded, mottling_rms, mottling_max, clouds_rms, clouds_max, flicker, mark_ms, read_ms;
  // Of the physics score: by the mark, frames and MP4; and by one step of CRF without any mark, for
  // comparison.
  std::vector<double> score_frames, score_mp4, score_crf;
  int score_lost = 0;  // MP4s judged before and not after, or the other way round
};

void measure_quality(const RobustnessOptions& o, const Clip& plain, const Clip& mark, const Clip& delivered,
                     Measured& m) {
  m.psnr.push_back(psnr(plain, mark));
  const Clip a = through_file(plain, ".mp4", 18);
  m.psnr_encoded.push_back(psnr(a, delivered));
  const FlatDifference raw = flat_difference(plain, mark);
  m.mottling_rms.push_back(raw.mottling_rms), m.mottling_max.push_back(raw.mottling_max);
  m.clouds_rms.push_back(raw.clouds_rms), m.clouds_max.push_back(raw.clouds_max);
  m.flicker.push_back(raw.flicker_rms);
  if (!o.score) return;
  const auto compare = [](double before, double after, std::vector<double>& changes) {
    if (!std::isnan(before) && !std::isnan(after)) changes.push_back(std::abs(after - before));
    return std::isnan(before) != std::isnan(after);
  };
  const double before = score_of(a);
  compare(score_of(plain), score_of(mark), m.score_frames);
  m.score_lost += compare(before, score_of(delivered), m.score_mp4);
  compare(before, score_of(through_file(plain, ".mp4", 19)), m.score_crf);
}

// The difference five times as large, on grey: frames 0 and the middle one, as they are, marked, and
// amplified.
void write_pictures(const std::string& prefix, const Clip& plain, const Clip& mark) {
  const size_t i = plain.size() / 2;
  Frame difference = plain[i];
  for (size_t j = 0; j < difference.rgb.size(); ++j)
    difference.rgb[j] = uint8_t(std::clamp(128 + 20 * (mark[i].rgb[j] - plain[i].rgb[j]), 0, 255));
  write_png(prefix + "_plain.png", resize(plain[i], plain[i].width * 2, plain[i].height * 2));
  write_png(prefix + "_marked.png", resize(mark[i], plain[i].width * 2, plain[i].height * 2));
  write_png(prefix + "_difference_20x.png", resize(difference, plain[i].width * 2, plain[i].height * 2));
}

// Attacks begin where a user would: with the MP4.
void measure_clip(const RobustnessOptions& o, const Clip& plain, uint64_t seed, Measured& m) {
  const WatermarkPayload payload{uint16_t(mix64(seed)), uint16_t(seed)};
  const double start = cpu_ms();
  const Clip mark = marked(plain, payload);
  m.mark_ms.push_back((cpu_ms() - start) / double(plain.size()));
  const Clip delivered = through_file(mark, ".mp4", 18);
  measure_quality(o, plain, mark, delivered, m);
  const std::vector<Attack> list = attacks(o.attack);
  m.attacks.resize(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const WatermarkDetector detector = detector_of(list[i].apply(delivered));
    const double begin = cpu_ms();
    const WatermarkReading reading = detector.read(shipped_watermark_key());
    if (i == 0) m.read_ms.push_back(cpu_ms() - begin);
    m.attacks[i].found.add(reading.found && reading.payload == payload);
    if (reading.found) m.attacks[i].chip_errors.push_back(reading.chip_errors);
    m.attacks[i].sync.push_back(reading.sync);
  }
}

// Wrong keys on a marked clip: all scales and places for some, the whole picture's scale alone for many.
void count_false_positives(const RobustnessOptions& o, const Clip& plain, uint64_t seed, Report& report) {
  const auto spectra = detector_of(marked(plain, {1, 2})).spectra();
  const std::vector<WatermarkDetector::Spectrum> whole(spectra.begin(), spectra.begin() + 1);
  Rng keys(seed, 77);
  int64_t found_whole = 0, found_searched = 0, decoded_whole = 0, decoded_searched = 0, places_whole = 0,
          searched = 0;
  Progress progress("wrong keys", o.keys + o.search_keys, "keys");
  for (int64_t i = 0; i < o.keys; ++i) {
    const WatermarkReading r = WatermarkDetector::read(whole, {keys.next()});
    found_whole += r.found, decoded_whole += r.decoded, places_whole = r.searched;
    if (i % 1000 == 0) progress.update(i);
  }
  double bound = 1;
  for (int64_t i = 0; i < o.search_keys; ++i) {
    const WatermarkReading r = WatermarkDetector::read(spectra, {keys.next()});
    found_searched += r.found, decoded_searched += r.decoded, searched = r.searched,
                                                              bound = r.false_positive_bound;
    progress.update(o.keys + i);
  }
  progress.finish();
  report.print(
      {"Wrong keys on a marked clip",
       {"", "keys", "decodings", "found", "95 % bound from this count, a key", "bound by the code, a key"},
       {{fmt::format("whole picture, {} places", places_whole), std::to_string(o.keys),
         std::to_string(decoded_whole), std::to_string(found_whole),
         fmt::format("{:.1e}", 3.0 / double(o.keys)),
         fmt::format("{:.1e}", double(decoded_whole) / double(o.keys) * std::exp2(-32))},
        {fmt::format("all scales, {} places", searched), std::to_string(o.search_keys),
         std::to_string(decoded_searched), std::to_string(found_searched),
         fmt::format("{:.1e}", 3.0 / double(o.search_keys)), fmt::format("{:.1e}", bound)}}});
  report.figures["wrong_keys"] = {{"whole", o.keys},           {"whole_found", found_whole},
                                  {"searched", o.search_keys}, {"searched_found", found_searched},
                                  {"places", searched},        {"bound", bound}};
}

void print_attacks(const RobustnessOptions& o, const Measured& m, Report& report) {
  Table table{"Attacks",
              {"attack", "payload read", "wrong chips where read: median / p90",
               "known chips' correlation, sd: median / p10"},
              {}};
  const std::vector<Attack> list = attacks(o.attack);
  for (size_t i = 0; i < list.size(); ++i) {
    const AttackResult& r = m.attacks[i];
    table.rows.push_back({list[i].name, fmt::format("{} of {}", r.found.hits, r.found.total),
                          spread(r.chip_errors, 3), spread(r.sync, 1, 0.1)});
    report.figures["attacks"][list[i].name] = {
        {"read", r.found.json()}, {"chip_errors", spread_json(r.chip_errors)}, {"sync", spread_json(r.sync)}};
  }
  report.print(table);
}

void print_quality(const Measured& m, Report& report) {
  const auto row = [&](const std::string& name, const std::vector<double>& values, int decimals, double other,
                       const std::string& limit) {
    report.figures["quality"][name] = spread_json(values);
    return std::vector<std::string>{name, spread(values, decimals, other),
                                    fmt::format("{:.{}f}", quantile(values, other > 0.5 ? 1 : 0), decimals),
                                    limit};
  };
  Table table{"Quality and cost", {"", "median / p90 (p10 for PSNR)", "worst", "limit"}, {}};
  table.rows.push_back(row("PSNR against the unmarked frames, dB", m.psnr, 1, 0.1, ">= 42"));
  table.rows.push_back(
      row("PSNR of marked MP4 against unmarked MP4, both CRF 18, dB", m.psnr_encoded, 1, 0.1, "-"));
  table.rows.push_back(
      row("mottling in flat regions, rms levels over 5x5", m.mottling_rms, 2, 0.9, "<= 0.8"));
  table.rows.push_back(
      row("mottling in flat regions, largest, levels over 5x5", m.mottling_max, 2, 0.9, "<= 2.5"));
  table.rows.push_back(
      row("clouds in flat regions, rms levels of Cb over 5x5", m.clouds_rms, 2, 0.9, "<= 1"));
  table.rows.push_back(
      row("clouds in flat regions, largest, levels of Cb over 5x5", m.clouds_max, 2, 0.9, "<= 2.5"));
  table.rows.push_back(row("flicker in flat regions, rms levels over 5x5", m.flicker, 3, 0.9, "<= 0.1"));
  if (!m.score_mp4.empty()) {
    table.rows.push_back(
        row("physics score of the frames, change in points of 100", m.score_frames, 2, 0.9, "<= 1"));
    table.rows.push_back(
        row("physics score of the MP4, change in points of 100", m.score_mp4, 2, 0.9, "<= 1"));
    table.rows.push_back(row("the same for CRF 19 against 18 without a mark", m.score_crf, 2, 0.9, "-"));
  }
  table.rows.push_back(row("marking, processor ms a frame", m.mark_ms, 2, 0.9, "-"));
  table.rows.push_back(row("search of a clip once decoded, processor ms", m.read_ms, 0, 0.9, "-"));
  report.print(table);
  report.figures["score_judged_only_once"] = m.score_lost;
  if (m.score_lost)
    report.print(fmt::format("{} clips were judged only with or only without the mark.", m.score_lost));
}

void run(const Options& o, const RobustnessOptions& r) {
  Report report(
      fmt::format("What the watermark survives: {} clips of {:.3g} s from the simulator, {} from folders",
                  o.count, r.seconds, r.folders.size()),
      o, nullptr);
  Measured m;
  const int total = o.count + int(r.folders.size());
  Progress progress("watermark", total, "clips");
  for (int i = 0; i < total; ++i) {
    const Clip clip = i < int(r.folders.size())
                          ? clip_of_folder(r.folders[size_t(i)], r.seconds)
                          : simulated_clip(o.seed + uint64_t(i) - r.folders.size(), r.seconds);
    measure_clip(r, clip, o.seed + uint64_t(i), m);
    if (!r.pictures.empty()) write_pictures(fmt::format("{}_{}", r.pictures, i), clip, marked(clip, {1, 2}));
    progress.update(i + 1);
  }
  progress.finish();
  print_attacks(r, m, report);
  print_quality(m, report);
  if (r.keys > 0) count_false_positives(r, simulated_clip(o.seed, 1), o.seed, report);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Robustness, visibility and false positives of the watermark", "watermark_robustness");
  Options options;
  RobustnessOptions r;
  add_options(app, options, 6, "simulated clips");
  app.add_option("--frames", r.folders,
                 "also clips from folders of PNG frames (orrery render --no-watermark --frames FOLDER)");
  app.add_option("--seconds", r.seconds, "of a clip")->check(CLI::Range(0.1, 60.0))->capture_default_str();
  app.add_option("--keys", r.keys, "wrong keys tried at the whole picture's scale")->capture_default_str();
  app.add_option("--search-keys", r.search_keys, "wrong keys tried at all scales")->capture_default_str();
  app.add_option("--attack", r.attack, "only attacks whose name contains this");
  app.add_flag("--score", r.score, "physics score with and without the mark (slow)");
  app.add_option("--pictures", r.pictures,
                 "write a frame of each clip, marked, unmarked, and their difference 20 times as large: "
                 "PREFIX_0_plain.png ...");
  return run_program(app, argc, argv, options, [&] { run(options, r); });
}
