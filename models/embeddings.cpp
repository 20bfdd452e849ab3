// Content of each kind of token -> [t, d]: the way in of UnifiedTransformer.
#include <cstring>

#include "core/parallel.h"
#include "models/unified_transformer.h"

namespace orrery {
namespace {

constexpr int kTasks = int(Task::kCount);

// The first `width` features of every token.
void fill(const KindContent& content, int64_t width, Rows<float>& input) {
  const int64_t n = content.count(), stride = n ? int64_t(content.features.size()) / n : 0;
  input.resize(n, width);
  for (int64_t i = 0; i < n; ++i) std::memcpy(input.row(i), &content.features[size_t(i * stride)], size_t(width) * sizeof(float));
}

void add_row(const Parameter& table, int64_t index, float* x) {
  const int64_t d = table.shape[1];
  for (int64_t j = 0; j < d; ++j) x[j] += table.value[index * d + j];
}

void add_row_gradient(Parameter& table, int64_t index, const float* dx) {
  const int64_t d = table.shape[1];
  for (int64_t j = 0; j < d; ++j) table.gradient[index * d + j] += dx[j];
}

Rows<float> gather(const Rows<float>& x, const std::vector<int64_t>& rows) {
  Rows<float> out;
  gather_rows(x, rows, out);
  return out;
}

void scale_rows(const std::vector<float>& weights, Rows<float>& rows) {
  for (int64_t i = 0; i < rows.rows(); ++i)
    for (int64_t j = 0; j < rows.cols(); ++j) rows.row(i)[j] *= weights[size_t(i)];
}

void embed_kind(const FeatureMlp& mlp, const KindContent& content, FeatureMlp::Cache& cache, Rows<float>& x) {
  if (content.count() == 0) return;
  fill(content, mlp.up.in(), cache.input);
  Rows<float> y;
  feature_mlp_forward(mlp, cache, y);
  scatter_add(y, content.rows, x);
}

void embed_kind_backward(FeatureMlp& mlp, const KindContent& content, FeatureMlp::Cache& cache, const Rows<float>& dx) {
  if (content.count()) feature_mlp_backward(mlp, cache, gather(dx, content.rows));
}

}  // namespace

void UnifiedTransformer::declare_embeddings(Rng& rng) {
  const int d = config_.d_model;
  Embeddings& e = embeddings_;
  auto table = [&](Parameter& p, const std::string& name, int64_t rows, int64_t cols, double deviation) {
    parameters_.add(p, name, {rows, cols}, false);
    if (deviation > 0) init_uniform(p, 1, deviation, rng);
    else init_constant(p, 0.0f);
  };
  table(e.task, "embed.task", kTasks, d, 0.3);
  table(e.text_learned, "embed.text_learned", config_.vocabulary_size, config_.text_learned_dim, 0.0);
  e.text.declare(parameters_, "embed.text", config_.text_vector_dim + config_.text_learned_dim, d, true, rng, 3.0);
  table(e.text_position, "embed.text_position", config_.max_text_tokens, d, 0.3);
  table(e.asked_attribute, "embed.asked_attribute", kNumAttributes + 1, d, 0.5);
  table(e.asked_object, "embed.asked_object", kMaxObjects + 2, d, 0.5);
  e.prologue.declare(parameters_, "embed.prologue", kPrologueFeatures, d, d, rng);
  e.scene.declare(parameters_, "embed.scene", kSceneFeatures, d, d, rng);
  e.objects.declare(parameters_, "embed.objects", config_.frame_waves ? kObjectFeatures : kObjectFeaturesNoWaves, d, d, rng);
  e.patches.declare(parameters_, "embed.patches", patch_features(config_.code_dims), d, d, rng);
  if (!config_.patch_relations) return;
  e.relations.declare(parameters_, "embed.relations", kRelationFeatures, 2 * d, d, rng);
  init_constant(e.relations.down.weight, 0.0f);  // patches begin as they are without
}

void UnifiedTransformer::embed_relations(const TokenBatch& batch, std::span<GenerationCache* const> caches, ForwardCache& c) const {
  c.relations = {};
  if (!config_.patch_relations) return;
  for (size_t s = 0; s + 1 < batch.sequence_begin.size(); ++s) {
    const int64_t begin = batch.sequence_begin[s], end = batch.sequence_begin[s + 1];
    const std::span<const Token> tokens(batch.tokens.data() + begin, size_t(end - begin));
    append_relations(tokens, begin, batch.objects_of(begin, end), config_.layout, c.relations);
    if (!caches.empty()) append_relations(tokens, begin, caches[s]->objects, config_.layout, c.relations);
  }
  if (c.relations.count() == 0) return;
  c.relation_mlp.input.resize(c.relations.count(), kRelationFeatures);
  std::memcpy(c.relation_mlp.input.data(), c.relations.features.data(), c.relations.features.size() * sizeof(float));
  Rows<float> y;
  feature_mlp_forward(embeddings_.relations, c.relation_mlp, y);
  scale_rows(c.relations.weights, y);
  scatter_add(y, c.relations.rows, c.x);
}

void UnifiedTransformer::embed(const TokenBatch& batch, std::span<GenerationCache* const> caches, ForwardCache& c) const {
  const Embeddings& e = embeddings_;
  const int vectors = config_.text_vector_dim, learned = config_.text_learned_dim;
  c.x.zero();
  for (size_t i = 0; i < batch.task_rows.size(); ++i) add_row(e.task, batch.task_ids[i], c.x.row(batch.task_rows[i]));
  c.text_input.resize(int64_t(batch.text_rows.size()), vectors + learned);
  for (size_t i = 0; i < batch.text_rows.size(); ++i) {
    const int id = batch.text_ids[i];
    float* row = c.text_input.row(int64_t(i));
    std::memcpy(row, &word_vectors_[int64_t(id) * vectors], vectors * sizeof(float));
    if ((i + 1) * size_t(vectors) <= batch.text_shift.size())
      for (int j = 0; j < vectors; ++j) row[j] += batch.text_shift[i * size_t(vectors) + size_t(j)];
    for (int j = 0; j < learned; ++j) row[vectors + j] = batch.text_learned[i] ? e.text_learned.value[int64_t(id) * learned + j] : 0.0f;
  }
  if (!batch.text_rows.empty()) {
    Rows<float> y;
    linear_forward(e.text, c.text_input, y);
    scatter_add(y, batch.text_rows, c.x);
    for (int64_t row : batch.text_rows) add_row(e.text_position, batch.tokens[row].index % config_.max_text_tokens, c.x.row(row));
  }
  for (int64_t i = 0; i < batch.prologue.count(); ++i) {
    add_row(e.asked_attribute, int(batch.prologue_asks[i].attribute), c.x.row(batch.prologue.rows[i]));
    add_row(e.asked_object, batch.prologue_asks[i].object + 1, c.x.row(batch.prologue.rows[i]));
  }
  embed_kind(e.prologue, batch.prologue, c.prologue, c.x);
  embed_kind(e.scene, batch.scene, c.scene, c.x);
  embed_kind(e.objects, batch.objects, c.objects, c.x);
  embed_kind(e.patches, batch.patches, c.patches, c.x);
  embed_relations(batch, caches, c);
}

void UnifiedTransformer::embed_backward(const TokenBatch& batch, ForwardCache& c, const Rows<float>& dx) {
  Embeddings& e = embeddings_;
  const int vectors = config_.text_vector_dim, learned = config_.text_learned_dim;
  for (size_t i = 0; i < batch.task_rows.size(); ++i) add_row_gradient(e.task, batch.task_ids[i], dx.row(batch.task_rows[i]));
  if (!batch.text_rows.empty()) {
    Rows<float> dinput;
    linear_backward(e.text, c.text_input, gather(dx, batch.text_rows), &dinput);
    for (size_t i = 0; i < batch.text_rows.size(); ++i) {
      if (batch.text_learned[i]) add_row_gradient(e.text_learned, batch.text_ids[i], dinput.row(int64_t(i)) + vectors);
      add_row_gradient(e.text_position, batch.tokens[batch.text_rows[i]].index % config_.max_text_tokens, dx.row(batch.text_rows[i]));
    }
  }
  ORRERY_ASSERT(e.text_learned.shape[1] == learned);
  for (int64_t i = 0; i < batch.prologue.count(); ++i) {
    add_row_gradient(e.asked_attribute, int(batch.prologue_asks[i].attribute), dx.row(batch.prologue.rows[i]));
    add_row_gradient(e.asked_object, batch.prologue_asks[i].object + 1, dx.row(batch.prologue.rows[i]));
  }
  embed_kind_backward(e.prologue, batch.prologue, c.prologue, dx);
  embed_kind_backward(e.scene, batch.scene, c.scene, dx);
  embed_kind_backward(e.objects, batch.objects, c.objects, dx);
  embed_kind_backward(e.patches, batch.patches, c.patches, dx);
  if (c.relations.count() == 0) return;
  Rows<float> drelations = gather(dx, c.relations.rows);
  scale_rows(c.relations.weights, drelations);
  feature_mlp_backward(e.relations, c.relation_mlp, drelations);
}

}  // namespace orrery
