// UnifiedTransformer::extend: new tokens against a cache, with pruning of patches that stay what they were.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "models/affinity_input.h"
#include "models/objectives.h"
#include "models/unified_transformer.h"

namespace orrery {
namespace {

// One sequence of extend(): its new tokens in the batch, and the keys that some query of them sees.
struct Continued {
  int64_t begin, count, old;  // old: tokens in the cache
  GenerationCache* cache;
  std::vector<int64_t> seen;  // < old: a row of the cache; else old + new token
};

// Only keys that are seen are expanded: the plan's tables have no other columns. Patches are never cached, so a query of
// each sort finds what is seen of a cache, however long the clip; of the new tokens each sees at least itself.
Continued continued_sequence(std::span<const Token> fresh, GenerationCache& cache, const LayoutConfig& layout, AttentionPlan& plan) {
  Continued c{0, int64_t(fresh.size()), int64_t(cache.tokens.size()), &cache, {}};
  const std::vector<Token> sorts = sorts_of_queries(fresh);
  std::vector<Token> keys;
  for (int64_t k = 0; k < c.old; ++k) {
    const Token& key = cache.tokens[size_t(k)];
    if (std::ranges::all_of(sorts, [&](const Token& q) { return attention_bucket(q, key, layout) == kMasked; })) continue;
    c.seen.push_back(k);
    keys.push_back(key);
  }
  for (int64_t i = 0; i < c.count; ++i) c.seen.push_back(c.old + i);
  keys.insert(keys.end(), fresh.begin(), fresh.end());
  plan.add(c.count, int64_t(keys.size()), attention_table(fresh, keys, layout));
  return c;
}

// The tokens that are in a layer's pass: all of the batch, or, deeper down, those that were not pruned.
struct Pass {
  std::vector<Token> tokens;
  std::vector<uint8_t> modality;
  std::vector<int64_t> sequence_begin{0};
  AttentionPlan plan;
  Rows<float> rope;
  std::vector<Continued> parts;
  int64_t size() const { return int64_t(tokens.size()); }
};

void plan_pass(std::span<GenerationCache* const> caches, const LayoutConfig& layout, Pass& pass) {
  for (size_t s = 0; s < caches.size(); ++s) {
    const int64_t begin = pass.sequence_begin[s], end = pass.sequence_begin[s + 1];
    pass.parts.push_back(continued_sequence({pass.tokens.data() + begin, size_t(end - begin)}, *caches[s], layout, pass.plan));
    pass.parts.back().begin = begin;
  }
  rope_table(places_of(pass.tokens), pass.rope);
}

// The pass of these rows alone.
Pass subset(const Pass& from, const std::vector<int64_t>& rows, std::span<GenerationCache* const> caches, const LayoutConfig& layout) {
  Pass pass;
  size_t next = 0;
  for (size_t s = 0; s + 1 < from.sequence_begin.size(); ++s) {
    for (; next < rows.size() && rows[next] < from.sequence_begin[s + 1]; ++next) {
      pass.tokens.push_back(from.tokens[rows[next]]);
      pass.modality.push_back(from.modality[rows[next]]);
    }
    pass.sequence_begin.push_back(pass.size());
  }
  plan_pass(caches, layout, pass);
  return pass;
}

// Rows of the residual x [t, d] whose early gate does not say "unchanged" with at least the threshold's certainty.
std::vector<int64_t> changed_rows(const TransformerLayer& layer, const Linear& gate, const Rows<float>& x, double threshold) {
  const int64_t t = x.rows(), d = x.cols();
  Rows<bf16> normed;
  normed.resize(t, d);
  std::vector<float> rms(t);
  rms_norm_forward(layer.attention_norm, x.data(), d, t, nullptr, normed.data(), rms.data());
  const double certain = std::log(threshold / (1 - threshold));
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < t; ++i) {
    double logit = gate.bias.value[0];
    for (int64_t j = 0; j < d; ++j) logit += double(gate.weight.value[j]) * from_bf16(normed.row(i)[j]);
    if (logit < certain) rows.push_back(i);
  }
  return rows;
}

// Which of a cache's rows: the layer's own keys, or its gate's.
using KeptRows = std::vector<Rows<float>> GenerationCache::*;

// Latent rows of the seen keys of every sequence, one after the other.
void gather_keys(const std::vector<Continued>& parts, size_t layer, KeptRows kept, const Rows<float>& fresh, int64_t total, Rows<float>& keys) {
  keys.resize(total, fresh.cols());
  int64_t to = 0;
  for (const Continued& p : parts)
    for (int64_t k : p.seen)
      std::memcpy(keys.row(to++), k < p.old ? (p.cache->*kept)[layer].row(k) : fresh.row(p.begin + k - p.old), size_t(fresh.cols()) * sizeof(float));
}

// A pass for every sequence that is watched.
void begin_traces(const std::vector<Continued>& parts, const std::vector<Token>& tokens) {
  for (const Continued& p : parts)
    if (p.cache->trace) p.cache->trace->passes.push_back({{tokens.begin() + p.begin, tokens.begin() + p.begin + p.count}, {}, {}, {}});
}

// kept: the batch's row of each row of the pass; null: all are there.
void trace_parts(const Pass& pass, const std::vector<int64_t>& batch_begin, const std::vector<int64_t>* kept, const TransformerLayer& layer, const Rows<float>& attended, const std::vector<Route>& routes) {
  for (size_t s = 0; s < pass.parts.size(); ++s) {
    const Continued& p = pass.parts[s];
    if (!p.cache->trace) continue;
    std::vector<int32_t> rows;
    for (int64_t i = p.begin; i < p.begin + p.count; ++i) rows.push_back(int32_t((kept ? (*kept)[i] : i) - batch_begin[s]));
    p.cache->trace->passes.back().layers.push_back(trace_layer(layer.attention, attended, routes, p.begin, std::move(rows)));
  }
}

bool is_traced(const std::vector<Continued>& parts) {
  return std::ranges::any_of(parts, [](const Continued& p) { return p.cache->trace != nullptr; });
}

void trace_predictions(const std::vector<Continued>& parts, const std::vector<std::vector<Route>>& predicted) {
  for (const Continued& p : parts)
    if (p.cache->trace)
      for (const std::vector<Route>& layer : predicted)
        p.cache->trace->passes.back().predicted.emplace_back(layer.begin() + p.begin, layer.begin() + p.begin + p.count);
}

// What the predictor reads of each token of a pass; with `keep` later passes read this one's tokens too.
void affinity_inputs(const Pass& pass, const LayoutConfig& layout, const Rows<float>& x, bool keep, Rows<float>& seen) {
  const int64_t d = x.cols();
  seen.resize(pass.size(), kAffinityParts * d);
  for (const Continued& p : pass.parts) {
    std::vector<Token> tokens;
    std::vector<const float*> rows;
    int64_t old = 0;
    for (const Rows<float>& kept : p.cache->inputs)
      for (int64_t i = 0; i < kept.rows(); ++i) rows.push_back(kept.row(i));
    if (int64_t(rows.size()) != p.old) rows.clear();  // nobody asked in an earlier pass
    else tokens.assign(p.cache->tokens.begin(), p.cache->tokens.begin() + p.old), old = p.old;
    tokens.insert(tokens.end(), pass.tokens.begin() + p.begin, pass.tokens.begin() + p.begin + p.count);
    for (int64_t i = 0; i < p.count; ++i) rows.push_back(x.row(p.begin + i));
    affinity_input(tokens, rows, d, old, layout, seen, p.begin);
    if (!keep) continue;
    Rows<float>& kept = p.cache->inputs.emplace_back();
    kept.resize(p.count, d);
    if (p.count) std::memcpy(kept.data(), x.row(p.begin), size_t(p.count * d) * sizeof(float));
  }
}

// Of the layers [first, last).
void plan_groups(const RouterConfig& router, const std::vector<std::vector<Route>>& predicted, size_t first, size_t last, std::vector<ExpertGroups>& planned) {
  planned.resize(predicted.size());
  for (size_t l = first; l < last; ++l) group_by_expert(router.num_experts(), predicted[l], planned[l]);
}

void keep_rows(const std::vector<int64_t>& rows, std::vector<std::vector<Route>>& predicted) {
  for (std::vector<Route>& layer : predicted) {
    for (size_t i = 0; i < rows.size(); ++i) layer[i] = layer[size_t(rows[i])];
    layer.resize(rows.size());
  }
}

void append_keys(const std::vector<Continued>& parts, size_t layer, KeptRows kept, const Rows<float>& fresh) {
  for (const Continued& p : parts) {
    Rows<float>& rows = (p.cache->*kept)[layer];
    rows.resize(p.old + p.count, fresh.cols());
    if (p.count) std::memcpy(rows.row(p.old), fresh.row(p.begin), size_t(p.count * fresh.cols()) * sizeof(float));
  }
}

void keep_tokens(const TokenBatch& batch, const std::vector<Continued>& parts) {
  for (const Continued& p : parts) {
    p.cache->tokens.insert(p.cache->tokens.end(), batch.tokens.begin() + p.begin, batch.tokens.begin() + p.begin + p.count);
    const std::span<const ObjectContent> objects = batch.objects_of(p.begin, p.begin + p.count);
    p.cache->objects.insert(p.cache->objects.end(), objects.begin(), objects.end());
  }
}

struct LayerScratch {
  Rows<bf16> half;
  Rows<float> rows, keys, residual, wide;
  std::vector<float> rms;
  MlaCache attention;
  RoutedFfnCache ffn;
  GateCache gate;
  RoutingStats stats;
};

// One layer over the rows x of a pass; with `keep` its keys join the caches.
void run_layer(const TransformerLayer& layer, size_t l, const Pass& pass, std::span<const uint8_t> domain, const RoutingOptions& options, bool keep, const ExpertGroups* planned, LayerScratch& s, Rows<float>& x) {
  const int64_t t = pass.size(), d = x.cols();
  s.half.resize(t, d);
  rms_norm_forward(layer.attention_norm, x.data(), d, t, nullptr, s.half.data(), s.rms.data());
  mla_latent_rows(layer.attention, pass.rope, s.half, domain, s.attention, s.rows);
  gather_keys(pass.parts, l, &GenerationCache::keys, s.rows, pass.plan.key_begin.back(), s.keys);
  mla_attend(layer.attention, pass.plan, pass.rope, s.half, s.keys, domain, options.head_threshold, s.attention, s.residual);
  if (keep) append_keys(pass.parts, l, &GenerationCache::keys, s.rows);
  add_rows(s.residual, x);
  s.wide.resize(t, d);
  s.half.resize(t, d);
  rms_norm_forward(layer.ffn_norm, x.data(), d, t, s.wide.data(), s.half.data(), s.rms.data());
  if (layer.gate.width) {
    gate_latent_rows(layer.gate, pass.rope, s.half, s.gate, s.rows);
    gather_keys(pass.parts, l, &GenerationCache::gate_keys, s.rows, pass.plan.key_begin.back(), s.keys);
    gate_attend(layer.gate, pass.plan, pass.rope, s.keys, s.gate);
    if (keep) append_keys(pass.parts, l, &GenerationCache::gate_keys, s.rows);
  }
  routed_ffn_forward(layer.ffn, layer.gate.width ? s.gate.out : s.wide, s.half, pass.modality, options, s.ffn, s.stats, s.residual, planned);
  add_rows(s.residual, x);
}

}  // namespace

void UnifiedTransformer::extend(const TokenBatch& batch, GenerationCache& cache, bool keep, Rows<float>& hidden, const RoutingOptions& options) const {
  TokenBatch closed = batch;
  closed.sequence_begin = {0, batch.size()};
  GenerationCache* const one = &cache;
  extend(closed, {&one, 1}, keep, hidden, options);
}

void UnifiedTransformer::extend(const TokenBatch& batch, std::span<GenerationCache* const> caches, bool keep, Rows<float>& hidden, const RoutingOptions& options, Pruning* pruning) const {
  ORRERY_ASSERT(caches.size() + 1 == batch.sequence_begin.size() && batch.sequence_begin.back() == batch.size());
  const bool prunes = pruning && config_.prune_layer > 0 && pruning->threshold < 1;
  ORRERY_ASSERT(!prunes || (!keep && batch.patches.count() == batch.size()));
  ORRERY_ASSERT(!keep || batch.patches.count() == 0);
  const int64_t d = config_.d_model;
  Pass pass{batch.tokens, batch.modality, batch.sequence_begin, {}, {}, {}};
  plan_pass(caches, config_.layout, pass);
  ForwardCache f;
  f.x.resize(pass.size(), d);
  embed(batch, caches, f);
  if (pruning) {
    pruning->kept.resize(batch.size());
    std::iota(pruning->kept.begin(), pruning->kept.end(), 0);
  }
  for (GenerationCache* cache : caches) {
    cache->keys.resize(layers_.size());
    if (config_.gate_width) cache->gate_keys.resize(layers_.size());
  }
  begin_traces(pass.parts, batch.tokens);
  const bool plans = affinity_ && config_.plan_experts && rows_are_independent();
  std::vector<std::vector<Route>> predicted;
  if (affinity_ && (plans || is_traced(pass.parts))) {
    Rows<float> seen;
    affinity_inputs(pass, config_.layout, f.x, keep, seen);
    affinity_.predict(seen, batch.modality, options.top_k, predicted);
  }
  trace_predictions(pass.parts, predicted);
  std::vector<ExpertGroups> planned;
  if (plans) plan_groups(config_.router, predicted, 0, prunes ? size_t(config_.prune_layer) : layers_.size(), planned);
  std::vector<uint8_t> domain = batch.modality;
  LayerScratch scratch;
  scratch.rms.resize(size_t(pass.size()));
  for (size_t l = 0; l < layers_.size(); ++l) {
    const TransformerLayer& layer = layers_[l];
    if (prunes && int(l) == config_.prune_layer) {
      pruning->kept = changed_rows(layer, heads_.early_copy, f.x, pruning->threshold);
      f.x = gather_rows(f.x, pruning->kept);
      for (size_t i = 0; i < pruning->kept.size(); ++i) domain[i] = domain[size_t(pruning->kept[i])];
      pass = subset(pass, pruning->kept, caches, config_.layout);
      if (pass.size() == 0) break;
      if (plans) {
        keep_rows(pruning->kept, predicted);
        plan_groups(config_.router, predicted, l, layers_.size(), planned);
      }
    }
    run_layer(layer, l, pass, domain, options, keep, plans ? &planned[l] : nullptr, scratch, f.x);
    trace_parts(pass, batch.sequence_begin, pruning ? &pruning->kept : nullptr, layer, scratch.attention.attended, scratch.ffn.router.routes);
    domains_of(scratch.ffn.router.routes, domain);
  }
  if (keep) keep_tokens(batch, pass.parts);
  hidden.resize(pass.size(), d);
  scratch.half.resize(pass.size(), d);
  if (pass.size()) rms_norm_forward(final_norm_, f.x.data(), d, pass.size(), hidden.data(), scratch.half.data(), scratch.rms.data());
}

}  // namespace orrery
