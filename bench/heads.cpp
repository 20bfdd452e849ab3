// Domain-gated heads: how far each domain opens the heads, what it costs to leave out those that it hardly opens, and
// what that saves in a pass of text alone and of states alone.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "bench/common.h"
#include "bench/held_out.h"

namespace orrery::bench {
namespace {

constexpr std::array<float, 5> kThresholds = {0.0f, 0.3f, 0.6f, 0.8f, 0.9f};

// Closes for good what opens no further than the threshold; returns how many heads of each domain that are.
std::array<int, kNumDomains> close_heads(UnifiedTransformer& model, float threshold) {
  std::array<int, kNumDomains> closed{};
  for (TransformerLayer& layer : model.layers()) {
    HeadGates& gates = layer.attention.gates;
    const std::vector<float> g = gates.values();
    for (size_t i = 0; i < g.size(); ++i)
      if (g[i] <= threshold) gates.logit.value[i] = -10, ++closed[i / size_t(gates.heads)];
  }
  return closed;
}

// Milliseconds of one pass over `batch` from an empty cache, the best of several.
double pass_time(const UnifiedTransformer& model, const TokenBatch& batch) {
  double best = 1e9;
  for (int i = 0; i < 12; ++i) {
    std::vector<GenerationCache> caches(batch.sequence_begin.size() - 1);
    std::vector<GenerationCache*> pointers;
    for (GenerationCache& c : caches) pointers.push_back(&c);
    Rows<float> hidden;
    const auto start = std::chrono::steady_clock::now();
    model.extend(batch, pointers, true, hidden);
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

TokenBatch text_pass(const Generator& generator) {
  TokenBatch batch;
  const std::vector<int> ids = generator.text().encode("a small red rubber ball rolls to the right across the floor and hits a big blue steel box");
  batch.add_task(Task::kGenerate);
  for (size_t i = 0; i < ids.size(); ++i) batch.add_text(ids[i], int(i));
  batch.end_sequence();
  return batch;
}

TokenBatch state_pass(uint64_t seed) {
  TokenBatch batch;
  SceneDataset dataset(seed, Split::kId, 97);
  dataset.grow_to(24);
  Rng rng(seed, 1);
  for (int i = 0; i < 24; ++i) add_state_sequence(make_state_window(dataset.clip(i), 12, rng), batch);
  return batch;
}

void run(const Options& o) {
  const Generator generator(o.model);
  Report report("Domain-gated heads: what it costs and saves to leave heads out", o, &generator);
  if (!generator.transformer().config().gated_heads) return report.print("These weights have no head gates.");
  const HeldOut h = held_out(generator.text(), generator.tokenizer(), o.count, o.seed);
  const TokenBatch text = text_pass(generator), states = state_pass(o.seed);
  Table t{"", {"heads left out up to a gate of", "closed: linguistic / visual / physical", "text loss", "state loss", "pixel loss", "text pass, ms", "state pass, ms"}, {}};
  Losses base;
  double base_text = 0, base_states = 0;
  for (float threshold : kThresholds) {
    const auto model = UnifiedTransformer::load(generator.model_path(), generator.text().vectors());
    const int heads = int(model->layers().size()) * model->config().attention.heads;
    const auto closed = close_heads(*model, threshold);
    const Losses l = measure(*model, h, "", {});
    const double text_ms = pass_time(*model, text), state_ms = pass_time(*model, states);
    if (threshold == 0) base = l, base_text = text_ms, base_states = state_ms;
    const auto cell = [](double value, double from, const char* format) { return fmt::format(fmt::runtime(format), value, 100 * (value / from - 1)); };
    t.rows.push_back({fmt::format("{:.1f}", threshold), fmt::format("{} / {} / {} of {}", closed[0], closed[1], closed[2], heads), cell(l.text, base.text, "{:.4f} ({:+.1f} %)"),
                      cell(l.states, base.states, "{:.4f} ({:+.1f} %)"), cell(l.pixels, base.pixels, "{:.4f} ({:+.1f} %)"), cell(text_ms, base_text, "{:.2f} ({:+.0f} %)"),
                      cell(state_ms, base_states, "{:.2f} ({:+.0f} %)")});
    report.figures["cases"].push_back({{"threshold", threshold}, {"closed", closed}, {"text", l.text}, {"states", l.states}, {"pixels", l.pixels}, {"text_ms", text_ms}, {"states_ms", state_ms}});
  }
  report.print(t);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Domain-gated heads: loss and time with heads left out", "heads");
  Options options;
  options.seed = 300000;
  add_options(app, options, 96, "scenes");
  return run_program(app, argc, argv, options, [&] { run(options); });
}
