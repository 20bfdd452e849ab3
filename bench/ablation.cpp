// What is each part of the architecture worth? Small models, the same but for one part, trained for equally
// many steps on the same data, with several seeds; held-out loss of every task and time a step. Runs are
// appended to a file as they end, and those that are in it already are not repeated.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "bench/held_out.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "train/transformer_trainer.h"

namespace orrery::bench {
namespace {

// One row: the name, and what it changes in the configuration (RFC 7396 merge patch).
struct Variant {
  const char *name, *patch;
};
constexpr Variant kVariants[] = {
    {"all parts on", "{}"},
    {"hard routing by modality", R"({"model": {"route_by_modality": true}})"},
    {"dense, equal active size",
     R"({"model": {"experts_linguistic": 0, "experts_visual": 0, "experts_physical": 0, "shared_hidden": 256}})"},
    {"no shared expert, equal active size", R"({"model": {"shared_hidden": 0, "expert_hidden": 128}})"},
    {"no group limit in top-k", R"({"model": {"top_groups": 4}})"},
    {"no balance bias", R"({"model": {"balance_bias": false}})"},
    {"no soft-clustering loss", R"({"model": {"cluster_weight": 0}})"},
    {"heads not gated", R"({"model": {"gated_heads": false}})"},
    {"latent as wide as all keys and values", R"({"model": {"kv_latent_dim": 256}})"},
    {"gate is a small transformer", R"({"model": {"gate_width": 32}})"},
    {"no training on own predictions",
     R"({"phases": [{"until": 1, "prologues": 10, "windows": 16, "pixels": 10, "own_passes": 0, "state_noise": 0.4}]})"},
};

Json base_config(const std::string& tokenizer, int steps, uint64_t seed) {
  return {{"model",
           {{"d_model", 128},
            {"num_layers", 4},
            {"num_heads", 4},
            {"kv_latent_dim", 32},
            {"expert_hidden", 64},
            {"shared_hidden", 128},
            {"gated_heads", true}}},
          {"seed", seed},
          {"tokenizer", tokenizer},
          {"scenes", 1500},
          {"scenes_per_step", 0},
          {"window_chunks", 8},
          {"patches_per_sample", 24},
          {"pixel_pool", 48},
          {"pixels_new_per_step", 0},
          {"pixel_weight", 1.0},
          {"phases",
           Json::array({Json{{"until", 1},
                             {"prologues", 10},
                             {"windows", 16},
                             {"pixels", 10},
                             {"own_passes", 1},
                             {"state_noise", 0.4}}})},
          {"optimizer", {{"clip_norm", 1.0}, {"ema_decay", 0.9}}},
          {"schedule", {{"peak", 0.004}, {"last", 0.0001}, {"warmup_steps", 15}, {"steps", steps}}}};
}

struct Arguments {
  std::string runs = "ablation.jsonl", tokenizer;
  int steps = 150, seeds = 2, held_out = 64;
};

std::vector<Json> read_runs(const std::string& path) {
  std::vector<Json> runs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) runs.push_back(parse_json(line, path));
  return runs;
}

bool is_run(const Json& r, const std::string& name, int steps) {
  return r.at("variant").get<std::string>() == name && r.at("steps").get<int>() == steps;
}

bool is_done(const std::vector<Json>& runs, const std::string& name, int steps, int seed) {
  return std::ranges::any_of(runs, [&](const Json& r) {
    return is_run(r, name, steps) && r.at("seed").get<int>() == seed;
  });
}

// Evenness of the experts' load over the layers, domains with tokens: entropy over its maximum, the least of
// them.
double least_evenness(const RouterConfig& router, const std::vector<RoutingStats>& stats) {
  double least = 1;
  for (const RoutingStats& s : stats)
    for (int d = 0; d < kNumDomains; ++d) {
      const int first = router.first_expert(d), n = router.experts[size_t(d)];
      double total = 0, entropy = 0;
      for (int e = first; e < first + n; ++e) total += double(s.load[size_t(e)]);
      for (int e = first; e < first + n && total > 0; ++e)
        if (const double p = double(s.load[size_t(e)]) / total; p > 0) entropy -= p * std::log(p);
      if (total > 0 && n > 1) least = std::min(least, entropy / std::log(double(n)));
    }
  return least;
}

Json train_one(const Variant& v, const Arguments& a, uint64_t seed, const HeldOut& h) {
  Json config = base_config(a.tokenizer, a.steps, seed);
  config.merge_patch(parse_json(v.patch, v.name));
  TransformerTrainer trainer(TransformerTrainConfig::from_json(config));
  trainer.step();  // fills the pool of pictures: not timed
  std::vector<double> seconds;
  while (trainer.state().step < a.steps) {
    const std::clock_t start = std::clock();
    trainer.step();
    seconds.push_back(double(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::nth_element(seconds.begin(), seconds.begin() + int64_t(seconds.size() / 2), seconds.end());
  const Losses l = measure(trainer.model(), h, v.name, {});
  int64_t tokens = 0, left = 0;
  for (const RoutingStats& s : l.stats) tokens += s.tokens, left += s.left_modality;
  return {{"variant", v.name},
          {"steps", a.steps},
          {"seed", seed},
          {"parameters", trainer.model().parameters().total_size()},
          {"text", l.text},
          {"states", l.states},
          {"pixels", l.pixels},
          {"cpu_seconds_a_step", seconds[seconds.size() / 2]},
          {"left_modality", double(left) / double(tokens)},
          {"least_evenness", least_evenness(trainer.model().config().router, l.stats)}};
}

double mean_of(const std::vector<Json>& runs, const std::string& name, int steps, const char* field,
               double* half_range = nullptr) {
  double sum = 0, low = 1e30, high = -1e30;
  int n = 0;
  for (const Json& r : runs)
    if (is_run(r, name, steps)) {
      const double v = r.at(field).get<double>();
      sum += v, low = std::min(low, v), high = std::max(high, v), ++n;
    }
  if (half_range) *half_range = (high - low) / 2;
  return n ? sum / n : NAN;
}

void print_table(const std::vector<Json>& runs, const Arguments& a) {
  fmt::print(
      "## Ablation: each part off, all else equal\n\n`ablation --steps {} --seeds {}`: width 128, 4 layers, "
      "{} training steps, {} seeds; losses on {} held-out scenes: mean over seeds +- half their range, "
      "and the change against all parts on. Time: CPU of a step, median.\n\n",
      a.steps, a.seeds, a.steps, a.seeds, a.held_out);
  fmt::print(
      "| variant | parameters | text | states | pixels | CPU ms a step | tokens outside their modality's "
      "domain | least even experts |\n|---|---|---|---|---|---|---|---|\n");
  const char* base = kVariants[0].name;
  for (const Variant& v : kVariants) {
    if (std::ranges::none_of(
            runs, [&](const Json& r) { return is_run(r, v.name, a.steps); }))
      continue;
    const auto cell = [&](const char* field, int decimals) {
      double spread = 0;
      const double value = mean_of(runs, v.name, a.steps, field, &spread);
      return fmt::format("{:.{}f} +- {:.{}f} ({:+.1f} %)", value, decimals, spread, decimals,
                         100 * (value / mean_of(runs, base, a.steps, field) - 1));
    };
    const double ms = 1e3 * mean_of(runs, v.name, a.steps, "cpu_seconds_a_step");
    fmt::print("| {} | {:.2f} M | {} | {} | {} | {:.0f} ({:+.0f} %) | {:.2f} % | {:.2f} |\n", v.name,
               mean_of(runs, v.name, a.steps, "parameters") / 1e6, cell("text", 3), cell("states", 4),
               cell("pixels", 4), ms,
               100 * (ms / 1e3 / mean_of(runs, base, a.steps, "cpu_seconds_a_step") - 1),
               100 * mean_of(runs, v.name, a.steps, "left_modality"),
               mean_of(runs, v.name, a.steps, "least_evenness"));
  }
}

void run(const Arguments& a) {
  const TextTokenizer text = TextTokenizer::load_shipped();
  const auto tokenizer = VideoTokenizer::load(a.tokenizer);
  const HeldOut h = held_out(text, *tokenizer, a.held_out, 300000);
  std::vector<Json> runs = read_runs(a.runs);
  Progress progress("ablation", int64_t(std::size(kVariants)) * a.seeds, "runs");
  int64_t done = 0;
  for (int seed = 1; seed <= a.seeds; ++seed)
    for (const Variant& v : kVariants) {
      progress.update(++done, v.name);
      if (is_done(runs, v.name, a.steps, seed)) continue;
      runs.push_back(train_one(v, a, uint64_t(seed), h));
      std::ofstream file(a.runs, std::ios::app);
      file << runs.back().dump() << std::endl;
      if (!file) fail("{}: cannot be written to", a.runs);
    }
  progress.finish();
  print_table(runs, a);
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery;
  CLI::App app("Small models, each without one part of the architecture, trained equally long", "ablation");
  bench::Arguments a;
  int threads = 1;
  app.add_option("--runs", a.runs, "file of finished runs, JSON lines; continued if it exists")
      ->capture_default_str();
  app.add_option("--tokenizer", a.tokenizer, "video tokenizer (default: the shipped one)")
      ->check(CLI::ExistingFile);
  app.add_option("--steps", a.steps, "training steps a run")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  app.add_option("--seeds", a.seeds, "runs of each variant")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--held-out", a.held_out, "scenes that losses are measured on")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 256))->capture_default_str();
  app.footer("Example:\n  ablation --steps 150 --seeds 2 --runs ablation.jsonl > bench/results/ablation.md");
  CLI11_PARSE(app, argc, argv);
  try {
    set_num_threads(threads);
    if (a.tokenizer.empty()) a.tokenizer = find_data_file("tokenizer.safetensors").string();
    bench::run(a);
  } catch (const Error& e) {
    fmt::print(stderr, "ablation: {}\n", e.what());
    return 1;
  }
}
