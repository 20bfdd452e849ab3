#include "bench/common.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "tensor/matmul.h"

namespace orrery::bench {
namespace {

// Of the sources that this program was built from; empty outside of a git checkout.
std::string commit() {
  std::FILE* pipe = popen("git -C " ORRERY_SOURCE_DIR " describe --always --dirty 2>/dev/null", "r");
  if (!pipe) return "";
  char text[128] = "";
  if (!std::fgets(text, sizeof text, pipe)) text[0] = 0;
  pclose(pipe);
  return std::string(text).substr(0, std::string_view(text).find('\n'));
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

}  // namespace

void add_options(CLI::App& app, Options& o, int count, const std::string& count_help) {
  o.count = count;
  app.add_option("--model", o.model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_option("--count", o.count, count_help)->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--seed", o.seed, "first seed")->capture_default_str();
  app.add_option("--temperature", o.temperature, "of sampled scenes")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "default: all")->check(CLI::Range(1, 256));
  app.add_option("--json", o.json, "write the figures to this file");
}

int run_program(CLI::App& app, int argc, char** argv, const Options& o, const std::function<void()>& body) {
  keep_heap();  // as the program that is measured
  try {
    app.parse(argc, argv);
    if (o.threads > 0) set_num_threads(o.threads);
    body();
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const UsageError& e) {
    fmt::print(stderr, "{}: {}\n", app.get_name(), e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", app.get_name(), e.what());
    return 1;
  }
}

std::string spread(const std::vector<double>& values, int decimals, double other) {
  const double median = quantile(values, 0.5);
  if (std::isnan(median)) return "-";
  return fmt::format("{:.{}f} / {:.{}f}", median, decimals, quantile(values, other), decimals);
}

Json spread_json(const std::vector<double>& values) {
  return {{"n", values.size()},
          {"p10", quantile(values, 0.1)},
          {"median", quantile(values, 0.5)},
          {"p90", quantile(values, 0.9)}};
}

std::pair<double, double> median_interval(std::vector<double> values) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return {NAN, NAN};
  std::sort(values.begin(), values.end());
  const double n = double(values.size()), half = 1.959964 * std::sqrt(n) / 2;
  const auto at = [&](double rank) { return values[size_t(std::clamp(rank, 0.0, n - 1))]; };
  return {at(std::floor(n / 2 - half)), at(std::ceil(n / 2 + half))};
}

Report::Report(const std::string& question, const Options& o, const Generator* generator) : path_(o.json) {
  document_ = {{"question", question},
               {"version", ORRERY_VERSION},
               {"commit", commit()},
               {"date", today()},
               {"cpu", cpu_name()},
               {"threads", num_threads()},
               {"model", generator ? generator->hash() : ""},
               {"count", o.count},
               {"seed", o.seed}};
  fmt::print("## {}\n\norrery {} {}, {}, {}, {} thread{}{}\n", question, ORRERY_VERSION, commit(), today(),
             cpu_name(), num_threads(), num_threads() == 1 ? "" : "s",
             generator ? ", model " + generator->hash() : "");
  std::fflush(stdout);
}

void Report::print(const Table& t) {
  if (!t.title.empty()) fmt::print("\n{}\n", t.title);
  fmt::print("\n| {} |\n|{}\n", fmt::join(t.columns, " | "), [&] {
    std::string rule;
    for (size_t i = 0; i < t.columns.size(); ++i) rule += "---|";
    return rule;
  }());
  for (const auto& row : t.rows) fmt::print("| {} |\n", fmt::join(row, " | "));
  std::fflush(stdout);
}

void Report::print(const std::string& line) {
  fmt::print("\n{}\n", line);
  std::fflush(stdout);
}

void Report::finish() const {
  if (path_.empty()) return;
  Json all = document_;
  all["figures"] = figures;
  write_atomic(path_, all.dump(1) + "\n");
}

double gemm_rate() {
  constexpr int64_t n = 1024;
  const std::vector<bf16> a(n * n, to_bf16(0.5f)), b = a;
  std::vector<float> c(n * n);
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    matmul(MatmulLayout::kNT, n, n, n, a.data(), b.data(), c.data());
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * n * n * n / best;
}

std::vector<Frame> frames_of(const Generator& generator, PlannedClip& clip) {
  std::vector<Frame> frames;
  generator.frames(clip, [&](const Frame& f) { frames.push_back(f); });
  return frames;
}

double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, const std::vector<uint8_t>* mask) {
  double squared = 0;
  int64_t n = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (mask && !(*mask)[i / 3]) continue;
    const double e = double(a[i]) - b[i];
    squared += e * e, ++n;
  }
  return n ? 10 * std::log10(255.0 * 255.0 / std::max(squared / double(n), 1e-3)) : NAN;
}

std::string describe(const ObjectSpec& o) {
  return fmt::format("{} {} {} {:.2f} m", kColorNames[size_t(o.color)], kMaterialNames[size_t(o.material)],
                     kShapeNames[size_t(o.shape)], o.size);
}


}  // namespace orrery::bench
