// What does the router do? Which share of the experts works and how evenly, a domain and a layer; which tokens leave
// their modality's domain; how much worse every task gets when tokens are forced into a wrong domain, or take one
// expert instead of two, or the shared expert alone.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "bench/common.h"
#include "bench/held_out.h"
#include "cli/inspect_figures.h"

namespace orrery::bench {
namespace {

void print_use(const RouterConfig& config, const std::vector<RoutingStats>& stats, const std::string& title, Report& report) {
  Table t{title, {"layer"}, {}};
  for (const char* domain : kDomainNames) t.columns.push_back(fmt::format("{} ({} experts)", domain, config.experts[t.columns.size() - 1]));
  t.columns.insert(t.columns.end(), {"left their modality's domain", "fell back to the shared expert"});
  for (size_t l = 0; l < stats.size(); ++l) {
    std::vector<std::string> row{std::to_string(l)};
    Json json;
    for (int d = 0; d < kNumDomains; ++d) {
      const ExpertUse use = expert_use(std::span(stats[l].load).subspan(config.first_expert(d), config.experts[d]));
      row.push_back(fmt::format("{:.0f} % used, evenness {:.2f}", 100 * use.used, use.evenness));
      json[kDomainNames[d]] = {{"used", use.used}, {"evenness", use.evenness}};
    }
    const double n = double(stats[l].tokens);
    row.push_back(fmt::format("{:.2f} %", 100 * double(stats[l].left_modality) / n));
    row.push_back(fmt::format("{:.2f} %", 100 * double(stats[l].fallback) / n));
    t.rows.push_back(row);
    report.figures[title].push_back(json);
  }
  report.print(t);
}

void run(const Options& o) {
  const Generator generator(o.model);
  Report report("Routing on held-out sequences of every task", o, &generator);
  auto model = UnifiedTransformer::load(generator.model_path(), generator.text().vectors());
  const HeldOut h = held_out(generator.text(), generator.tokenizer(), o.count, o.seed);
  const std::array<std::pair<const char*, RoutingOptions>, 4> cases{{{"as trained", {}},
                                                                      {"one expert a token (top_k 1)", {false, 1, -1}},
                                                                      {"forced one domain on", {false, 0, 1}},
                                                                      {"forced two domains on", {false, 0, 2}}}};
  std::vector<Losses> all;
  for (const auto& [name, options] : cases) all.push_back(measure(*model, h, name, options));
  for (TransformerLayer& layer : model->layers()) layer.ffn.router.config.fallback_threshold = 2;  // above any confidence
  all.push_back(measure(*model, h, "the shared expert alone", {}));
  print_use(model->config().router, all[0].stats, "Experts in use", report);
  Table t{"Loss of every task, by what the router is made to do", {"", "text to scene", "states", "pixels"}, {}};
  for (const Losses& l : all) {
    const auto cell = [](double value, double base) { return fmt::format("{:.4f} ({:+.0f} %)", value, 100 * (value / base - 1)); };
    t.rows.push_back({l.name, cell(l.text, all[0].text), cell(l.states, all[0].states), cell(l.pixels, all[0].pixels)});
    report.figures["loss"].push_back({{"case", l.name}, {"text", l.text}, {"states", l.states}, {"pixels", l.pixels}});
  }
  report.print(t);
  report.print(fmt::format("{} tokens: {} of text and prologue sequences' items, {} objects, {} patches.", h.batch.size(), h.items.size(),
                           h.batch.objects.count(), h.batch.patches.count()));
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Experts in use, tokens that leave their domain, losses under a forced domain", "routing");
  Options options;
  options.seed = 300000;
  add_options(app, options, 160, "scenes");
  return run_program(app, argc, argv, options, [&] { run(options); });
}
