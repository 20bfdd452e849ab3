// The model. One transformer over text, physical and visual tokens; every layer: multi-head latent attention, then
// a feed-forward routed by domain and sub-expert. Config, weights, caches; shapes beside each field.
#pragma once
#include <filesystem>
#include <memory>

#include "core/json.h"
#include "models/token_batch.h"
#include "models/trace.h"
#include "nn/affinity.h"
#include "nn/experts.h"
#include "nn/gate_transformer.h"

namespace orrery {

struct UnifiedTransformerConfig {
  int d_model = 256, num_layers = 6;
  AttentionDims attention{8, 32, 32, 32};
  int kv_latent_dim = 64;
  int expert_hidden = 128, shared_hidden = 256;
  bool gated_heads = false;  // each domain opens or closes attention heads
  double head_gate_weight = 5e-4;  // of the penalty on open heads
  bool frame_waves = false;        // objects' places in each frame as waves (models/token_features.h)
  bool relative_values = false;    // heads also tell where what they attend to lies (nn/mla.h)
  bool patch_relations = false;    // patches are told where they lie as seen from the objects beside them (models/relations.h)
  int adapter_rank = 0;            // of what text and patches add to the shared projections of attention (nn/domain_adapter.h)
  RouterConfig router;
  int gate_width = 0;         // above 0: the router reads a small transformer of this width instead of the token alone
  bool plan_experts = false;  // tokens are grouped by expert before the pass, as the affinity predictor guesses
  LayoutConfig layout;
  int vocabulary_size = 0, text_vector_dim = 100, text_learned_dim = 32, max_text_tokens = 48;
  int code_dims = 20, code_levels = 7;  // of the video tokenizer
  int prune_layer = 1;  // before this layer unchanged patches may leave (0: never)
  Json to_json() const;
  static UnifiedTransformerConfig from_json(const Json& json);  // Error names an unknown or bad field
};

struct TransformerLayer {
  RmsNorm attention_norm, ffn_norm;
  MlaLayer attention;
  RoutedFfn ffn;
  GateTransformer gate;  // width 0: none
};

// Embeddings of each kind of token into d_model.
struct Embeddings {
  Parameter task;            // [tasks, d]
  Parameter text_learned;    // [vocabulary, text_learned_dim]; zero for words never trained
  Linear text;               // [d, text_vector_dim + text_learned_dim]
  Parameter text_position;   // [max_text_tokens, d]
  Parameter asked_attribute;  // [attributes + 1, d]
  Parameter asked_object;    // [objects + 2, d]
  FeatureMlp prologue, scene, objects, patches;
  FeatureMlp relations;  // only with patch_relations
};

struct Heads {
  Linear coarse;           // [attributes * kLevels, d]: category or coarse step of the asked attribute
  Parameter coarse_value;  // [attributes * kLevels, d]: added to the hidden state before the fine head
  Linear fine;             // [attributes * kLevels, d]
  Linear objects;          // [kObjectOutputs, d], f32; zero at first: constant velocity
  Linear patches;          // [code_dims * code_levels + 1, d]: code logits, then the copy gate
  Linear early_copy;       // [1, d]: the copy gate as layer `prune_layer` sees it; none if that is 0
};

// What a layer keeps for its backward.
struct LayerCache {
  Rows<float> x, mid, ffn_wide, residual;        // [t, d]
  Rows<bf16> attention_half, ffn_half;           // normed inputs
  std::vector<float> attention_rms, ffn_rms;     // [t]
  std::vector<uint8_t> domain;                   // [t]: of the head gates: the layer before's routes, first the modality
  MlaCache attention;
  RoutedFfnCache ffn;
  GateCache gate;
};

struct ForwardCache {
  AttentionPlan plan;
  Rows<float> rope;                 // rotation table, [t, kRopeDim]
  std::vector<LayerCache> layers;
  Rows<float> x, hidden;            // last residual, and its norm: [t, d]
  Rows<bf16> hidden_half;
  std::vector<float> final_rms;
  Rows<float> text_input;           // [text rows, vector + learned]
  FeatureMlp::Cache prologue, scene, objects, patches, relation_mlp;
  Relations relations;              // pairs of patch and object
  Rows<float> dearly;               // [patches, d]: gradient of early_copy's input, set by its objective; may be empty
  std::vector<RoutingStats> stats;  // a layer
};

// Latent rows of the tokens so far, a layer: all that later tokens need.
struct GenerationCache {
  std::vector<Token> tokens;
  std::vector<Rows<float>> keys;  // a layer: [tokens, kv_latent_dim + rope]
  std::vector<Rows<float>> gate_keys;  // the same of the gate's own attention; empty without
  std::vector<Rows<float>> inputs;     // to the stack, a pass each: for the affinity predictor, where it is asked
  std::vector<ObjectContent> objects;  // what the objects among the tokens were made of
  Trace* trace = nullptr;         // not owned; every pass over this sequence is recorded there
  int64_t bytes() const;
};

// Dynamic pruning of patches: those that the early gate calls unchanged leave before layer `prune_layer`.
struct Pruning {
  double threshold = 1;       // in: certainty from which a patch leaves, in (0, 1); 1: none leaves
  std::vector<int64_t> kept;  // out: rows of the batch that went all the way, ascending; hidden has these rows
};

// Regular expression of the tensors on which predicted states depend: in int4 their rollouts go astray.
// The shipped weights keep them in bf16.
inline constexpr const char* kStateTensors = R"(affinity|attention|shared|expert\.1[2-9]|embed\.(objects|scene|prologue|patches|relations|asked))";

class UnifiedTransformer {
 public:
  // vectors: frozen word vectors [vocabulary_size][text_vector_dim] of the text tokenizer.
  UnifiedTransformer(const UnifiedTransformerConfig& config, std::vector<float> word_vectors, uint64_t seed = 1);
  UnifiedTransformer(const UnifiedTransformer&) = delete;
  UnifiedTransformer& operator=(const UnifiedTransformer&) = delete;
  static std::unique_ptr<UnifiedTransformer> load(const std::filesystem::path& path, std::vector<float> word_vectors);
  void save(SafetensorsWriter& writer, DType dtype) const;  // weights, router biases, config
  // smaller_too: the file of a smaller model will do (ParameterList::load_into_larger).
  void load_weights(const SafetensorsFile& file, bool smaller_too = false);

  const UnifiedTransformerConfig& config() const { return config_; }
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  std::vector<TransformerLayer>& layers() { return layers_; }
  Heads& heads() { return heads_; }
  const Heads& heads() const { return heads_; }
  const AffinityPredictor& affinity() const { return affinity_; }  // absent where the weights have none
  void set_affinity(AffinityPredictor predictor) { affinity_ = std::move(predictor); }
  void plan_experts(bool on) { config_.plan_experts = on; }  // changes time, not results (where rows_are_independent())

  // All sequences of the batch, each within itself. cache.hidden [t, d] is the result.
  void forward(const TokenBatch& batch, const RoutingOptions& options, ForwardCache& cache) const;
  // dhidden [t, d] -> gradients of everything below the heads (added).
  void backward(const TokenBatch& batch, ForwardCache& cache, const Rows<float>& dhidden);

  // One sequence continued by the batch's tokens, which see the cache and each other; hidden [t, d]. With keep,
  // they join the cache.
  void extend(const TokenBatch& batch, GenerationCache& cache, bool keep, Rows<float>& hidden, const RoutingOptions& options = {}) const;
  // Several sequences at once: sequence s of the batch (closed by end_sequence) continues caches[s]. All tokens share
  // every product; a sequence's rows of hidden are the same bits as alone where rows_are_independent(). Pruning: for batches of
  // patches with a chunk before them, not kept.
  void extend(const TokenBatch& batch, std::span<GenerationCache* const> caches, bool keep, Rows<float>& hidden, const RoutingOptions& options = {}, Pruning* pruning = nullptr) const;

 private:
  void declare_embeddings(Rng& rng);
  void declare_heads(Rng& rng);
  // caches: of the sequences, whose objects patches see too; none: all is in the batch.
  void embed(const TokenBatch& batch, std::span<GenerationCache* const> caches, ForwardCache& cache) const;
  void embed_relations(const TokenBatch& batch, std::span<GenerationCache* const> caches, ForwardCache& cache) const;
  void embed_backward(const TokenBatch& batch, ForwardCache& cache, const Rows<float>& dx);
  void add_router_biases(SafetensorsWriter& writer) const;

  UnifiedTransformerConfig config_;
  std::vector<float> word_vectors_;
  ParameterList parameters_;
  Embeddings embeddings_;
  std::vector<TransformerLayer> layers_;
  RmsNorm final_norm_;
  Heads heads_;
  AffinityPredictor affinity_;
};

}  // namespace orrery
