// Attention from latents, expanded or absorbed: which is faster for how many queries over how many keys?
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bench/common.h"
#include "nn/mla.h"

namespace orrery::bench {
namespace {

// Microseconds, the best of `count` rounds.
double microseconds(const MlaLayer& layer, int queries, int keys, MlaForm form, int count) {
  Rng rng(7, uint64_t(queries * 1000 + keys));
  Rows<float> x, rows, rope, y;
  x.resize(queries, layer.config.d_model), rows.resize(keys, layer.config.kv_latent_dim + layer.config.dims.rope);
  for (Rows<float>* r : {&x, &rows})
    for (int64_t i = 0; i < r->rows() * r->cols(); ++i) r->data()[i] = float(rng.normal());
  Rows<bf16> half;
  to_bf16(x, half);
  rope_table(std::vector<Place>(size_t(queries), Place{1, 2, true}), rope);
  AttentionPlan plan;
  plan.add(queries, keys, std::vector<uint8_t>(size_t(queries) * size_t(keys), 1));
  const std::vector<uint8_t> domain(size_t(queries), 0);
  MlaCache scratch;
  double best = 1e9;
  for (int i = -2; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    mla_attend(layer, plan, rope, half, rows, domain, 0, scratch, y, form);
    if (i >= 0) best = std::min(best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void run(const Options& o) {
  const Generator generator(o.model);
  Report report("Latent attention of one layer: expanded and absorbed", o, &generator);
  const UnifiedTransformerConfig& c = generator.transformer().config();
  const MlaConfig config{c.d_model, c.attention, c.kv_latent_dim, 0, 0};
  Rng rng(1);
  ParameterList list;
  MlaLayer layer;
  layer.declare(list, "layer", config, rng);
  std::vector<std::vector<std::string>> table;
  int right = 0, total = 0;
  for (const auto& [what, queries, keys] : std::initializer_list<std::tuple<const char*, int, int>>{
           {"an attribute of the prologue", 1, 30}, {"an attribute of the prologue", 1, 90}, {"two objects, next chunk", 2, 16}, {"five objects, next chunk", 5, 36},
           {"a prompt", 12, 13}, {"a long prompt", 48, 49}, {"patches, most pruned", 24, 260}, {"patches, half pruned", 120, 260}, {"all patches", 240, 260}}) {
    const double expanded = microseconds(layer, queries, keys, MlaForm::kExpanded, o.count), absorbed = microseconds(layer, queries, keys, MlaForm::kAbsorbed, o.count);
    const bool chosen = faster_form(config, queries, keys) == MlaForm::kAbsorbed;
    right += chosen == (absorbed < expanded), ++total;
    table.push_back({what, std::to_string(queries), std::to_string(keys), fmt::format("{:.0f}", expanded), fmt::format("{:.0f}", absorbed), chosen ? "absorbed" : "expanded"});
  }
  report.print(Table{"Microseconds, best of the rounds", {"pass", "queries", "keys", "expanded", "absorbed", "chosen"}, table});
  report.print(fmt::format("The faster form is chosen in {} of {} cases.", right, total));
  report.figures = {{"right", right}, {"total", total}};
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Latent attention, expanded against absorbed", "mla_forms");
  Options options;
  add_options(app, options, 50, "rounds");
  return run_program(app, argc, argv, options, [&] { run(options); });
}
