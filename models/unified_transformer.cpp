#include "models/unified_transformer.h"

#include <cmath>
#include <cstring>

#include "core/parallel.h"

namespace orrery {
namespace {

void add_rows(const Rows<float>& from, Rows<float>& to) {
  parallel_for(from.rows(), [&](int64_t i) {
    for (int64_t j = 0; j < from.cols(); ++j) to.row(i)[j] += from.row(i)[j];
  });
}

std::vector<Place> places_of(const std::vector<Token>& tokens) {
  std::vector<Place> places;
  for (const Token& t : tokens) places.push_back(t.place);
  return places;
}

// One sequence of extend(): its new tokens in the batch, and the keys that some query of them sees.
struct Continued {
  int64_t begin, count, old;  // old: tokens in the cache
  GenerationCache* cache;
  std::vector<int64_t> seen;  // < old: a row of the cache; else old + new token
};

// Only keys that are seen are expanded: the plan's tables have no other columns.
Continued continued_sequence(std::span<const Token> fresh, GenerationCache& cache, const LayoutConfig& layout, AttentionPlan& plan) {
  Continued c{0, int64_t(fresh.size()), int64_t(cache.tokens.size()), &cache, {}};
  std::vector<Token> all = cache.tokens;
  all.insert(all.end(), fresh.begin(), fresh.end());
  const std::vector<uint8_t> full = attention_table(fresh, all, layout);
  for (int64_t k = 0; k < int64_t(all.size()); ++k)
    for (int64_t q = 0; q < c.count; ++q)
      if (full[q * all.size() + k] != kMasked) {
        c.seen.push_back(k);
        break;
      }
  std::vector<uint8_t> table;
  table.reserve(size_t(c.count) * c.seen.size());
  for (int64_t q = 0; q < c.count; ++q)
    for (int64_t k : c.seen) table.push_back(full[q * all.size() + k]);
  plan.add(c.count, int64_t(c.seen.size()), table);
  return c;
}

std::vector<Continued> continued_sequences(const TokenBatch& batch, std::span<GenerationCache* const> caches, const LayoutConfig& layout, AttentionPlan& plan) {
  std::vector<Continued> parts;
  for (size_t s = 0; s < caches.size(); ++s) {
    const int64_t begin = batch.sequence_begin[s], end = batch.sequence_begin[s + 1];
    parts.push_back(continued_sequence({batch.tokens.data() + begin, size_t(end - begin)}, *caches[s], layout, plan));
    parts.back().begin = begin;
  }
  return parts;
}

// Latent rows of the seen keys of every sequence, one after the other.
void gather_keys(const std::vector<Continued>& parts, size_t layer, const Rows<float>& fresh, int64_t total, Rows<float>& keys) {
  keys.resize(total, fresh.cols());
  int64_t to = 0;
  for (const Continued& p : parts)
    for (int64_t k : p.seen)
      std::memcpy(keys.row(to++), k < p.old ? p.cache->keys[layer].row(k) : fresh.row(p.begin + k - p.old), size_t(fresh.cols()) * sizeof(float));
}

void append_keys(const std::vector<Continued>& parts, size_t layer, const Rows<float>& fresh) {
  for (const Continued& p : parts) {
    Rows<float>& kept = p.cache->keys[layer];
    kept.resize(p.old + p.count, fresh.cols());
    if (p.count) std::memcpy(kept.row(p.old), fresh.row(p.begin), size_t(p.count * fresh.cols()) * sizeof(float));
  }
}

}  // namespace

int64_t GenerationCache::bytes() const {
  int64_t n = 0;
  for (const auto& k : keys) n += k.rows() * k.cols() * int64_t(sizeof(float));
  return n;
}

UnifiedTransformer::UnifiedTransformer(const UnifiedTransformerConfig& config, std::vector<float> word_vectors, uint64_t seed)
    : config_(config), word_vectors_(std::move(word_vectors)), layers_(config.num_layers) {
  ORRERY_ASSERT(int64_t(word_vectors_.size()) == int64_t(config.vocabulary_size) * config.text_vector_dim);
  Rng rng(seed, hash64("unified_transformer"));
  declare_embeddings(rng);
  RoutedFfnConfig ffn{config.d_model, config.expert_hidden, config.shared_hidden, config.router};
  MlaConfig attention{config.d_model, config.attention, config.kv_latent_dim};
  for (int l = 0; l < config.num_layers; ++l) {
    const std::string name = fmt::format("layer.{}", l);
    layers_[l].attention_norm.declare(parameters_, name + ".attention_norm", config.d_model);
    layers_[l].attention.declare(parameters_, name + ".attention", attention, rng);
    layers_[l].ffn_norm.declare(parameters_, name + ".ffn_norm", config.d_model);
    layers_[l].ffn.declare(parameters_, name + ".ffn", ffn, rng);
  }
  final_norm_.declare(parameters_, "final_norm", config.d_model);
  declare_heads(rng);
}

void UnifiedTransformer::declare_heads(Rng& rng) {
  const int d = config_.d_model;
  heads_.coarse.declare(parameters_, "head.coarse", d, kNumAttributes * kLevels, true, rng, 0.5);
  parameters_.add(heads_.coarse_value, "head.coarse_value", {kNumAttributes * kLevels, d}, false);
  init_uniform(heads_.coarse_value, 1, 0.5, rng);
  heads_.fine.declare(parameters_, "head.fine", d, kNumAttributes * kLevels, true, rng, 0.5);
  heads_.objects.declare(parameters_, "head.objects", d, kObjectOutputs, true, rng, 0.0);
  heads_.patches.declare(parameters_, "head.patches", d, config_.code_dims * config_.code_levels + 1, true, rng, 0.5);
  if (config_.prune_layer > 0) heads_.early_copy.declare(parameters_, "head.early_copy", d, 1, true, rng, 0.0);
}

std::unique_ptr<UnifiedTransformer> UnifiedTransformer::load(const std::filesystem::path& path, std::vector<float> word_vectors) {
  const SafetensorsFile file(path);
  const std::string text = file.metadata("config");
  if (text.empty()) fail("{}: no transformer config in its metadata; is it a model file of orrery?", path.string());
  const auto config = UnifiedTransformerConfig::from_json(parse_json(text, path.string()));
  if (int64_t(word_vectors.size()) != int64_t(config.vocabulary_size) * config.text_vector_dim)
    fail("{}: made for a vocabulary of {} words, the text tokenizer has {}", path.string(), config.vocabulary_size, word_vectors.size() / size_t(config.text_vector_dim));
  auto model = std::make_unique<UnifiedTransformer>(config, std::move(word_vectors));
  model->load_weights(file);
  return model;
}

void UnifiedTransformer::load_weights(const SafetensorsFile& file) {
  parameters_.load(file);
  for (int l = 0; l < config_.num_layers; ++l) {
    std::vector<float>& bias = layers_[l].ffn.router.bias;
    const RawTensor& t = file.tensor(fmt::format("layer.{}.ffn.router.bias", l));
    if (t.dtype != DType::kF32 || t.bytes.size() != bias.size() * 4) fail("router bias of layer {}: wrong size", l);
    std::memcpy(bias.data(), t.bytes.data(), t.bytes.size());
  }
}

void UnifiedTransformer::save(SafetensorsWriter& writer, DType dtype) const {
  parameters_.save(writer, dtype);
  for (int l = 0; l < config_.num_layers; ++l) {
    const std::vector<float>& bias = layers_[l].ffn.router.bias;
    writer.add(fmt::format("layer.{}.ffn.router.bias", l), DType::kF32, {int64_t(bias.size())}, {reinterpret_cast<const uint8_t*>(bias.data()), bias.size() * 4});
  }
  writer.set_metadata("config", config_.to_json().dump());
}

void UnifiedTransformer::forward(const TokenBatch& batch, const RoutingOptions& options, ForwardCache& cache) const {
  const int64_t t = batch.size(), d = config_.d_model;
  cache.plan = batch.plan(config_.layout);
  rope_table(places_of(batch.tokens), cache.rope);
  cache.layers.resize(layers_.size());
  cache.dearly.resize(0, d);
  cache.stats.assign(layers_.size(), {});
  cache.x.resize(t, d);
  embed(batch, cache);
  for (size_t l = 0; l < layers_.size(); ++l) {
    const TransformerLayer& layer = layers_[l];
    LayerCache& c = cache.layers[l];
    c.x = cache.x;
    c.attention_half.resize(t, d);
    c.attention_rms.resize(t);
    rms_norm_forward(layer.attention_norm, c.x.data(), d, t, nullptr, c.attention_half.data(), c.attention_rms.data());
    mla_forward(layer.attention, cache.plan, cache.rope, c.attention_half, c.attention, c.residual);
    add_rows(c.residual, cache.x);
    c.mid = cache.x;
    c.ffn_wide.resize(t, d);
    c.ffn_half.resize(t, d);
    c.ffn_rms.resize(t);
    rms_norm_forward(layer.ffn_norm, c.mid.data(), d, t, c.ffn_wide.data(), c.ffn_half.data(), c.ffn_rms.data());
    routed_ffn_forward(layer.ffn, c.ffn_wide, c.ffn_half, batch.modality, options, c.ffn, cache.stats[l], c.residual);
    add_rows(c.residual, cache.x);
  }
  cache.hidden.resize(t, d);
  cache.hidden_half.resize(t, d);
  cache.final_rms.resize(t);
  rms_norm_forward(final_norm_, cache.x.data(), d, t, cache.hidden.data(), cache.hidden_half.data(), cache.final_rms.data());
}

void UnifiedTransformer::backward(const TokenBatch& batch, ForwardCache& cache, const Rows<float>& dhidden) {
  const int64_t t = batch.size(), d = config_.d_model;
  Rows<float> dx, dnormed;
  dx.resize(t, d);
  dx.zero();
  rms_norm_backward(final_norm_, cache.x.data(), d, t, cache.final_rms.data(), dhidden.data(), dx.data(), d);
  for (size_t l = layers_.size(); l-- > 0;) {
    TransformerLayer& layer = layers_[l];
    LayerCache& c = cache.layers[l];
    routed_ffn_backward(layer.ffn, c.ffn_wide, c.ffn_half, batch.modality, batch.sequence_begin, c.ffn, cache.stats[l], dx, dnormed);
    rms_norm_backward(layer.ffn_norm, c.mid.data(), d, t, c.ffn_rms.data(), dnormed.data(), dx.data(), d);
    mla_backward(layer.attention, cache.plan, cache.rope, c.attention_half, c.attention, dx, dnormed);
    if (int(l) == config_.prune_layer)
      for (int64_t i = 0; i < cache.dearly.rows(); ++i)
        for (int64_t j = 0; j < d; ++j) dnormed.row(batch.patches.rows[i])[j] += cache.dearly.row(i)[j];
    rms_norm_backward(layer.attention_norm, c.x.data(), d, t, c.attention_rms.data(), dnormed.data(), dx.data(), d);
  }
  embed_backward(batch, cache, dx);
}

void UnifiedTransformer::extend(const TokenBatch& batch, GenerationCache& cache, bool keep, Rows<float>& hidden, const RoutingOptions& options) const {
  TokenBatch closed = batch;
  closed.sequence_begin = {0, batch.size()};
  GenerationCache* const one = &cache;
  extend(closed, {&one, 1}, keep, hidden, options);
}

void UnifiedTransformer::extend(const TokenBatch& batch, std::span<GenerationCache* const> caches, bool keep, Rows<float>& hidden, const RoutingOptions& options) const {
  ORRERY_ASSERT(caches.size() + 1 == batch.sequence_begin.size() && batch.sequence_begin.back() == batch.size());
  const int64_t t = batch.size(), d = config_.d_model;
  ForwardCache f;
  const std::vector<Continued> parts = continued_sequences(batch, caches, config_.layout, f.plan);
  rope_table(places_of(batch.tokens), f.rope);
  f.x.resize(t, d);
  embed(batch, f);
  for (GenerationCache* cache : caches) cache->keys.resize(layers_.size());
  Rows<bf16> half;
  Rows<float> rows, keys, residual, wide;
  std::vector<float> rms(t);
  MlaCache scratch;
  RoutedFfnCache ffn;
  RoutingStats stats;
  for (size_t l = 0; l < layers_.size(); ++l) {
    const TransformerLayer& layer = layers_[l];
    half.resize(t, d);
    rms_norm_forward(layer.attention_norm, f.x.data(), d, t, nullptr, half.data(), rms.data());
    mla_latent_rows(layer.attention, f.rope, half, rows);
    gather_keys(parts, l, rows, f.plan.key_begin.back(), keys);
    mla_attend(layer.attention, f.plan, f.rope, half, keys, scratch, residual);
    if (keep) append_keys(parts, l, rows);
    add_rows(residual, f.x);
    wide.resize(t, d);
    half.resize(t, d);
    rms_norm_forward(layer.ffn_norm, f.x.data(), d, t, wide.data(), half.data(), rms.data());
    routed_ffn_forward(layer.ffn, wide, half, batch.modality, options, ffn, stats, residual);
    add_rows(residual, f.x);
  }
  if (keep)
    for (const Continued& p : parts) p.cache->tokens.insert(p.cache->tokens.end(), batch.tokens.begin() + p.begin, batch.tokens.begin() + p.begin + p.count);
  hidden.resize(t, d);
  half.resize(t, d);
  rms_norm_forward(final_norm_, f.x.data(), d, t, hidden.data(), half.data(), rms.data());
}

}  // namespace orrery
