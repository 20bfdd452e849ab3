// What do fewer bits cost and save? Rollout error, pixels given true states, size and time of the same
// transformer with weights in bf16, int8 (products in bf16 or int8) and int4; all tensors, and the shipped
// choice, which keeps in bf16 what states depend on.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <regex>

#include "bench/common.h"
#include "bench/rendered_truth.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "models/rollout.h"
#include "nn/quantize.h"
#include "tensor/matmul.h"
#include "world/families.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

constexpr int kStateChunks = 18, kScenesAClip = 6;
constexpr std::array<int, 2> kFrames = {24, 72};  // 1 and 3 s

struct Variant {
  std::string name;
  std::unique_ptr<UnifiedTransformer> model;
  double megabytes = 0;
  std::array<std::vector<double>, kFrames.size()> place;  // m
  std::vector<double> psnr;                               // dB inside object masks
  std::vector<double> state_seconds, pixel_seconds;       // CPU
};

double cpu_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

Variant make_variant(const Generator& generator, const std::string& name, const SafetensorsWriter& writer) {
  const fs::path path =
      fs::temp_directory_path() / fmt::format("orrery_quantisation_{}.safetensors",
                                              std::chrono::steady_clock::now().time_since_epoch().count());
  writer.write(path);
  Variant v{name,
            UnifiedTransformer::load(path, generator.text().vectors()),
            double(fs::file_size(path)) / 1e6,
            {},
            {},
            {},
            {}};
  fs::remove(path);
  return v;
}

std::vector<Variant> make_variants(const Generator& generator, const std::string& keep) {
  const SafetensorsFile file(generator.model_path());
  const auto kept = [regex = std::regex(keep)](const std::string& name) {
    return std::regex_search(name, regex);
  };
  SafetensorsWriter plain;
  for (const auto& [name, t] : file.tensors()) plain.add(name, t.dtype, t.shape, t.bytes);
  for (const auto& [key, value] : file.all_metadata()) plain.set_metadata(key, value);
  std::vector<Variant> variants;
  variants.push_back(make_variant(generator, "bf16", plain));
  const auto add = [&](const std::string& name, WeightType type, bool all, bool int8_products) {
    SafetensorsWriter writer = all ? quantize(file, type) : quantize(file, type, kept);
    if (int8_products) writer.set_metadata(kProductsKey, "int8");
    variants.push_back(make_variant(generator, name, writer));
  };
  add("int8, products in bf16", WeightType::kInt8, true, false);
  add("int8, products in int8", WeightType::kInt8, true, true);
  add("int8 as shipped, products in bf16", WeightType::kInt8, false, false);
  add("int8 as shipped, products in int8", WeightType::kInt8, false, true);
  add("int4", WeightType::kInt4, true, false);
  add("int4 in what the shipped choice quantises", WeightType::kInt4, false, false);
  return variants;
}

void measure_states(Variant& v, const Scene& scene, const Trajectory& truth) {
  GenerationCache cache;
  const double start = cpu_seconds();
  const auto states = rollout_states(*v.model, scene, kStateChunks, {}, cache);
  v.state_seconds.push_back(cpu_seconds() - start);
  const Trajectory guess = trajectory_of(scene, states);
  for (size_t f = 0; f < kFrames.size(); ++f)
    for (int k = 0; k < truth.num_objects; ++k) {
      const ObjectState &a = truth.at(kFrames[f], k), &b = guess.at(kFrames[f], k);
      if (in_view(a.x, a.y)) v.place[f].push_back(std::hypot(a.x - b.x, a.y - b.y));
    }
}

void measure_pixels(Variant& v, const VideoTokenizer& tokenizer, const Truth& truth, int chunks) {
  GenerationCache cache = cache_of(*v.model, truth, chunks);
  GenerationCache* const one = &cache;
  std::vector<ShownCodes> codes;
  const double start = cpu_seconds();
  generate_codes(
      *v.model, {&one, 1}, chunks, [&](size_t, int, const ShownCodes& shown) { codes.push_back(shown); },
      effort_of(1));
  v.pixel_seconds.push_back(cpu_seconds() - start);
  Pixels out;
  for (int c = 0; c < chunks; ++c)
    decode_chunk(tokenizer, codes[size_t(c)], c,
                 [&](const Frame& f) { out.insert(out.end(), f.rgb.begin(), f.rgb.end()); });
  v.psnr.push_back(psnr(truth.rgb, out, &truth.objects));
}

double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratio;
  for (size_t i = 0; i < a.size(); ++i) ratio.push_back(a[i] / b[i]);
  return quantile(ratio, 0.5);
}

void print_variants(const std::vector<Variant>& variants, Report& report) {
  Table t{
      "Place error in metres: median / p90, and the median's change; PSNR inside object masks: median / p10, "
      "and the median of the paired differences; CPU time over bf16's: median of paired ratios",
      {"weights", "MB", "1 s", "3 s", "PSNR, dB", "difference", "time of states", "time of the visual pass"},
      {}};
  const Variant& base = variants.front();
  for (const Variant& v : variants) {
    std::vector<double> difference;
    for (size_t i = 0; i < v.psnr.size(); ++i) difference.push_back(v.psnr[i] - base.psnr[i]);
    const auto place = [&](size_t f) {
      return fmt::format("{} ({:+.1f} %)", spread(v.place[f]),
                         100 * (quantile(v.place[f], 0.5) / quantile(base.place[f], 0.5) - 1));
    };
    const double states = median_ratio(v.state_seconds, base.state_seconds),
                 pixels = median_ratio(v.pixel_seconds, base.pixel_seconds);
    t.rows.push_back({v.name, fmt::format("{:.1f}", v.megabytes), place(0), place(1), spread(v.psnr, 2, 0.1),
                      fmt::format("{:+.3f}", quantile(difference, 0.5)), fmt::format("{:.2f}", states),
                      fmt::format("{:.2f}", pixels)});
    report.figures["variants"].push_back({{"name", v.name},
                                          {"megabytes", v.megabytes},
                                          {"place_1s", spread_json(v.place[0])},
                                          {"place_3s", spread_json(v.place[1])},
                                          {"inside_db", spread_json(v.psnr)},
                                          {"difference_db", spread_json(difference)},
                                          {"state_time", states},
                                          {"pixel_time", pixels}});
  }
  report.print(t);
  report.print(
      fmt::format("{} objects in view at 1 s, {} at 3 s; {} clips of pixels. bf16: {:.1f} ms of states, "
                  "{:.1f} ms of the visual pass a clip (median).",
                  base.place[0].size(), base.place[1].size(), base.psnr.size(),
                  1e3 * quantile(base.state_seconds, 0.5), 1e3 * quantile(base.pixel_seconds, 0.5)));
}

// One product x W^T alone, activations' rounding and scaling included: microseconds, the best of several
// rounds.
void print_products(Report& report) {
  if (!has_int8_products()) return report.print("No int8 products on this CPU.");
  Table t{"One product [rows, k] [n, k]^T in microseconds, best of the rounds: bf16 / int8", {"n x k"}, {}};
  constexpr std::array<int64_t, 4> kRows = {4, 48, 240, 1920};
  for (int64_t m : kRows) t.columns.push_back(fmt::format("{} rows", m));
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{512, 256}, {256, 256}, {256, 128}, {512, 64}}) {
    Rng rng(1);
    std::vector<float> values(size_t(n * k));
    for (float& v : values) v = float(rng.normal());
    std::vector<bf16> weight(values.size());
    std::vector<int8_t> codes(values.size());
    std::vector<float> scales(static_cast<size_t>(n));
    std::transform(values.begin(), values.end(), weight.begin(), [](float v) { return to_bf16(v); });
    quantize_rows(n, k, weight.data(), codes.data(), scales.data());
    const Int8Weight int8(n, k, codes, scales);
    std::vector<std::string> row{fmt::format("{} x {}", n, k)};
    for (int64_t m : kRows) {
      std::vector<bf16> x(size_t(m * k), to_bf16(0.5f)), y(size_t(m * n));
      const auto best = [&](auto&& product) {
        double seconds = 1e9;
        for (int round = 0; round < 40; ++round) {
          const auto start = std::chrono::steady_clock::now();
          product();
          seconds = std::min(seconds,
                             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        return 1e6 * seconds;
      };
      const double a = best([&] { matmul(MatmulLayout::kNT, m, n, k, x.data(), weight.data(), y.data()); }),
                   b = best([&] { int8_matmul(m, x.data(), int8, y.data()); });
      row.push_back(fmt::format("{:.1f} / {:.1f}", a, b));
      report.figures["products"].push_back({{"m", m}, {"n", n}, {"k", k}, {"bf16_us", a}, {"int8_us", b}});
    }
    t.rows.push_back(row);
  }
  report.print(t);
}

void run(const Options& o, const std::string& keep, int chunks) {
  const Generator generator(o.model);
  Report report("Quantisation: error, size and time by weight type", o, &generator);
  print_products(report);
  std::vector<Variant> variants = make_variants(generator, keep);
  Progress progress("quantisation", o.count, "clips");
  for (int i = 0; i < o.count; ++i, progress.update(i)) {
    for (int j = 0; j < kScenesAClip; ++j) {
      const Sample sample = make_sample(o.seed + uint64_t(i * kScenesAClip + j), Split::kId);
      const Trajectory truth = simulate(sample.scene, kStateChunks * kFramesPerChunk + 1);
      for (Variant& v : variants) measure_states(v, sample.scene, truth);
    }
    const Truth truth = render_truth(o.seed + uint64_t(i), chunks);
    for (Variant& v : variants) measure_pixels(v, generator.tokenizer(), truth, chunks);
  }
  progress.finish();
  print_variants(variants, report);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Rollout error, PSNR and time of the transformer in bf16, int8 and int4; --model in bf16",
               "quantisation");
  Options options;
  std::string keep = orrery::kStateTensors;
  int chunks = 6;
  options.seed = 100000;
  add_options(app, options, 24, "clips of pixels; six times as many scenes of states");
  app.add_option("--keep", keep, "regular expression of the tensors that the mixed choice keeps in bf16")
      ->capture_default_str();
  app.add_option("--chunks", chunks, "of 4 frames, a clip of pixels")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, keep, chunks); });
}
