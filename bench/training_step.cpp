// How long does one training step of the transformer take? Forward, losses, backward, optimizer with clipping
// and weight average, on a batch like training's. bench/training_step.py times a PyTorch model of the same
// shapes beside it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/common.h"
#include "core/files.h"
#include "data/token_streams.h"
#include "models/objectives.h"
#include "nn/optimizer.h"

namespace orrery::bench {
namespace {

struct Mixture {
  int windows = 84, prologues = 20, pixels = 44, patches = 64,
      chunks = 12;  // sequences of each kind; of the second training phase
};

struct Batch {
  TokenBatch tokens;
  std::vector<PrologueItem> prologues;
  PatchTargets patches;
  Rows<float> state_targets;
  std::vector<float> state_weights;
};

void add_state_targets(const std::vector<StateWindow>& windows, Batch& batch) {
  batch.state_targets.resize(batch.tokens.objects.count(), kObjectOutputs);
  batch.state_targets.zero();
  batch.state_weights.assign(size_t(batch.tokens.objects.count()), 0.0f);
  int64_t row = 0;
  for (const StateWindow& w : windows)
    for (size_t c = 0; c < w.input.size(); ++c)
      for (size_t k = 0; k < w.input[c].size(); ++k, ++row) {
        residual_targets(w.input[c][k], w.truth[c][k], batch.state_targets.row(row));
        batch.state_weights[size_t(row)] = 1;
      }
}

Batch make_batch(const Generator& generator, const Mixture& m, uint64_t seed) {
  constexpr int kScenes = 64, kPixelSamples = 6;
  SceneDataset scenes(seed, Split::kTrain, 97);
  scenes.grow_to(kScenes);
  Rng rng(seed, hash64("training_step"));
  Batch batch;
  std::vector<StateWindow> windows;
  for (int i = 0; i < m.windows; ++i) {
    windows.push_back(make_state_window(scenes.variant(rng.below(kScenes), rng), m.chunks, rng));
    add_state_sequence(windows.back(), batch.tokens);
  }
  const CaptionNoise noise(generator.text());
  for (int i = 0; i < m.prologues; ++i)
    add_prologue_sequence(scenes.variant(rng.below(kScenes), rng), noise, 0.25, rng, batch.tokens,
                          batch.prologues);
  std::vector<PixelSample> samples;
  for (int i = 0; i < std::min(kPixelSamples, m.pixels); ++i)
    samples.push_back(make_pixel_sample(scenes.variant(rng.below(kScenes), rng), i, generator.tokenizer()));
  for (int i = 0; i < m.pixels; ++i)
    add_pixel_sequence(samples[size_t(i) % samples.size()], m.patches, generator.tokenizer().dims(),
                       generator.tokenizer().levels(), rng, batch.tokens, batch.patches);
  add_state_targets(windows, batch);
  return batch;
}

// One step; returns seconds of forward, backward (with the losses), optimizer.
std::array<double, 3> step(UnifiedTransformer& model, AdamW& optimizer, const Batch& b, ForwardCache& cache,
                           Rows<float>& dhidden) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  RoutingOptions options;
  options.training = true;
  auto start = Clock::now();
  model.parameters().zero_gradients();
  model.forward(b.tokens, options, cache);
  const double forward = since(start);
  start = Clock::now();
  dhidden.resize(cache.hidden.rows(), cache.hidden.cols());
  dhidden.zero();
  prologue_objective(model, b.tokens, b.prologues, cache.hidden, 0.5, &dhidden);
  object_objective(model, b.tokens, b.state_targets, b.state_weights, cache.hidden, 1, &dhidden);
  patch_objective(model, b.tokens, b.patches.codes, b.patches.unchanged, cache.hidden, 0.5, &dhidden);
  model.backward(b.tokens, cache, dhidden);
  const double backward = since(start);
  start = Clock::now();
  optimizer.step(1e-5);
  return {forward, backward, since(start)};
}

// All that a model of the same shapes needs to know.
Json shapes_of(const UnifiedTransformer& model, const Mixture& m, const Batch& b) {
  std::vector<int64_t> lengths;
  for (size_t s = 0; s + 1 < b.tokens.sequence_begin.size(); ++s)
    lengths.push_back(b.tokens.sequence_begin[s + 1] - b.tokens.sequence_begin[s]);
  return {{"config", model.config().to_json()},
          {"parameters", const_cast<UnifiedTransformer&>(model).parameters().total_size()},
          {"sequence_lengths", lengths},
          {"streams", {m.windows, m.prologues, m.pixels}},
          {"modality", b.tokens.modality},
          {"rows",
           {{"text", b.tokens.text_rows.size()},
            {"prologue", b.tokens.prologue.count()},
            {"scene", b.tokens.scene.count()},
            {"objects", b.tokens.objects.count()},
            {"patches", b.tokens.patches.count()}}},
          {"widths",
           {{"text", model.config().text_vector_dim + model.config().text_learned_dim},
            {"prologue", kPrologueFeatures},
            {"scene", kSceneFeatures},
            {"objects", model.config().frame_waves ? kObjectFeatures : kObjectFeaturesNoWaves},
            {"patches", patch_features(model.config().code_dims)}}},
          {"outputs",
           {{"prologue", kNumAttributes * kLevels},
            {"objects", kObjectOutputs},
            {"patches", model.config().code_dims * model.config().code_levels + 1}}}};
}

// Products that the layers ask for, forward and twice that backward: an adapter's for the tokens that have one, scores and
// sums for the pairs that see each other. Not counted: embeddings, heads, padding, what is computed again, masked pairs.
double layer_flops(const UnifiedTransformerConfig& c, const TokenBatch& batch) {
  const AttentionPlan plan = batch.plan(c.layout);
  const double pairs = double(std::ranges::count_if(plan.bucket, [](uint8_t b) { return b != kMasked; }));
  const double adapted = double(std::ranges::count_if(batch.modality, [](uint8_t m) { return Domain(m) != Domain::kPhysical; }));
  const double d = c.d_model, heads = c.attention.heads, relative = c.relative_values ? c.attention.rope : 0;
  const double q = heads * c.attention.qk(), kv = c.kv_latent_dim + c.attention.rope, out = heads * (c.attention.value + relative);
  const double attention = d * q + d * kv + c.kv_latent_dim * heads * (c.attention.nope + c.attention.value) + out * d;
  const double adapters = c.adapter_rank * (d + q + d + kv + out + d);
  const double ffn = 3 * d * (c.shared_hidden + c.router.top_k * c.expert_hidden) + d * (kNumDomains + c.router.num_experts());
  return 3 * 2 * c.num_layers * (double(batch.size()) * (attention + ffn) + adapted * adapters + pairs * (q + out));
}

void run(const Options& o, const Mixture& m) {
  const Generator generator(o.model);
  Report report("One training step of the transformer: forward, losses, backward, optimizer", o, &generator);
  const Batch batch = make_batch(generator, m, o.seed);
  const auto model = UnifiedTransformer::load(generator.model_path(), generator.text().vectors());
  AdamW optimizer(model->parameters(), {});
  ForwardCache cache;
  Rows<float> dhidden;
  std::vector<double> total, forward, backward, update;
  for (int i = -2; i < o.count; ++i) {  // two to warm up
    const auto [f, b, u] = step(*model, optimizer, batch, cache, dhidden);
    if (i < 0) continue;
    forward.push_back(f), backward.push_back(b), update.push_back(u), total.push_back(f + b + u);
  }
  const double rate = double(batch.tokens.size()) / quantile(total, 0.5);
  const double peak = gemm_rate(), share = layer_flops(model->config(), batch.tokens) / quantile(total, 0.5) / peak;
  report.print(Table{fmt::format("{} sequences, {} tokens, {:.2f} M parameters; seconds, median / p90",
                                 batch.tokens.sequence_begin.size() - 1, batch.tokens.size(),
                                 double(model->parameters().total_size()) / 1e6),
                     {"N steps", "step", "forward", "losses and backward", "optimizer", "tokens/s", "share of the bf16 GEMM rate"},
                     {{std::to_string(o.count), spread(total), spread(forward), spread(backward),
                       spread(update), fmt::format("{:.0f}", rate), fmt::format("{:.0f} % of {:.2f} TFLOP/s", 100 * share, peak / 1e12)}}});
  report.figures = {{"step_s", spread_json(total)},         {"forward_s", spread_json(forward)},
                    {"backward_s", spread_json(backward)},  {"optimizer_s", spread_json(update)},
                    {"tokens", batch.tokens.size()},        {"tokens_per_s", rate}, {"gemm_share", share},
                    {"shapes", shapes_of(*model, m, batch)}};
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Time of one training step of the transformer", "training_step");
  Options options;
  Mixture mixture;
  add_options(app, options, 10, "steps that are timed");
  app.add_option("--windows", mixture.windows, "state sequences")->capture_default_str();
  app.add_option("--prologues", mixture.prologues, "caption sequences")->capture_default_str();
  app.add_option("--pixels", mixture.pixels, "pixel sequences")->capture_default_str();
  app.add_option("--patches", mixture.patches, "patches of a pixel sequence")->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, mixture); });
}
