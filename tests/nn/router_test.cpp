#include "nn/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/nn/numeric.h"

namespace orrery {
namespace {

// A router whose logits are its input: x [t, 3 + experts].
struct DirectRouter {
  ParameterList list;
  RouterState router;
  RouterCache cache;
  RoutingStats stats;
  explicit DirectRouter(const RouterConfig& config) {
    Rng rng(1);
    const int d = kNumDomains + config.num_experts();
    router.declare(list, "router", config, d, rng);
    std::fill(router.gate.weight.value.begin(), router.gate.weight.value.end(), 0.0f);
    for (int i = 0; i < d; ++i) router.gate.weight.value[i * d + i] = 1;
  }
  const std::vector<Route>& route(const Rows<float>& x, const RoutingOptions& options = {}) {
    return route(x, std::vector<uint8_t>(x.rows(), 0), options);
  }
  const std::vector<Route>& route(const Rows<float>& x, const std::vector<uint8_t>& modality,
                                  const RoutingOptions& options) {
    stats = {};
    router_forward(router, x, modality, options, cache, stats);
    return cache.routes;
  }
};

double sigmoid_reference(double x) { return 1 / (1 + std::exp(-x)); }

// The k best experts of the best groups by sorting everything: what router.h promises.
std::set<int> brute_force_choice(const RouterState& router, const float* logits, int domain, int k) {
  const RouterConfig& c = router.config;
  const int first = c.first_expert(domain), groups = c.experts[domain] / c.group_size;
  const auto score = [&](int e) { return sigmoid_reference(logits[kNumDomains + e]) + router.bias[e]; };
  std::vector<int> order(groups);
  std::iota(order.begin(), order.end(), 0);
  const auto group_score = [&](int g) {
    double sum = 0;
    for (int i = 0; i < c.group_size; ++i) sum += score(first + g * c.group_size + i);
    return sum;
  };
  std::sort(order.begin(), order.end(), [&](int a, int b) { return group_score(a) > group_score(b); });
  std::vector<int> members;
  for (int g = 0; g < std::min(c.top_groups, groups); ++g)
    for (int i = 0; i < c.group_size; ++i) members.push_back(first + order[g] * c.group_size + i);
  std::sort(members.begin(), members.end(), [&](int a, int b) { return score(a) > score(b); });
  return {members.begin(), members.begin() + k};
}

Rows<float> random_logits(Rng& rng, int64_t tokens, const RouterConfig& c, double scale = 1) {
  Rows<float> x;
  x.resize(tokens, kNumDomains + c.num_experts());
  for (int64_t i = 0; i < tokens * x.cols(); ++i) x.data()[i] = float(scale * rng.normal());
  return x;
}

TEST(Router, ChoosesLikeBruteForce) {
  Rng rng(2);
  for (const auto& [group_size, top_groups, k] :
       {std::array{2, 2, 2}, std::array{2, 2, 3}, std::array{4, 1, 2}, std::array{2, 1, 1},
        std::array{4, 2, 4}, std::array{1, 3, 3}}) {
    RouterConfig c;
    c.experts = {4, 8, 12};
    c.group_size = group_size, c.top_groups = top_groups, c.top_k = k;
    DirectRouter r(c);
    for (float& b : r.router.bias) b = float(0.2 * rng.normal());
    const Rows<float> x = random_logits(rng, 400, c);
    const auto& routes = r.route(x);
    for (int64_t t = 0; t < x.rows(); ++t) {
      const float* logits = x.row(t);
      const int domain = int(std::max_element(logits, logits + kNumDomains) - logits);
      ASSERT_EQ(routes[t].domain, domain);
      ASSERT_EQ(routes[t].count, k);
      const std::set<int> got(routes[t].expert.begin(), routes[t].expert.begin() + k);
      ASSERT_EQ(got, brute_force_choice(r.router, logits, domain, k)) << "token " << t;
    }
  }
}

TEST(Router, WeightsAreTheDomainsShareOfNormalisedAffinities) {
  RouterConfig c;
  DirectRouter r(c);
  Rng rng(3);
  for (float& b : r.router.bias) b = float(0.3 * rng.normal());
  const Rows<float> x = random_logits(rng, 100, c);
  const auto& routes = r.route(x);
  for (int64_t t = 0; t < x.rows(); ++t) {
    const Route& route = routes[t];
    double exponentials = 0, affinities = 0;
    for (int m = 0; m < kNumDomains; ++m) exponentials += std::exp(double(x.row(t)[m]));
    for (int j = 0; j < route.count; ++j)
      affinities += sigmoid_reference(x.row(t)[kNumDomains + route.expert[j]]);
    for (int j = 0; j < route.count; ++j) {
      const double affinity =
          sigmoid_reference(x.row(t)[kNumDomains + route.expert[j]]);  // without the selection bias
      ASSERT_NEAR(route.weight[j],
                  std::exp(double(x.row(t)[route.domain])) / exponentials * affinity / affinities, 1e-5);
    }
  }
}

TEST(Router, EffortChangesTheNumberOfExperts) {
  RouterConfig c;
  DirectRouter r(c);
  Rng rng(4);
  const Rows<float> x = random_logits(rng, 50, c);
  for (int k = 1; k <= 4; ++k)
    for (const Route& route : r.route(x, {false, k, -1})) ASSERT_EQ(route.count, k);
}

TEST(Router, LowConfidenceFallsBackToTheSharedExpert) {
  RouterConfig c;
  c.fallback_threshold = 0.3;
  DirectRouter r(c);
  Rows<float> x;
  x.resize(2, kNumDomains + c.num_experts());
  std::fill_n(x.data(), 2 * x.cols(), 0.0f);
  x.row(0)[0] = 8;  // sure of its domain: 1 x 0.5; the other token: 1/3 x 0.5
  const auto& routes = r.route(x);
  EXPECT_EQ(routes[0].count, c.top_k);
  EXPECT_EQ(routes[1].count, 0);
  EXPECT_EQ(r.stats.fallback, 1);
  EXPECT_EQ(std::accumulate(r.stats.load.begin(), r.stats.load.end(), int64_t(0)), c.top_k);
  for (const Route& route : r.route(x, {true, 0, -1})) EXPECT_EQ(route.count, c.top_k) << "training gives every token its experts";
}

TEST(Router, ForcedDomainsAndTokensThatDisagreeAreCounted) {
  RouterConfig c;
  DirectRouter r(c);
  Rng rng(5);
  const Rows<float> x = random_logits(rng, 60, c);
  std::vector<uint8_t> modality(60);
  for (size_t t = 0; t < 60; ++t) modality[t] = uint8_t(t % 3);
  for (int shift = 0; shift < kNumDomains; ++shift) {
    const auto& routes = r.route(x, modality, {false, 0, shift});
    for (size_t t = 0; t < 60; ++t) {
      ASSERT_EQ(routes[t].domain, (modality[t] + shift) % kNumDomains);
      for (int j = 0; j < routes[t].count; ++j) {
        ASSERT_GE(routes[t].expert[j], c.first_expert(routes[t].domain));
        ASSERT_LT(routes[t].expert[j], c.first_expert(routes[t].domain) + c.experts[routes[t].domain]);
      }
    }
    EXPECT_EQ(r.stats.left_modality, shift == 0 ? 0 : 60);
  }
  const auto& routes = r.route(x, modality, {});
  int64_t left = 0;
  for (size_t t = 0; t < 60; ++t) left += routes[t].domain != modality[t];
  EXPECT_EQ(r.stats.left_modality, left);
  EXPECT_EQ(r.stats.tokens, 60);
}

// All tokens want expert 0 and 1 of the first domain, with rising affinity.
TEST(Router, CapacityDropsTheLowestAffinitiesAndCountsThem) {
  RouterConfig c;
  c.experts = {4, 2, 2};
  c.capacity_factor = 1.0;
  DirectRouter r(c);
  constexpr int kTokens = 20;
  Rows<float> x;
  x.resize(kTokens, kNumDomains + c.num_experts());
  std::fill_n(x.data(), kTokens * x.cols(), -3.0f);
  for (int t = 0; t < kTokens; ++t) {
    x.row(t)[0] = 5;
    x.row(t)[kNumDomains] = 1 + 0.1f * float(t);
    x.row(t)[kNumDomains + 1] = 1 + 0.1f * float(kTokens - t);
  }
  const auto& routes = r.route(x, {true, 0, -1});
  const int capacity = kTokens * c.top_k / c.experts[0];  // 10
  EXPECT_EQ(r.stats.dropped, 2 * (kTokens - capacity));
  EXPECT_EQ(r.stats.load[0], kTokens);  // what was wanted
  for (int t = 0; t < kTokens; ++t)
    for (int j = 0; j < routes[t].count; ++j) {
      const bool kept = routes[t].expert[j] == 0 ? t >= kTokens - capacity : t < capacity;
      EXPECT_EQ(routes[t].weight[j] >= 0, kept) << t << " expert " << routes[t].expert[j];
    }
  r.route(x);
  EXPECT_EQ(r.stats.dropped, 0) << "no capacity at inference";
  for (const Route& route : r.cache.routes)
    for (int j = 0; j < route.count; ++j) EXPECT_GE(route.weight[j], 0);
}

// Busiest expert of a domain in units of an even share.
double imbalance(const RouterConfig& c, const std::vector<int64_t>& load, int domain) {
  const auto begin = load.begin() + c.first_expert(domain), end = begin + c.experts[domain];
  return double(*std::max_element(begin, end)) * c.experts[domain] /
         double(std::accumulate(begin, end, int64_t(0)));
}

TEST(Router, BiasEvensOutSkewedLoads) {
  RouterConfig c;
  c.experts = {2, 8, 8};
  DirectRouter r(c);
  Rng rng(6);
  const auto batch = [&] {
    Rows<float> x = random_logits(rng, 512, c);
    for (int64_t t = 0; t < x.rows(); ++t) {
      x.row(t)[1] += 4;  // most are visual
      for (int e = 0; e < 8; ++e)
        x.row(t)[kNumDomains + 2 + e] += 2.0f - 0.5f * float(e);  // expert 0 of them is everybody's
    }
    return x;
  };
  r.route(batch());
  const double before = imbalance(c, r.stats.load, 1);
  for (int step = 0; step < 300; ++step) {
    r.route(batch());
    update_router_bias(r.router, r.stats.load, 0.01);
  }
  r.route(batch());
  EXPECT_GT(before, 2.5);
  EXPECT_LT(imbalance(c, r.stats.load, 1), 1.5);
}

TEST(Router, BiasMovesByTheRateAgainstTheLoad) {
  RouterConfig c;
  c.experts = {2, 2, 2};
  DirectRouter r(c);
  update_router_bias(r.router, {10, 2, 5, 5, 0, 8}, 0.25);
  EXPECT_EQ(r.router.bias, (std::vector<float>{-0.25f, 0.25f, 0, 0, 0.25f, -0.25f}));
}

// What router_backward() differentiates, with the choices held.
struct RouterLoss {
  const RouterConfig& c;
  const std::vector<Route>& routes;
  const std::vector<float>& dweight;
  const std::vector<uint8_t>& modality;
  const std::vector<int64_t>& sequence_begin;
  int64_t d;

  double weights_and_domains(int64_t t, const double* logits) const {
    double exponentials = 0, affinities = 1e-9, loss = 0;
    for (int m = 0; m < kNumDomains; ++m) exponentials += std::exp(logits[m]);
    const Route& r = routes[t];
    for (int j = 0; j < r.count; ++j) affinities += sigmoid_reference(logits[kNumDomains + r.expert[j]]);
    for (int j = 0; j < r.count; ++j)
      loss += dweight[t * kMaxTopK + j] * std::exp(logits[r.domain]) / exponentials *
              sigmoid_reference(logits[kNumDomains + r.expert[j]]) / affinities;
    const double z = std::log(exponentials);
    const int n = c.experts[r.domain], first = kNumDomains + c.first_expert(r.domain);
    for (int e = first; e < first + n; ++e)
      loss += c.z_weight * logits[e] * logits[e] / n / double(routes.size());
    return loss + (c.cluster_weight * (z - logits[modality[t]]) + c.z_weight * z * z) / double(routes.size());
  }

  double balance(int64_t begin, int64_t end, const Doubles& logits) const {
    double loss = 0;
    for (int domain = 0; domain < kNumDomains; ++domain) {
      const int n = c.experts[domain], first = c.first_expert(domain);
      Doubles share(n), mean(n);
      double tokens = 0;
      for (int64_t t = begin; t < end; ++t) {
        if (routes[t].domain != domain || routes[t].count == 0) continue;
        ++tokens;
        double sum = 0;
        for (int e = 0; e < n; ++e) sum += sigmoid_reference(logits[t * width() + kNumDomains + first + e]);
        for (int e = 0; e < n; ++e)
          mean[e] += sigmoid_reference(logits[t * width() + kNumDomains + first + e]) / sum;
        for (int j = 0; j < routes[t].count; ++j)
          share[routes[t].expert[j] - first] += double(n) / routes[t].count;
      }
      for (int e = 0; e < n && tokens > 0; ++e) loss += share[e] / tokens * mean[e] / tokens;
    }
    return loss;
  }

  int64_t width() const { return kNumDomains + c.num_experts(); }

  double operator()(const Doubles& x, const Doubles& gate) const {
    const Doubles logits = linear_reference(x, gate, d, width());
    double loss = 0;
    for (int64_t t = 0; t < int64_t(routes.size()); ++t) loss += weights_and_domains(t, &logits[t * width()]);
    const size_t sequences = sequence_begin.size() - 1;
    for (size_t s = 0; s < sequences; ++s)
      loss +=
          c.balance_weight / double(sequences) * balance(sequence_begin[s], sequence_begin[s + 1], logits);
    return loss;
  }
};

// A router on random tokens of all modalities in turn, routed once.
struct RoutedCase {
  static constexpr int kWidth = 8;
  Rng rng;
  ParameterList list;
  RouterState router;
  Rows<float> x;
  std::vector<uint8_t> modality;
  RouterCache cache;
  RoutingStats stats;
  RoutedCase(uint64_t seed, const RouterConfig& config, int tokens) : rng(seed) {
    router.declare(list, "router", config, kWidth, rng);
    fill_exact(rng, 0.6, router.gate.weight);
    x = exact_rows(rng, tokens, kWidth);
    for (int t = 0; t < tokens; ++t) modality.push_back(uint8_t(t % 3));
    router_forward(router, x, modality, {}, cache, stats);
  }
};

TEST(Router, BackwardMatchesFiniteDifferences) {
  RouterConfig c;
  c.experts = {2, 4, 4};
  c.cluster_weight = 0.5, c.z_weight = 0.3, c.balance_weight = 0.7;  // so that a mistake in any of them shows
  c.fallback_threshold = 0.25;
  constexpr int kTokens = 9, kWidth = RoutedCase::kWidth;
  RoutedCase r(7, c, kTokens);
  auto& [rng, list, router, x, modality, cache, stats] = r;
  EXPECT_GT(stats.fallback, 0) << "the case must contain one";
  EXPECT_LT(stats.fallback, kTokens);
  std::vector<float> dweight(kTokens * kMaxTopK);
  for (int t = 0; t < kTokens; ++t) fill_exact(rng, 1, &dweight[t * kMaxTopK], cache.routes[t].count);
  const std::vector<int64_t> sequences{0, 5, kTokens};
  Rows<float> dx;
  router_backward(router, x, modality, sequences, cache, dweight, dx, stats);
  const RouterLoss loss{c, cache.routes, dweight, modality, sequences, kWidth};
  Doubles at = doubles(x), gate = doubles(router.gate.weight.value);
  EXPECT_LT(relative_error(dx, numeric_gradient(at, [&] { return loss(at, gate); })), 1e-6);
  EXPECT_LT(
      relative_error(router.gate.weight.gradient, numeric_gradient(gate, [&] { return loss(at, gate); })),
      1e-6);
}

TEST(Router, ByModalityTheDomainIsGivenAndNothingOfItIsLearned) {
  RouterConfig c;
  c.by_modality = true;
  c.cluster_weight = 0.5;
  c.z_weight = c.balance_weight = 0;
  c.fallback_threshold = 0;
  constexpr int kTokens = 30, kWidth = RoutedCase::kWidth;
  RoutedCase routed(9, c, kTokens);
  auto& [rng, list, router, x, modality, cache, stats] = routed;
  EXPECT_EQ(stats.left_modality, 0);
  std::vector<float> dweight(kTokens * kMaxTopK);
  for (int t = 0; t < kTokens; ++t) {
    const Route& r = cache.routes[size_t(t)];
    EXPECT_EQ(r.domain, t % 3);
    EXPECT_NEAR(r.weight[0] + r.weight[1], 1, 1e-6);
    fill_exact(rng, 1, &dweight[size_t(t * kMaxTopK)], r.count);
  }
  Rows<float> dx;
  router_backward(router, x, modality, {0, kTokens}, cache, dweight, dx, stats);
  for (int i = 0; i < kNumDomains * kWidth; ++i) EXPECT_EQ(router.gate.weight.gradient[size_t(i)], 0);
  Doubles gate = doubles(router.gate.weight.value);
  const Doubles at = doubles(x);
  const auto loss = [&] {
    const Doubles logits = linear_reference(at, gate, kWidth, kNumDomains + c.num_experts());
    double sum = 0;
    for (int t = 0; t < kTokens; ++t) {
      const Route& r = cache.routes[size_t(t)];
      const auto affinity = [&](int j) { return sigmoid_reference(logits[size_t(t * (kNumDomains + c.num_experts()) + kNumDomains + r.expert[size_t(j)])]); };
      for (int j = 0; j < r.count; ++j) sum += dweight[size_t(t * kMaxTopK + j)] * affinity(j) / (affinity(0) + affinity(1));
    }
    return sum;
  };
  EXPECT_LT(relative_error(router.gate.weight.gradient, numeric_gradient(gate, loss)), 1e-5);
}

TEST(Router, WithoutExpertsEveryTokenIsLeftToTheSharedOne) {
  RouterConfig c;
  c.experts = {0, 0, 0};
  DirectRouter r(c);
  Rng rng(3);
  const Rows<float> x = random_logits(rng, 20, c);
  for (const Route& route : r.route(x, {true, 0, -1})) EXPECT_EQ(route.count, 0);
  EXPECT_EQ(r.stats.fallback, 0) << "there is nothing to fall back from";
}

TEST(Router, StrayTokensDoNotMoveTheBiasOfADomain) {
  RouterConfig c;
  c.experts = {2, 2, 2};
  DirectRouter r(c);
  update_router_bias(r.router, {400, 200, 3, 0, 0, 0}, 0.25);
  EXPECT_EQ(r.router.bias, (std::vector<float>{-0.25f, 0.25f, 0, 0, 0, 0}));
}

TEST(Router, BiasDoesNotDrift) {
  RouterConfig c;
  c.experts = {2, 4, 2};
  DirectRouter r(c);
  for (int step = 0; step < 1000; ++step) update_router_bias(r.router, {5, 5, 0, 12, 0, 0, 5, 5}, 0.01);
  EXPECT_NEAR(r.router.bias[2] + r.router.bias[3] + r.router.bias[4] + r.router.bias[5], 0, 1e-3);
  EXPECT_NEAR(r.router.bias[2] - r.router.bias[3], 20, 1e-2);
}

TEST(Router, BiasStaysWhereBalancingIsOff) {
  RouterConfig c;
  c.experts = {2, 2, 2};
  c.balance_bias = false;
  DirectRouter r(c);
  update_router_bias(r.router, {10, 2, 5, 5, 0, 8}, 0.25);
  EXPECT_EQ(r.router.bias, std::vector<float>(6, 0.0f));
}

}  // namespace
}  // namespace orrery
