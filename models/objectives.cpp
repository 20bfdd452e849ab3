#include "models/objectives.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"

namespace orrery {
namespace {

constexpr int kMostLevels = 64;  // check() of the config allows no more
constexpr float kCategoryWeight = 4, kFineWeight = 0.25f;

// Cross-entropy over n logits; when dlogits is set, writes scale * (softmax - one hot).
double cross_entropy(const float* logits, int n, int target, float scale, float* dlogits, bool& hit) {
  const float* best = std::max_element(logits, logits + n);
  hit = best - logits == target;
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += std::exp(double(logits[i] - *best));
  const double log_sum = std::log(sum) + *best;
  if (dlogits)
    for (int i = 0; i < n; ++i) dlogits[i] = scale * float(std::exp(logits[i] - log_sum) - (i == target));
  return log_sum - logits[target];
}

double binary_cross_entropy(float logit, bool target, float scale, float* dlogit) {
  const double p = 1 / (1 + std::exp(-double(logit)));
  if (dlogit) *dlogit = scale * float(p - target);
  return std::max(double(logit), 0.0) - logit * target + std::log1p(std::exp(-std::abs(double(logit))));
}

int choices(Attribute attribute) {
  const int categories = attribute_spec(attribute).categories;
  return categories ? categories : kLevels;
}

void head_backward(Linear& head, const Rows<float>& rows, const Rows<float>& dlogits, Rows<float>& drows) {
  Rows<bf16> half, dhalf;
  to_bf16(rows, half);
  to_bf16(dlogits, dhalf);
  linear_backward(head, half, dhalf, &drows);
}

void head_forward(const Linear& head, const Rows<float>& rows, Rows<float>& logits) {
  Rows<bf16> half;
  to_bf16(rows, half);
  linear_forward(head, half, logits);
}

void row_logits(const Linear& head, const float* hidden, Attribute attribute, std::vector<float>& logits) {
  const int64_t d = head.in(), first = int64_t(attribute) * kLevels;
  logits.resize(choices(attribute));
  for (size_t i = 0; i < logits.size(); ++i) {
    const float* w = &head.weight.value[(first + int64_t(i)) * d];
    double sum = head.bias.value[first + int64_t(i)];
    for (int64_t j = 0; j < d; ++j) sum += double(w[j]) * hidden[j];
    logits[i] = float(sum);
  }
}

// Softmax over the levels of one dimension, p [n], and its mean.
double level_distribution(const float* logits, int n, double* p) {
  const float top = *std::max_element(logits, logits + n);
  double sum = 0, expected = 0;
  for (int i = 0; i < n; ++i) sum += p[i] = std::exp(double(logits[i] - top));
  for (int i = 0; i < n; ++i) expected += i * (p[i] /= sum);
  return expected;
}

// dlogits += d * (gradient of the expected level).
void add_level_gradient(const double* p, int n, double expected, double d, float* dlogits) {
  for (int i = 0; i < n; ++i) dlogits[i] += float(d * p[i] * (i - expected));
}

// Expected level's distance from the true one, and its gradient through the softmax.
double expected_level_loss(const float* logits, int n, int target, float scale, float* dlogits) {
  std::array<double, kMostLevels> p;
  const double expected = level_distribution(logits, n, p.data()), error = expected - target;
  add_level_gradient(p.data(), n, expected, error > 0 ? scale : -scale, dlogits);
  return std::abs(error);
}

// Adds the gradient of the decoded picture's error to dlogits.
void picture_gradient(const Rows<float>& logits, int dims, int levels, PictureObjective& picture, Rows<float>& dlogits) {
  const int64_t n = logits.rows(), squares = n / (picture.side * picture.side);
  ORRERY_ASSERT(squares * picture.side * picture.side == n);
  std::vector<float> expected(size_t(n * dims)), dexpected(expected.size()), pixels(picture.pixels.size());
  parallel_for(n * dims, [&](int64_t i) {
    std::array<double, kMostLevels> p;
    expected[i] = float(level_distribution(logits.row(i / dims) + i % dims * levels, levels, p.data()));
  });
  picture.tokenizer.decode_forward(expected.data(), int(squares), picture.side, picture.side, picture.cache, pixels.data());
  picture.error = picture_loss(pixels, picture.pixels.data(), picture.classes.data(), picture.weights, float(picture.weight / double(pixels.size())));
  picture.tokenizer.decode_backward(picture.cache, pixels.data(), dexpected.data());
  parallel_for(n * dims, [&](int64_t i) {
    std::array<double, kMostLevels> p;
    const int64_t at = i % dims * levels;
    const double mean = level_distribution(logits.row(i / dims) + at, levels, p.data());
    add_level_gradient(p.data(), levels, mean, dexpected[i], dlogits.row(i / dims) + at);
  });
}

}  // namespace

Rows<float> gather_rows(const Rows<float>& hidden, const std::vector<int64_t>& rows) {
  Rows<float> out;
  out.resize(int64_t(rows.size()), hidden.cols());
  for (size_t i = 0; i < rows.size(); ++i) std::memcpy(out.row(int64_t(i)), hidden.row(rows[i]), hidden.cols() * sizeof(float));
  return out;
}

LossSums prologue_objective(UnifiedTransformer& model, const TokenBatch& batch, std::span<const PrologueItem> targets, const Rows<float>& hidden,
                            double weight, Rows<float>* dhidden) {
  LossSums sums;
  const int64_t n = batch.prologue.count(), d = hidden.cols();
  if (n == 0) return sums;
  ORRERY_ASSERT(int64_t(targets.size()) == n);
  Heads& heads = model.heads();
  Rows<float> rows = gather_rows(hidden, batch.prologue.rows), refined = rows, coarse, fine, dcoarse, dfine, drows;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t value = int64_t(targets[i].attribute) * kLevels + targets[i].coarse;
    for (int64_t j = 0; j < d; ++j) refined.row(i)[j] += heads.coarse_value.value[value * d + j];
  }
  head_forward(heads.coarse, rows, coarse);
  head_forward(heads.fine, refined, fine);
  dcoarse.resize(n, coarse.cols());
  dcoarse.zero();
  dfine.resize(n, fine.cols());
  dfine.zero();
  const float scale = float(weight / double(n));
  for (int64_t i = 0; i < n; ++i) {
    const PrologueItem& item = targets[i];
    const int64_t first = int64_t(item.attribute) * kLevels;
    const bool category = attribute_spec(item.attribute).categories > 0;
    bool hit = false, fine_hit = true;
    const float counts = category ? kCategoryWeight : 1;
    sums.loss += counts * cross_entropy(coarse.row(i) + first, choices(item.attribute), item.coarse, counts * scale, dcoarse.row(i) + first, hit);
    if (!category)
      sums.loss += kFineWeight * cross_entropy(fine.row(i) + first, kLevels, item.fine, kFineWeight * scale, dfine.row(i) + first, fine_hit);
    sums.categories += category;
    sums.category_hits += category && hit;
    sums.hits += hit && fine_hit;
  }
  sums.count = n;
  if (!dhidden) return sums;
  head_backward(heads.coarse, rows, dcoarse, drows);
  scatter_add(drows, batch.prologue.rows, *dhidden);
  head_backward(heads.fine, refined, dfine, drows);
  scatter_add(drows, batch.prologue.rows, *dhidden);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t value = int64_t(targets[i].attribute) * kLevels + targets[i].coarse;
    for (int64_t j = 0; j < d; ++j) heads.coarse_value.gradient[value * d + j] += drows.row(i)[j];
  }
  return sums;
}

void coarse_logits(const Heads& heads, const float* hidden, Attribute attribute, std::vector<float>& logits) {
  row_logits(heads.coarse, hidden, attribute, logits);
}

void fine_logits(const Heads& heads, const float* hidden, Attribute attribute, int coarse, std::vector<float>& logits) {
  const int64_t d = heads.fine.in();
  std::vector<float> refined(hidden, hidden + d);
  const float* value = &heads.coarse_value.value[(int64_t(attribute) * kLevels + coarse) * d];
  for (int64_t j = 0; j < d; ++j) refined[j] += value[j];
  row_logits(heads.fine, refined.data(), attribute, logits);
}

void object_outputs(const Heads& heads, const Rows<float>& hidden_rows, Rows<float>& outputs) { linear_forward(heads.objects, hidden_rows, outputs); }

LossSums object_objective(UnifiedTransformer& model, const TokenBatch& batch, const Rows<float>& targets, const std::vector<float>& row_weights,
                          const Rows<float>& hidden, double weight, Rows<float>* dhidden) {
  LossSums sums;
  const int64_t n = batch.objects.count();
  ORRERY_ASSERT(targets.rows() == n && int64_t(row_weights.size()) == n);
  for (float w : row_weights) sums.count += w > 0;
  if (sums.count == 0) return sums;
  const Rows<float> rows = gather_rows(hidden, batch.objects.rows);
  Rows<float> out, dout, drows;
  object_outputs(model.heads(), rows, out);
  dout.resize(n, kObjectOutputs);
  dout.zero();
  constexpr int kResiduals = kObjectOutputs - 1;
  for (int64_t i = 0; i < n; ++i) {
    if (row_weights[i] <= 0) continue;
    const float scale = float(weight * row_weights[i] / double(sums.count));
    for (int k = 0; k < kResiduals; ++k) {
      const float e = out.row(i)[k] - targets.row(i)[k];
      sums.loss += row_weights[i] * (std::abs(e) < 1 ? 0.5 * e * e : std::abs(e) - 0.5) / kResiduals;
      dout.row(i)[k] = scale * std::clamp(e, -1.0f, 1.0f) / kResiduals;
    }
    const bool contact = targets.row(i)[kResiduals] > 0.5f;
    constexpr float kContactWeight = 0.1f;
    sums.loss += row_weights[i] * kContactWeight * binary_cross_entropy(out.row(i)[kResiduals], contact, scale * kContactWeight, &dout.row(i)[kResiduals]);
    sums.hits += (out.row(i)[kResiduals] > 0) == contact;
  }
  if (!dhidden) return sums;
  linear_backward(model.heads().objects, rows, dout, &drows);
  scatter_add(drows, batch.objects.rows, *dhidden);
  return sums;
}

void patch_logits(const Heads& heads, const Rows<float>& hidden_rows, Rows<float>& logits) { head_forward(heads.patches, hidden_rows, logits); }

LossSums patch_objective(UnifiedTransformer& model, const TokenBatch& batch, std::span<const int8_t> codes, const std::vector<uint8_t>& unchanged,
                         const Rows<float>& hidden, double weight, Rows<float>* dhidden, PictureObjective* picture) {
  LossSums sums;
  const int64_t n = batch.patches.count();
  if (n == 0) return sums;
  const int dims = model.config().code_dims, levels = model.config().code_levels;
  ORRERY_ASSERT(int64_t(codes.size()) == n * dims && int64_t(unchanged.size()) == n);
  const Rows<float> rows = gather_rows(hidden, batch.patches.rows);
  Rows<float> logits, dlogits, drows;
  patch_logits(model.heads(), rows, logits);
  dlogits.resize(n, logits.cols());
  const float scale = float(weight / double(n));
  constexpr float kLevelWeight = 0.2f, kGateWeight = 0.2f;
  std::vector<double> losses(n), hits(n);
  parallel_for(n, [&](int64_t i) {
    float* row = logits.row(i);
    float* drow = dlogits.row(i);
    for (int k = 0; k < dims; ++k) {
      bool hit = false;
      const int target = codes[i * dims + k];
      losses[i] += cross_entropy(row + k * levels, levels, target, scale / dims, drow + k * levels, hit) / dims;
      losses[i] += kLevelWeight * expected_level_loss(row + k * levels, levels, target, scale * kLevelWeight / dims, drow + k * levels) / dims;
      hits[i] += double(hit) / dims;
    }
    losses[i] += kGateWeight * binary_cross_entropy(row[dims * levels], unchanged[i], scale * kGateWeight, &drow[dims * levels]);
  });
  for (int64_t i = 0; i < n; ++i) {
    sums.loss += losses[i];
    sums.hits += hits[i];
  }
  sums.count = n;
  if (picture) picture_gradient(logits, dims, levels, *picture, dlogits);
  if (!dhidden) return sums;
  head_backward(model.heads().patches, rows, dlogits, drows);
  scatter_add(drows, batch.patches.rows, *dhidden);
  return sums;
}

LossSums early_copy_objective(UnifiedTransformer& model, const TokenBatch& batch, const std::vector<uint8_t>& unchanged, ForwardCache& cache, double weight) {
  LossSums sums;
  const int layer = model.config().prune_layer;
  const int64_t n = batch.patches.count(), d = model.config().d_model;
  if (n == 0 || layer == 0) return sums;
  const Rows<bf16>& normed = cache.layers[layer].attention_half;
  Rows<float> rows, logits, dlogits;
  rows.resize(n, d);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < d; ++j) rows.row(i)[j] = from_bf16(normed.row(batch.patches.rows[i])[j]);
  linear_forward(model.heads().early_copy, rows, logits);
  dlogits.resize(n, 1);
  for (int64_t i = 0; i < n; ++i) {
    sums.loss += binary_cross_entropy(logits.row(i)[0], unchanged[i], float(weight / double(n)), dlogits.row(i));
    sums.hits += (logits.row(i)[0] > 0) == bool(unchanged[i]);
  }
  sums.count = n;
  if (weight > 0) linear_backward(model.heads().early_copy, rows, dlogits, &cache.dearly);
  return sums;
}

}  // namespace orrery
