// Heads and their losses. Each takes the rows of its kind in the final hidden state and, when training, adds the
// gradient of (weight * mean loss) to dhidden and to the head's parameters.
#pragma once
#include "models/picture_loss.h"
#include "models/unified_transformer.h"
#include "models/video_tokenizer.h"

namespace orrery {

struct LossSums {
  double loss = 0;    // sum over rows
  double hits = 0;    // prologue: both steps right; objects: contact right; patches: share of code dimensions right
  int64_t count = 0;  // rows with weight
  int64_t categories = 0, category_hits = 0;  // prologue: of the rows that name a shape, a colour, a material ...
  double mean() const { return count ? loss / double(count) : 0; }
  double hit_rate() const { return count ? hits / double(count) : 0; }
};

// Cross-entropy of the coarse step (or category) and, for numbers, of the fine step given the true coarse one. The
// gradient counts a category four times (it is what the words decide) and a fine step a quarter (mostly chance: its
// noise would drown the rest); the reported loss is unweighted.
LossSums prologue_objective(UnifiedTransformer& model, const TokenBatch& batch, std::span<const PrologueItem> targets, const Rows<float>& hidden,
                            double weight, Rows<float>* dhidden);

// Logits of one asked attribute, for sampling. hidden_row [d].
void coarse_logits(const Heads& heads, const float* hidden_row, Attribute attribute, std::vector<float>& logits);
void fine_logits(const Heads& heads, const float* hidden_row, Attribute attribute, int coarse, std::vector<float>& logits);

// Object head: [rows, d] -> [rows, kObjectOutputs], f32.
void object_outputs(const Heads& heads, const Rows<float>& hidden_rows, Rows<float>& outputs);
// Huber loss (delta = 1) on the 15 scaled residuals and cross-entropy on contact. row_weights: 0 leaves a row out
// (out of the view, or nothing follows).
LossSums object_objective(UnifiedTransformer& model, const TokenBatch& batch, const Rows<float>& targets, const std::vector<float>& row_weights,
                          const Rows<float>& hidden, double weight, Rows<float>* dhidden);

// Patch head: [rows, d] -> [rows, code_dims * code_levels + 1].
void patch_logits(const Heads& heads, const Rows<float>& hidden_rows, Rows<float>& logits);
// Cross-entropy a dimension + 0.2 * |expected level - level| + cross-entropy of the copy gate ("unchanged").
// With a picture, also its error as the video tokenizer, left as it is, decodes the expected levels.
struct PictureObjective;
LossSums patch_objective(UnifiedTransformer& model, const TokenBatch& batch, std::span<const int8_t> codes /*[rows][code_dims]*/, const std::vector<uint8_t>& unchanged,
                         const Rows<float>& hidden, double weight, Rows<float>* dhidden, PictureObjective* picture = nullptr);

// For batches whose patches come in squares of side x side, each in reading order.
struct PictureObjective {
  VideoTokenizer& tokenizer;
  int side;
  std::span<const uint8_t> pixels, classes;  // [squares][4 * side][4 * side] cells of 192 values, 64 PixelClass
  PictureWeights weights;
  double weight;                             // of the mean loss
  DecodeCache& cache;
  ReconstructionError error = {};            // out
};

// The same gate asked before layer `prune_layer`, so that deeper layers can be spared what it keeps. Cross-entropy;
// hits: gates right. With a weight above 0 it leaves its gradient in cache.dearly for backward. Nothing if the model has
// no such gate.
LossSums early_copy_objective(UnifiedTransformer& model, const TokenBatch& batch, const std::vector<uint8_t>& unchanged, ForwardCache& cache, double weight);

// Rows of a kind out of the hidden state.
Rows<float> gather_rows(const Rows<float>& hidden, const std::vector<int64_t>& rows);

}  // namespace orrery
