#include "nn/affinity.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"

namespace orrery {
namespace {

constexpr const char* kName = "affinity";

// The k largest of logits[0, n), as global experts from `first` on.
void choose(const float* logits, int first, int n, int k, Route& route) {
  std::vector<int> order(static_cast<size_t>(n));
  for (int e = 0; e < n; ++e) order[size_t(e)] = e;
  route.count = int8_t(std::min(k, n));
  std::partial_sort(order.begin(), order.begin() + route.count, order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  for (int j = 0; j < route.count; ++j) {
    route.expert[j] = int16_t(first + order[size_t(j)]);
    route.weight[j] = route.affinity[j] = 0;
  }
}

// Cross-entropy over n logits against a target that is even over the route's experts; dlogits: softmax -
// target.
double cross_entropy(const float* logits, int first, int n, const Route& route, float* dlogits) {
  const float top = *std::max_element(logits, logits + n);
  double sum = 0, loss = 0;
  for (int e = 0; e < n; ++e) sum += std::exp(double(logits[e] - top));
  for (int e = 0; e < n; ++e) dlogits[e] = float(std::exp(double(logits[e] - top)) / sum);
  for (int j = 0; j < route.count; ++j) {
    const int e = route.expert[j] - first;
    loss += (std::log(sum) + top - logits[e]) / route.count;
    dlogits[e] -= 1.0f / float(route.count);
  }
  return loss;
}

}  // namespace

AffinityPredictor::AffinityPredictor(int d, int hidden, int layers, const RouterConfig& router, Rng& rng)
    : parts_(std::make_unique<Parts>()) {
  parts_->router = router;
  parts_->layers = layers;
  parts_->norm.declare(parts_->list, std::string(kName) + ".norm", d);
  parts_->map.declare(parts_->list, kName, d, hidden, int64_t(layers) * router.num_experts(), rng);
}

AffinityPredictor AffinityPredictor::load(const SafetensorsFile& file, int d, int layers,
                                          const RouterConfig& router) {
  const std::string up = std::string(kName) + ".up.weight";
  if (!file.contains(up)) return {};
  const std::vector<int64_t>& shape = file.tensor(up).shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[0] > 1 << 16 || shape[1] != d)
    fail("tensor {}: not of this model; fit it again with `orrery train affinity`", up);
  Rng rng(0);
  AffinityPredictor predictor(d, int(shape[0]), layers, router, rng);
  predictor.parts_->list.load(file);
  return predictor;
}

void AffinityPredictor::save(SafetensorsWriter& writer) const {
  if (parts_) parts_->list.save(writer, DType::kBF16);
}

void AffinityPredictor::logits(const Rows<float>& x, Cache& c) const {
  ORRERY_ASSERT(x.cols() == parts_->norm.gain.size());
  c.half.resize(x.rows(), x.cols());
  c.rms.resize(size_t(x.rows()));
  c.map.input.resize(x.rows(), x.cols());
  rms_norm_forward(parts_->norm, x.data(), x.cols(), x.rows(), c.map.input.data(), c.half.data(),
                   c.rms.data());
  feature_mlp_forward(parts_->map, c.map, c.logits);
}

void AffinityPredictor::predict(const Rows<float>& x, const std::vector<uint8_t>& modality, int top_k,
                                std::vector<std::vector<Route>>& predicted) const {
  const RouterConfig& c = parts_->router;
  Cache cache;
  logits(x, cache);
  predicted.assign(size_t(parts_->layers), std::vector<Route>(size_t(x.rows())));
  parallel_for(x.rows(), [&](int64_t t) {
    const int domain = modality[size_t(t)], first = c.first_expert(domain);
    for (int l = 0; l < parts_->layers; ++l) {
      Route& route = predicted[size_t(l)][size_t(t)];
      route.domain = int8_t(domain);
      choose(cache.logits.row(t) + l * c.num_experts() + first, first, c.experts[size_t(domain)],
             top_k > 0 ? top_k : c.top_k, route);
    }
  });
}

double AffinityPredictor::fit(const Rows<float>& x, const std::vector<uint8_t>& modality,
                              const std::vector<std::vector<Route>>& routes) {
  const RouterConfig& c = parts_->router;
  Cache cache;
  logits(x, cache);
  Rows<float> d, dnormed, dx;
  d.resize(x.rows(), cache.logits.cols());
  d.zero();
  double loss = 0;
  int64_t counted = 0;
  for (int64_t t = 0; t < x.rows(); ++t)
    for (int l = 0; l < parts_->layers; ++l) {
      const Route& route = routes[size_t(l)][size_t(t)];
      if (route.count == 0 || route.domain != modality[size_t(t)]) continue;
      const int first = c.first_expert(route.domain), at = l * c.num_experts() + first;
      loss += cross_entropy(cache.logits.row(t) + at, first, c.experts[size_t(route.domain)], route,
                            d.row(t) + at);
      ++counted;
    }
  const float scale = 1.0f / float(std::max<int64_t>(1, counted));
  for (int64_t i = 0; i < d.rows() * d.cols(); ++i) d.data()[i] *= scale;
  feature_mlp_backward(parts_->map, cache.map, d, &dnormed);
  dx.resize(x.rows(), x.cols());
  dx.zero();
  rms_norm_backward(parts_->norm, x.data(), x.cols(), x.rows(), cache.rms.data(), dnormed.data(), dx.data(),
                    dx.cols());
  return loss * scale;
}

void Agreement::add(const Route& chosen, const Route& predicted) {
  if (chosen.count == 0) return;
  int same = 0;
  for (int j = 0; j < chosen.count; ++j)
    same += std::find(predicted.expert.begin(), predicted.expert.begin() + predicted.count,
                      chosen.expert[j]) != predicted.expert.begin() + predicted.count;
  ++tokens;
  choices += chosen.count;
  guessed += same;
  same_sets += same == chosen.count;
}

}  // namespace orrery
