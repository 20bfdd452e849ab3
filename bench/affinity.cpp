// Which experts will each layer's router pick? The affinity predictor's guesses from the tokens' input alone
// against the routers' choices in generation, beside chance and beside always naming the modality's most
// frequent experts; and the time that grouping ahead saves.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <numeric>

#include "bench/common.h"
#include "core/error.h"
#include "core/progress.h"
#include "generate/pipeline.h"
#include "models/rollout.h"
#include "world/captions.h"

namespace orrery::bench {
namespace {

constexpr int kChunks = 12;

using Loads = std::vector<std::vector<int64_t>>;  // [layer][expert]
using Agreements = std::vector<std::array<Agreement, kNumDomains>>;

struct Traces {
  Trace prologue, dynamics, pixels;
};

// Each token of each traced pass: visit(layer, modality, chosen, predicted).
template <class Visit>
void visit_routes(const Traces& traces, Visit&& visit) {
  for (const Trace* trace : {&traces.prologue, &traces.dynamics, &traces.pixels})
    for (const PassTrace& pass : trace->passes)
      for (size_t l = 0; l < pass.layers.size(); ++l)
        for (size_t i = 0; i < pass.layers[l].rows.size(); ++i) {
          const size_t token = size_t(pass.layers[l].rows[i]);
          visit(l, int(modality_of(pass.tokens[token].kind)), pass.layers[l].routes[i],
                pass.predicted[l][token]);
        }
}

// The most frequent experts of a layer and domain as a guess.
Route most_frequent(const std::vector<int64_t>& load, const RouterConfig& router, int domain) {
  const int first = router.first_expert(domain), n = router.experts[size_t(domain)];
  std::vector<int> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), first);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return load[size_t(a)] > load[size_t(b)]; });
  Route r;
  r.domain = int8_t(domain);
  r.count = int8_t(std::min(router.top_k, n));
  for (int j = 0; j < r.count; ++j) r.expert[size_t(j)] = int16_t(order[size_t(j)]);
  return r;
}

struct Pass {
  std::vector<ShownCodes> codes;
  double prologue = 0, states = 0, pixels = 0;  // CPU seconds
};

// traces: null where time is measured.
Pass generate(const UnifiedTransformer& model, const std::vector<int>& ids, uint64_t seed, Traces* traces) {
  const auto now = [] { return double(std::clock()) / CLOCKS_PER_SEC; };
  Pass pass;
  const PrologueRequest request{ids, seed, 0.7, traces ? &traces->prologue : nullptr};
  double start = now();
  const Scene scene = sample_prologues(model, {&request, 1}).front();
  pass.prologue = now() - start;
  GenerationCache cache;
  cache.trace = traces ? &traces->dynamics : nullptr;
  start = now();
  rollout_states(model, scene, kChunks, {}, cache);
  pass.states = now() - start;
  cache.trace = traces ? &traces->pixels : nullptr;
  GenerationCache* const one = &cache;
  start = now();
  generate_codes(
      model, {&one, 1}, kChunks, [&](size_t, int, const ShownCodes& codes) { pass.codes.push_back(codes); },
      effort_of(kDefaultEffort));
  pass.pixels = now() - start;
  return pass;
}

void add(const Agreement& a, Agreement& to) {
  to.tokens += a.tokens, to.choices += a.choices, to.guessed += a.guessed, to.same_sets += a.same_sets;
}

void print_agreement(const RouterConfig& router, const Agreements& guessed, const Agreements& frequent,
                     Report& report) {
  Table t{
      "Share of the routers' choices that were named; in brackets: the modality's most frequent experts of "
      "other clips",
      {"layer"},
      {}};
  for (const char* domain : kDomainNames) t.columns.push_back(domain);
  std::array<Agreement, kNumDomains> all{}, all_frequent{};
  const auto row = [&](const std::string& name, const std::array<Agreement, kNumDomains>& a,
                       const std::array<Agreement, kNumDomains>& f, double (Agreement::*share)() const) {
    std::vector<std::string> cells{name};
    for (size_t d = 0; d < kNumDomains; ++d)
      cells.push_back(fmt::format("{:.1f} % ({:.1f} %)", 100 * (a[d].*share)(), 100 * (f[d].*share)()));
    t.rows.push_back(cells);
  };
  for (size_t l = 0; l < guessed.size(); ++l) {
    row(std::to_string(l), guessed[l], frequent[l], &Agreement::share);
    for (size_t d = 0; d < kNumDomains; ++d) {
      add(guessed[l][d], all[d]), add(frequent[l][d], all_frequent[d]);
      report.figures["agreement"][kDomainNames[d]].push_back({{"share", guessed[l][d].share()},
                                                              {"same_sets", guessed[l][d].sets()},
                                                              {"most_frequent", frequent[l][d].share()}});
    }
  }
  row("all", all, all_frequent, &Agreement::share);
  row("all, whole sets", all, all_frequent, &Agreement::sets);
  std::vector<std::string> chance{"chance"}, tokens{"tokens times layers"};
  Agreement total, total_frequent;
  for (size_t d = 0; d < kNumDomains; ++d) {
    chance.push_back(
        fmt::format("{:.1f} %", 100.0 * std::min(router.top_k, router.experts[d]) / router.experts[d]));
    tokens.push_back(std::to_string(all[d].tokens));
    add(all[d], total), add(all_frequent[d], total_frequent);
  }
  t.rows.insert(t.rows.end(), {chance, tokens});
  report.print(t);
  report.print(fmt::format(
      "All tokens together: {:.1f} % of the choices named, by the most frequent experts {:.1f} %.",
      100 * total.share(), 100 * total_frequent.share()));
  report.figures["all"] = {{"share", total.share()}, {"most_frequent", total_frequent.share()}};
}

void print_times(const std::vector<Pass>& plain, const std::vector<Pass>& planned, Report& report) {
  Table t{"CPU time of a clip of 2 s, grouped ahead against grouped by the routers, same bytes: median / p90",
          {"", "routers alone, ms", "grouped ahead over that (paired)"},
          {}};
  const auto row = [&](const char* name, double Pass::*field) {
    std::vector<double> ms, ratio;
    for (size_t i = 0; i < plain.size(); ++i)
      ms.push_back(1e3 * plain[i].*field), ratio.push_back(planned[i].*field / (plain[i].*field));
    t.rows.push_back({name, spread(ms, 1), spread(ratio, 3)});
    report.figures["time"][name] = {{"plain_ms", spread_json(ms)}, {"ratio", spread_json(ratio)}};
  };
  row("prologue", &Pass::prologue);
  row("states", &Pass::states);
  row("pixels", &Pass::pixels);
  report.print(t);
}

void run(const Options& o) {
  const Generator generator(o.model);
  Report report("Expert affinity predictor: agreement with the routers in generation, and time", o,
                &generator);
  if (!generator.transformer().affinity())
    return report.print(
        "These weights have no affinity predictor: `orrery train affinity --config "
        "src/train/configs/affinity.json --initial MODEL --weights OUT`.");
  const auto model = UnifiedTransformer::load(generator.model_path(), generator.text().vectors());
  const RouterConfig& router = model->config().router;
  const auto prompts = held_out_prompts(2 * o.count, o.seed);
  Loads loads(model->layers().size(), std::vector<int64_t>(size_t(router.num_experts())));
  Agreements guessed(loads.size()), frequent(loads.size());
  std::vector<Pass> plain, planned;
  Progress progress("affinity", 2 * o.count, "clips");
  for (int i = 0; i < 2 * o.count; ++i, progress.update(i)) {
    const uint64_t seed = o.seed + uint64_t(i);
    const std::vector<int> ids = generator.text().encode(prompts[size_t(i)].text);
    Traces traces;
    generate(*model, ids, seed, &traces);
    if (i < o.count) {  // the first half only says which experts are frequent
      visit_routes(traces, [&](size_t l, int, const Route& chosen, const Route&) {
        for (int j = 0; j < chosen.count; ++j) ++loads[l][size_t(chosen.expert[size_t(j)])];
      });
      continue;
    }
    visit_routes(traces, [&](size_t l, int d, const Route& chosen, const Route& predicted) {
      guessed[l][size_t(d)].add(chosen, predicted);
      frequent[l][size_t(d)].add(chosen, most_frequent(loads[l], router, d));
    });
    for (bool plans : {i % 2 == 0, i % 2 != 0}) {
      model->plan_experts(plans);
      (plans ? planned : plain).push_back(generate(*model, ids, seed, nullptr));
    }
    if (plain.back().codes != planned.back().codes) fail("clip {}: grouping ahead changed the codes", i);
  }
  progress.finish();
  print_agreement(router, guessed, frequent, report);
  print_times(plain, planned, report);
  report.print(fmt::format("{} clips of {} chunks, prompts with held-out words.", o.count, kChunks));
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Agreement of the affinity predictor with the routers, and time saved", "affinity");
  Options options;
  options.seed = 400000;
  add_options(app, options, 16, "clips that are judged");
  return run_program(app, argc, argv, options, [&] { run(options); });
}
