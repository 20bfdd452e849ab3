#include "models/unified_transformer.h"

#include <cmath>
#include <cstring>

#include "models/affinity_input.h"

namespace orrery {
int64_t GenerationCache::bytes() const {
  int64_t n = 0;
  for (const auto* all : {&keys, &gate_keys})
    for (const auto& k : *all) n += k.rows() * k.cols() * int64_t(sizeof(float));
  return n;
}

UnifiedTransformer::UnifiedTransformer(const UnifiedTransformerConfig& config, std::vector<float> word_vectors, uint64_t seed)
    : config_(config), word_vectors_(std::move(word_vectors)), layers_(config.num_layers) {
  ORRERY_ASSERT(int64_t(word_vectors_.size()) == int64_t(config.vocabulary_size) * config.text_vector_dim);
  Rng rng(seed, hash64("unified_transformer"));
  declare_embeddings(rng);
  RoutedFfnConfig ffn{config.d_model, config.expert_hidden, config.shared_hidden, config.gate_width, config.router};
  MlaConfig attention{config.d_model, config.attention, config.kv_latent_dim, config.gated_heads ? kNumDomains : 0, config.head_gate_weight, config.relative_values, config.adapter_rank};
  for (int l = 0; l < config.num_layers; ++l) {
    const std::string name = fmt::format("layer.{}", l);
    layers_[l].attention_norm.declare(parameters_, name + ".attention_norm", config.d_model);
    layers_[l].attention.declare(parameters_, name + ".attention", attention, rng);
    layers_[l].ffn_norm.declare(parameters_, name + ".ffn_norm", config.d_model);
    layers_[l].ffn.declare(parameters_, name + ".ffn", ffn, rng);
    if (config.gate_width > 0) layers_[l].gate.declare(parameters_, name + ".router.gate", config.d_model, config.gate_width, rng);
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

void UnifiedTransformer::load_weights(const SafetensorsFile& file, bool smaller_too) {
  smaller_too ? parameters_.load_into_larger(file) : parameters_.load(file);
  affinity_ = {};  // it was fitted to these weights and would not fit what training makes of them
  if (!smaller_too) affinity_ = AffinityPredictor::load(file, kAffinityParts * config_.d_model, config_.num_layers, config_.router);
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
  affinity_.save(writer);
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
  embed(batch, {}, cache);
  std::vector<uint8_t> domain = batch.modality;
  for (size_t l = 0; l < layers_.size(); ++l) {
    const TransformerLayer& layer = layers_[l];
    LayerCache& c = cache.layers[l];
    c.x = cache.x;
    c.attention_half.resize(t, d);
    c.attention_rms.resize(t);
    rms_norm_forward(layer.attention_norm, c.x.data(), d, t, nullptr, c.attention_half.data(), c.attention_rms.data());
    c.domain = domain;
    mla_forward(layer.attention, cache.plan, cache.rope, c.attention_half, c.domain, c.attention, c.residual);
    add_rows(c.residual, cache.x);
    c.mid = cache.x;
    c.ffn_wide.resize(t, d);
    c.ffn_half.resize(t, d);
    c.ffn_rms.resize(t);
    rms_norm_forward(layer.ffn_norm, c.mid.data(), d, t, c.ffn_wide.data(), c.ffn_half.data(), c.ffn_rms.data());
    if (layer.gate.width) gate_forward(layer.gate, cache.plan, cache.rope, c.ffn_half, c.gate);
    routed_ffn_forward(layer.ffn, layer.gate.width ? c.gate.out : c.ffn_wide, c.ffn_half, batch.modality, options, c.ffn, cache.stats[l], c.residual);
    add_rows(c.residual, cache.x);
    domains_of(c.ffn.router.routes, domain);
  }
  cache.hidden.resize(t, d);
  cache.hidden_half.resize(t, d);
  cache.final_rms.resize(t);
  rms_norm_forward(final_norm_, cache.x.data(), d, t, cache.hidden.data(), cache.hidden_half.data(), cache.final_rms.data());
}

void UnifiedTransformer::backward(const TokenBatch& batch, ForwardCache& cache, const Rows<float>& dhidden) {
  const int64_t t = batch.size(), d = config_.d_model;
  Rows<float> dx, dnormed, dgate;
  dx.resize(t, d);
  dx.zero();
  rms_norm_backward(final_norm_, cache.x.data(), d, t, cache.final_rms.data(), dhidden.data(), dx.data(), d);
  for (size_t l = layers_.size(); l-- > 0;) {
    TransformerLayer& layer = layers_[l];
    LayerCache& c = cache.layers[l];
    if (layer.gate.width) {
      routed_ffn_backward(layer.ffn, c.gate.out, c.ffn_half, batch.modality, batch.sequence_begin, c.ffn, cache.stats[l], dx, dnormed, &dgate);
      gate_backward(layer.gate, cache.plan, cache.rope, c.ffn_half, c.gate, dgate, dnormed);
    } else {
      routed_ffn_backward(layer.ffn, c.ffn_wide, c.ffn_half, batch.modality, batch.sequence_begin, c.ffn, cache.stats[l], dx, dnormed);
    }
    rms_norm_backward(layer.ffn_norm, c.mid.data(), d, t, c.ffn_rms.data(), dnormed.data(), dx.data(), d);
    mla_backward(layer.attention, cache.plan, cache.rope, c.attention_half, c.domain, c.attention, dx, dnormed);
    if (int(l) == config_.prune_layer)
      for (int64_t i = 0; i < cache.dearly.rows(); ++i)
        for (int64_t j = 0; j < d; ++j) dnormed.row(batch.patches.rows[i])[j] += cache.dearly.row(i)[j];
    rms_norm_backward(layer.attention_norm, c.x.data(), d, t, c.attention_rms.data(), dnormed.data(), dx.data(), d);
  }
  embed_backward(batch, cache, dx);
}

}  // namespace orrery
