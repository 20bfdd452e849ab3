#include "train/affinity_trainer.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/json_fields.h"
#include "core/progress.h"
#include "models/affinity_input.h"
#include "train/train_log.h"

namespace orrery {
namespace {

constexpr int kClipFrames = 97, kPatchesOfAChunk = 100, kScenesABatch = 8;  // patches by interest: deep layers see those alone
constexpr double kNoPrevious = 0.1;  // in generation only the first chunk has none before it

template <class Config, class Visit>
void visit_affinity_fields(Config& c, Visit&& visit) {
  visit("seed", c.seed);
  visit("tokenizer", c.tokenizer);
  visit("hidden", c.hidden);
  visit("scenes", c.scenes);
  visit("chunks_per_scene", c.chunks_per_scene);
  visit("captions_per_scene", c.captions_per_scene);
  visit("word_dropout", c.word_dropout);
  visit("window_chunks", c.window_chunks);
  visit("state_noise", c.state_noise);
  visit("held_out", c.held_out);
  visit("rows", c.rows);
  visit("plan_experts", c.plan_experts);
  visit("log_steps", c.log_steps);
}

void check(const AffinityTrainConfig& c) {
  auto in = [](const char* name, double value, double lo, double hi) {
    if (value < lo || value > hi) fail("affinity config: {} = {} is outside {}..{}", name, value, lo, hi);
  };
  in("hidden", c.hidden, 1, 4096);
  in("scenes", c.scenes, 2, 100000);
  in("held_out", c.held_out, 1, c.scenes - 1);
  in("chunks_per_scene", c.chunks_per_scene, 0, 20);
  in("captions_per_scene", c.captions_per_scene, 0, 20);
  in("word_dropout", c.word_dropout, 0, 1);
  in("window_chunks", c.window_chunks, 1, 24);
  in("rows", c.rows, 8, 1 << 20);
  in("log_steps", c.log_steps, 1, 1 << 30);
  if (c.schedule.steps <= 0)
    fail("affinity config: schedule.steps must be given: the fit is counted in steps");
}

// Tokens of every batch, kept apart: a joined copy of them would take as much memory again.
struct Pool {
  std::vector<RoutedTokens> parts;
  std::vector<int64_t> begin = {0};
  void add(RoutedTokens part) {
    begin.push_back(begin.back() + part.x.rows());
    parts.push_back(std::move(part));
  }
};

RoutedTokens picked(const Pool& pool, int rows, Rng& rng) {
  const RoutedTokens& like = pool.parts.front();
  RoutedTokens out;
  out.x.resize(rows, like.x.cols());
  out.routes.assign(like.routes.size(), {});
  for (int i = 0; i < rows; ++i) {
    const int64_t any = rng.below(int(pool.begin.back()));
    const auto next = std::upper_bound(pool.begin.begin(), pool.begin.end(), any);
    const RoutedTokens& from = pool.parts[size_t(next - pool.begin.begin()) - 1];
    const int64_t t = any - *(next - 1);
    std::copy_n(from.x.row(t), from.x.cols(), out.x.row(i));
    out.modality.push_back(from.modality[size_t(t)]);
    for (size_t l = 0; l < from.routes.size(); ++l) out.routes[l].push_back(from.routes[l][size_t(t)]);
  }
  return out;
}

struct Sources {
  const AffinityTrainConfig& config;
  const CaptionNoise& noise;
  const VideoTokenizer& video;
  const SceneDataset& scenes;
};

// Scenes [begin, end): states, captions, and chunks of patches, as one batch.
TokenBatch make_batch(const Sources& s, int begin, int end) {
  TokenBatch batch;
  std::vector<PrologueItem> items;
  PatchTargets patches;
  const AffinityTrainConfig& c = s.config;
  for (int i = begin; i < end; ++i) {
    Rng rng(c.seed, hash64("affinity") + uint64_t(i));
    const DatasetClip clip = s.scenes.variant(i, rng);
    StateWindow window = make_state_window(clip, c.window_chunks, rng);
    add_state_noise(window, c.state_noise, rng);
    add_state_sequence(window, batch);
    const auto share_of_scene = [&](double per_scene) { return int((i + 1) * per_scene) - int(i * per_scene); };
    for (int n = share_of_scene(c.captions_per_scene); n > 0; --n) add_prologue_sequence(clip, s.noise, c.word_dropout, rng, batch, items);
    for (int n = share_of_scene(c.chunks_per_scene); n > 0; --n)
      add_pixel_sequence(make_pixel_sample(clip, 1 + rng.below(20), s.video), kPatchesOfAChunk,
                         s.video.dims(), s.video.levels(), rng, batch, patches, 0, kNoPrevious);
  }
  return batch;
}

Pool collect(const UnifiedTransformer& model, const Sources& s, bool quiet) {
  Progress progress("routes", s.config.scenes, "scenes", quiet);
  Pool pool;
  const int fitted = s.config.scenes - s.config.held_out;
  for (int begin = 0; begin < fitted; begin += kScenesABatch) {
    const int end = std::min(fitted, begin + kScenesABatch);
    pool.add(routed_tokens(model, make_batch(s, begin, end)));
    progress.update(end);
  }
  return pool;
}

Json agreement_json(const std::vector<std::array<Agreement, kNumDomains>>& layers) {
  Json out;
  for (int d = 0; d < kNumDomains; ++d)
    for (const auto& layer : layers) out[kDomainNames[size_t(d)]].push_back(layer[size_t(d)].share());
  return out;
}

// The model's file with the predictor in place of an older one; every other tensor as it was.
void write_with(const SafetensorsFile& model, const UnifiedTransformer& transformer,
                const AffinityPredictor& predictor, const AffinityTrainConfig& config,
                const TrainOptions& options) {
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : model.tensors())
    if (!name.starts_with("affinity.")) writer.add(name, tensor.dtype, tensor.shape, tensor.bytes);
  for (const auto& [key, value] : model.all_metadata()) writer.set_metadata(key, value);
  UnifiedTransformerConfig own = transformer.config();
  own.plan_experts = config.plan_experts;
  writer.set_metadata("config", own.to_json().dump());
  writer.set_metadata("affinity_command", options.command);
  predictor.save(writer);
  writer.write(options.weights);
}

}  // namespace

Json AffinityTrainConfig::to_json() const {
  Json json;
  visit_affinity_fields(*this, [&](const char* name, const auto& value) { json[name] = value; });
  json["schedule"] = schedule.to_json();
  return json;
}

AffinityTrainConfig AffinityTrainConfig::from_json(const Json& json) {
  AffinityTrainConfig c;
  std::set<std::string> known = {"schedule"};
  visit_affinity_fields(c, [&](const char* name, auto& value) {
    known.insert(name);
    read_field(json, "affinity config", name, value);
  });
  refuse_unknown(json, known, "affinity config");
  if (json.contains("schedule")) c.schedule = Schedule::from_json(json.at("schedule"));
  check(c);
  return c;
}

RoutedTokens routed_tokens(const UnifiedTransformer& model, const TokenBatch& batch) {
  ForwardCache cache;
  model.forward(batch, {}, cache);
  RoutedTokens out;
  const Rows<float>& x = cache.layers.front().x;
  out.x.resize(batch.size(), kAffinityParts * x.cols());
  for (size_t s = 0; s + 1 < batch.sequence_begin.size(); ++s) {
    const int64_t begin = batch.sequence_begin[s], count = batch.sequence_begin[s + 1] - begin;
    std::vector<const float*> rows;
    for (int64_t i = 0; i < count; ++i) rows.push_back(x.row(begin + i));
    affinity_input({batch.tokens.data() + begin, size_t(count)}, rows, x.cols(), 0, model.config().layout, out.x, begin);
  }
  out.modality = batch.modality;
  for (const LayerCache& layer : cache.layers) out.routes.push_back(layer.ffn.router.routes);
  return out;
}

std::vector<std::array<Agreement, kNumDomains>> agreement_of(const AffinityPredictor& predictor,
                                                             const RoutedTokens& tokens) {
  std::vector<std::vector<Route>> predicted;
  predictor.predict(tokens.x, tokens.modality, 0, predicted);
  std::vector<std::array<Agreement, kNumDomains>> out(predicted.size());
  for (size_t l = 0; l < predicted.size(); ++l)
    for (size_t t = 0; t < tokens.modality.size(); ++t)
      out[l][tokens.modality[t]].add(tokens.routes[l][t], predicted[l][t]);
  return out;
}

void train_affinity(const AffinityTrainConfig& config, const TrainOptions& options) {
  std::filesystem::create_directories(options.out);
  const TextTokenizer text = TextTokenizer::load_shipped();
  const auto video = VideoTokenizer::load(config.tokenizer);
  const SafetensorsFile file(options.initial);
  const auto model = UnifiedTransformer::load(options.initial, text.vectors());
  const UnifiedTransformerConfig& c = model->config();
  if (c.router.num_experts() == 0)
    fail("{}: a dense model has no experts to predict", options.initial.string());
  SceneDataset scenes(config.seed, Split::kTrain, kClipFrames);
  scenes.grow_to(config.scenes);
  const CaptionNoise noise(text);
  const Sources sources{config, noise, *video, scenes};
  const Pool fitted = collect(*model, sources, options.quiet);
  const RoutedTokens judged = routed_tokens(*model, make_batch(sources, config.scenes - config.held_out, config.scenes));
  Rng rng(config.seed, hash64("affinity_fit"));
  AffinityPredictor predictor(kAffinityParts * c.d_model, config.hidden, c.num_layers, c.router, rng);
  AdamW optimizer(predictor.parameters(), config.optimizer);
  TrainLog log(options.out / "log.jsonl", -1);
  Progress progress("affinity", config.schedule.steps, "steps", options.quiet);
  for (int64_t step = 1; step <= config.schedule.steps; ++step) {
    const RoutedTokens batch = picked(fitted, config.rows, rng);
    predictor.parameters().zero_gradients();
    const double loss = predictor.fit(batch.x, batch.modality, batch.routes);
    optimizer.step(config.schedule.rate(step - 1, 0));
    progress.update(step, fmt::format("loss {:.4f}", loss));
    if (step % config.log_steps && step < config.schedule.steps) continue;
    log.write({{"step", step},
               {"loss", loss},
               {"tokens", fitted.begin.back()},
               {"held_out_agreement", agreement_json(agreement_of(predictor, judged))}});
  }
  progress.finish();
  write_with(file, *model, predictor, config, options);
}

}  // namespace orrery
