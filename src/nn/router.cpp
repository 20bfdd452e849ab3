#include "nn/router.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/parallel.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

std::array<float, kNumDomains> domain_softmax(const float* logits) {
  const float top = std::max({logits[0], logits[1], logits[2]});
  std::array<float, kNumDomains> p;
  float sum = 0;
  for (int m = 0; m < kNumDomains; ++m) sum += p[m] = std::exp(logits[m] - top);
  for (float& v : p) v /= sum;
  return p;
}

// Experts of the best groups of the domain, by selection score; a group's score is the sum of its members'.
void keep_best_groups(const RouterConfig& c, int domain, std::vector<float>& score) {
  const int n = c.experts[domain], groups = n / c.group_size;
  if (c.top_groups >= groups) return;
  std::vector<std::pair<float, int>> ranked(groups);
  for (int g = 0; g < groups; ++g) {
    const float* s = &score[g * c.group_size];
    ranked[g] = {std::accumulate(s, s + c.group_size, 0.0f), g};
  }
  std::sort(ranked.begin(), ranked.end(), [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  for (int r = c.top_groups; r < groups; ++r)
    std::fill_n(score.begin() + ranked[r].second * c.group_size, c.group_size, -1e30f);
}

Route route_token(const RouterState& router, const float* logits, int modality, const RoutingOptions& options) {
  const RouterConfig& c = router.config;
  const auto p = domain_softmax(logits);
  Route route;
  int domain = int(std::max_element(p.begin(), p.end()) - p.begin());
  if (c.by_modality) domain = modality;
  if (options.force_domain >= 0) domain = (modality + options.force_domain) % kNumDomains;
  // A forced domain counts as much as the chosen one would have: else its near-zero probability would only switch it off.
  const float certainty = c.by_modality ? 1 : options.force_domain >= 0 ? *std::max_element(p.begin(), p.end()) : p[domain];
  route.domain = int8_t(domain);
  const int first = c.first_expert(domain), n = c.experts[domain];
  if (n == 0) return route;
  std::vector<float> affinity(n), score(n);
  for (int e = 0; e < n; ++e) {
    affinity[e] = sigmoid(logits[kNumDomains + first + e]);
    score[e] = affinity[e] + router.bias[first + e];
  }
  keep_best_groups(c, domain, score);
  const int k = std::min(options.top_k > 0 ? options.top_k : c.top_k, n);
  float sum = 0;
  for (int j = 0; j < k; ++j) {
    const int e = int(std::max_element(score.begin(), score.end()) - score.begin());
    score[e] = -1e30f;
    route.expert[j] = int16_t(first + e);
    route.affinity[j] = affinity[e];
    sum += affinity[e];
  }
  route.count = int8_t(k);
  for (int j = 0; j < k; ++j) route.weight[j] = certainty * route.affinity[j] / (sum + 1e-9f);
  // Not in training: experts that are passed over learn nothing, and their affinity never comes back.
  if (!options.training && certainty * *std::max_element(route.affinity.begin(), route.affinity.begin() + k) < c.fallback_threshold) route.count = 0;
  return route;
}

// Rows beyond an expert's capacity, lowest affinity first, lose that expert.
int64_t apply_capacity(const RouterConfig& c, std::vector<Route>& routes) {
  std::array<int64_t, kNumDomains> tokens{};
  for (const Route& r : routes) tokens[r.domain] += r.count;
  std::vector<std::vector<std::pair<float, int>>> taken(c.num_experts());
  for (int t = 0; t < int(routes.size()); ++t)
    for (int j = 0; j < routes[t].count; ++j) taken[routes[t].expert[j]].push_back({routes[t].affinity[j], t});
  int64_t dropped = 0;
  for (int domain = 0; domain < kNumDomains; ++domain) {
    const int64_t capacity = int64_t(std::ceil(c.capacity_factor * double(tokens[domain]) / std::max(1, c.experts[domain])));
    for (int e = c.first_expert(domain); e < c.first_expert(domain) + c.experts[domain]; ++e) {
      auto& rows = taken[e];
      if (int64_t(rows.size()) <= capacity) continue;
      std::sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
      for (size_t i = capacity; i < rows.size(); ++i) {
        Route& r = routes[rows[i].second];
        for (int j = 0; j < r.count; ++j)
          if (r.expert[j] == e) r.weight[j] = -1;  // marks a dropped choice
        ++dropped;
      }
    }
  }
  return dropped;
}

// p_e over the domain's experts: affinities normalised to one, averaged over a sequence, times the load share.
// Returns the sequence's balance loss.
double balance_gradient(const RouterState& router, const RouterCache& cache, int64_t begin, int64_t end, double scale, Rows<float>& dlogits) {
  const RouterConfig& c = router.config;
  double loss = 0;
  for (int domain = 0; domain < kNumDomains; ++domain) {
    const int first = c.first_expert(domain), n = c.experts[domain];
    std::vector<double> share(n, 0.0), mean(n, 0.0);
    int64_t tokens = 0;
    std::vector<float> s(n);
    auto affinities = [&](int64_t t) {
      double sum = 0;
      for (int e = 0; e < n; ++e) sum += s[e] = sigmoid(cache.logits.row(t)[kNumDomains + first + e]);
      return sum;
    };
    for (int64_t t = begin; t < end; ++t) {
      const Route& r = cache.routes[t];
      if (r.domain != domain || r.count == 0) continue;
      ++tokens;
      for (int j = 0; j < r.count; ++j) share[r.expert[j] - first] += double(n) / r.count;
      const double sum = affinities(t);
      for (int e = 0; e < n; ++e) mean[e] += s[e] / sum;
    }
    if (tokens == 0) continue;
    for (int e = 0; e < n; ++e) loss += share[e] / tokens * mean[e] / tokens;
    for (int64_t t = begin; t < end; ++t) {
      if (cache.routes[t].domain != domain || cache.routes[t].count == 0) continue;
      const double sum = affinities(t);
      double weighted = 0;
      for (int e = 0; e < n; ++e) weighted += share[e] / tokens * s[e] / sum;
      for (int e = 0; e < n; ++e)
        dlogits.row(t)[kNumDomains + first + e] += float(scale / tokens * (share[e] / tokens - weighted) / sum * s[e] * (1 - s[e]));
    }
  }
  return loss;
}

void token_gradient(const RouterConfig& c, const Route& route, const float* logits, const float* dweight, int modality, double inverse_tokens, float* dlogits, double& cluster, double& z) {
  const auto p = domain_softmax(logits);
  const float certainty = c.by_modality ? 1 : p[route.domain];
  float affinity_sum = 1e-9f, share_dot = 0, dp = 0;
  for (int j = 0; j < route.count; ++j) affinity_sum += route.affinity[j];
  for (int j = 0; j < route.count; ++j) {
    const float share = route.affinity[j] / affinity_sum;
    share_dot += dweight[j] * share;
    dp += dweight[j] * share;
  }
  for (int j = 0; j < route.count; ++j) {
    const float s = route.affinity[j];
    dlogits[kNumDomains + route.expert[j]] += certainty * (dweight[j] - share_dot) / affinity_sum * s * (1 - s);
  }
  // An affinity that has sunk to 0 or risen to 1 gets no other gradient, and the choice is the bias's alone.
  const int first = kNumDomains + c.first_expert(route.domain), n = c.experts[route.domain];
  for (int e = first; e < first + n; ++e) {
    z += double(logits[e]) * logits[e] / n;
    dlogits[e] += float(inverse_tokens * c.z_weight * 2 * logits[e] / n);
  }
  if (c.by_modality) return;
  const double log_sum = std::log(std::exp(double(logits[0])) + std::exp(double(logits[1])) + std::exp(double(logits[2])));
  cluster += log_sum - logits[modality];
  z += log_sum * log_sum;
  for (int m = 0; m < kNumDomains; ++m) {
    dlogits[m] += dp * p[route.domain] * (float(m == route.domain) - p[m]);
    dlogits[m] += float(inverse_tokens * (c.cluster_weight * (p[m] - float(m == modality)) + c.z_weight * 2 * log_sum * p[m]));
  }
}

}  // namespace

void domains_of(const std::vector<Route>& routes, std::vector<uint8_t>& domain) {
  domain.resize(routes.size());
  for (size_t t = 0; t < routes.size(); ++t) domain[t] = uint8_t(routes[t].domain);
}

void RouterState::declare(ParameterList& list, const std::string& name, const RouterConfig& c, int d, Rng& rng) {
  config = c;
  for (int n : c.experts) ORRERY_ASSERT(n % c.group_size == 0);
  ORRERY_ASSERT(c.top_k <= kMaxTopK && c.top_groups * c.group_size >= c.top_k);
  gate.declare(list, name + ".gate", d, kNumDomains + c.num_experts(), false, rng);
  bias.assign(c.num_experts(), 0.0f);
}

void router_forward(const RouterState& router, const Rows<float>& x, const std::vector<uint8_t>& modality, const RoutingOptions& options, RouterCache& cache, RoutingStats& stats) {
  linear_forward(router.gate, x, cache.logits);
  cache.routes.resize(x.rows());
  parallel_for(x.rows(), [&](int64_t t) { cache.routes[t] = route_token(router, cache.logits.row(t), modality[t], options); });
  stats.load.resize(router.config.num_experts());
  for (int64_t t = 0; t < x.rows(); ++t) {
    const Route& r = cache.routes[t];
    stats.fallback += r.count == 0 && router.config.experts[r.domain] > 0;
    stats.left_modality += r.domain != modality[t];
    for (int j = 0; j < r.count; ++j) ++stats.load[r.expert[j]];
  }
  stats.tokens += x.rows();
  if (options.training) stats.dropped += apply_capacity(router.config, cache.routes);
}

void router_backward(RouterState& router, const Rows<float>& x, const std::vector<uint8_t>& modality, const std::vector<int64_t>& sequence_begin,
                     const RouterCache& cache, const std::vector<float>& dweight, Rows<float>& dx, RoutingStats& stats) {
  Rows<float> dlogits;
  dlogits.resize(x.rows(), cache.logits.cols());
  dlogits.zero();
  const double inverse_tokens = 1.0 / double(std::max<int64_t>(1, x.rows()));
  const int64_t sequences = int64_t(sequence_begin.size()) - 1;
  std::vector<double> cluster(size_t(x.rows()), 0.0), z(size_t(x.rows()), 0.0), balance(static_cast<size_t>(sequences), 0.0);
  parallel_for(sequences, [&](int64_t s) {
    const int64_t begin = sequence_begin[s], end = sequence_begin[s + 1];
    for (int64_t t = begin; t < end; ++t)
      token_gradient(router.config, cache.routes[t], cache.logits.row(t), &dweight[t * kMaxTopK], modality[t], inverse_tokens, dlogits.row(t), cluster[size_t(t)], z[size_t(t)]);
    balance[size_t(s)] = balance_gradient(router, cache, begin, end, router.config.balance_weight / double(sequences), dlogits);
  });
  stats.cluster_loss = std::accumulate(cluster.begin(), cluster.end(), stats.cluster_loss);
  stats.z_loss = std::accumulate(z.begin(), z.end(), stats.z_loss);
  stats.balance_loss = std::accumulate(balance.begin(), balance.end(), stats.balance_loss);
  linear_backward(router.gate, x, dlogits, &dx);
}

void update_router_bias(RouterState& router, const std::vector<int64_t>& load, double rate) {
  const RouterConfig& c = router.config;
  if (!c.balance_bias) return;
  const int64_t total = std::accumulate(load.begin(), load.end(), int64_t(0));
  for (int domain = 0; domain < kNumDomains; ++domain) {
    const int first = c.first_expert(domain), n = c.experts[domain];
    const int64_t sum = std::accumulate(load.begin() + first, load.begin() + first + n, int64_t(0));
    if (100 * sum < total) continue;  // strays: in a batch of text alone they would move what pictures are balanced by
    const double mean = double(sum) / n;
    for (int e = first; e < first + n; ++e)
      router.bias[e] += float(rate * (double(load[e]) < mean ? 1 : double(load[e]) > mean ? -1 : 0));
    // Only differences choose; a common drift would take the digits that affinities differ in.
    const float drift = std::accumulate(router.bias.begin() + first, router.bias.begin() + first + n, 0.0f) / float(std::max(1, n));
    for (int e = first; e < first + n; ++e) router.bias[e] -= drift;
  }
}

}  // namespace orrery
