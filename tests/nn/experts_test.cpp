#include "nn/experts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/parallel.h"
#include "tests/nn/numeric.h"

namespace orrery {
namespace {

constexpr int kWidth = 16, kHidden = 8, kSharedHidden = 12;

RoutedFfnConfig small_config() {
  RoutedFfnConfig c;
  c.d_model = kWidth, c.expert_hidden = kHidden, c.shared_hidden = kSharedHidden;
  c.router.experts = {2, 4, 4};
  c.router.fallback_threshold = 0;
  c.router.cluster_weight = c.router.z_weight = c.router.balance_weight = 0;  // router_test.cpp has those
  return c;
}

struct FfnCase {
  Rng rng{1};
  ParameterList list;
  RoutedFfn ffn;
  Rows<float> x;
  Rows<bf16> half;
  std::vector<uint8_t> modality;
  RoutedFfnCache cache;
  RoutingStats stats;
  FfnCase(int64_t tokens, const RoutedFfnConfig& config) {
    ffn.declare(list, "ffn", config, rng);
    for (Parameter* p : list.all()) fill_exact(rng, 0.4, *p);
    set_input(exact_rows(rng, tokens, config.d_model));
  }
  void set_input(const Rows<float>& input) {
    x = input;
    to_bf16(x, half);
    modality.resize(x.rows());
    for (size_t t = 0; t < modality.size(); ++t) modality[t] = uint8_t(t % 3);
  }
  Rows<float> forward(const RoutingOptions& options = {}) {
    Rows<float> y;
    stats = {};
    routed_ffn_forward(ffn, x, half, modality, options, cache, stats, y);
    return y;
  }
};

Doubles swiglu_reference(const Doubles& x, const Doubles& up, const Doubles& down, int64_t hidden) {
  const Doubles gate_value = linear_reference(x, up, kWidth, 2 * hidden);
  Doubles activated(hidden);
  for (int64_t i = 0; i < hidden; ++i) activated[i] = silu_reference(gate_value[i]) * gate_value[hidden + i];
  return linear_reference(activated, down, hidden, kWidth);
}

// One token after the other, choices held, weights computed anew from the gate. p: all parameters as
// declared.
struct FfnReference {
  const RoutedFfn& ffn;
  std::vector<Route> routes;
  std::vector<Doubles> p;
  Doubles x;

  double weight(const Doubles& logits, const Route& r, int j) const {
    double exponentials = 0, affinities = 1e-9;
    for (int m = 0; m < kNumDomains; ++m) exponentials += std::exp(logits[m]);
    const auto affinity = [&](int i) { return 1 / (1 + std::exp(-logits[kNumDomains + r.expert[i]])); };
    for (int i = 0; i < r.count; ++i) affinities += affinity(i);
    return std::exp(logits[r.domain]) / exponentials * affinity(j) / affinities;
  }

  Doubles forward() const {
    Doubles y;
    for (size_t t = 0; t < routes.size(); ++t) {
      const Doubles token(x.begin() + t * kWidth, x.begin() + (t + 1) * kWidth);
      Doubles sum = swiglu_reference(token, p[1], p[2], kSharedHidden);
      const Doubles logits =
          linear_reference(token, p[0], kWidth, kNumDomains + ffn.config.router.num_experts());
      for (int j = 0; j < routes[t].count; ++j) {
        if (routes[t].weight[j] < 0) continue;  // dropped for capacity
        const int e = routes[t].expert[j];
        const Doubles out = swiglu_reference(token, p[3 + 2 * e], p[4 + 2 * e], kHidden);
        for (int i = 0; i < kWidth; ++i) sum[i] += weight(logits, routes[t], j) * out[i];
      }
      y.insert(y.end(), sum.begin(), sum.end());
    }
    return y;
  }
};

FfnReference reference_of(const FfnCase& c) {
  FfnReference r{c.ffn, c.cache.router.routes, {}, doubles(c.x)};
  for (const Parameter* p : c.list.all()) r.p.push_back(doubles(p->value));
  return r;
}

// Roundings in a row: gate and value, their product, the expert's result.
TEST(RoutedFfn, GroupedComputationEqualsALoopOverTokens) {
  for (int64_t tokens : {1, 7, 40}) {
    FfnCase c(tokens, small_config());
    const Rows<float> y = c.forward();
    EXPECT_LT(relative_error(y, reference_of(c).forward()), 3 * kHalfRounding) << tokens;
  }
}

TEST(RoutedFfn, DroppedTokensLoseThatExpertAndNothingElse) {
  RoutedFfnConfig config = small_config();
  config.router.capacity_factor = 0.5;
  FfnCase c(60, config);
  const Rows<float> y = c.forward({true, 0, -1});
  EXPECT_GT(c.stats.dropped, 0);
  EXPECT_LT(relative_error(y, reference_of(c).forward()), 3 * kHalfRounding);
}

TEST(RoutedFfn, FallbackIsTheSharedExpertAlone) {
  RoutedFfnConfig config = small_config();
  config.router.fallback_threshold = 2;  // nobody is that sure
  FfnCase c(6, config);
  const Rows<float> y = c.forward();
  EXPECT_EQ(c.stats.fallback, 6);
  for (SwiGlu& expert : c.ffn.experts)  // whatever the experts are
    for (Parameter* p : {&expert.up, &expert.down}) fill_exact(c.rng, 100, *p);
  const Rows<float> again = c.forward();
  for (int64_t i = 0; i < 6 * kWidth; ++i) EXPECT_EQ(again.data()[i], y.data()[i]);
  EXPECT_LT(relative_error(y, reference_of(c).forward()), 3 * kHalfRounding);
}

// On the way back besides: dy, d activated, d gate and value.
TEST(RoutedFfn, BackwardMatchesFiniteDifferences) {
  FfnCase c(8, small_config());
  c.forward({true, 0, -1});
  const Rows<float> dy = exact_rows(c.rng, 8, kWidth);
  Rows<float> dx;
  routed_ffn_backward(c.ffn, c.x, c.half, c.modality, {0, 8}, c.cache, c.stats, dy, dx);
  FfnReference r = reference_of(c);
  const auto loss = [&] { return dot(r.forward(), doubles(dy)); };
  EXPECT_LT(relative_error(dx, numeric_gradient(r.x, loss)), 6 * kHalfRounding);
  int used = 0;
  for (size_t k = 0; k < r.p.size(); ++k) {
    const Doubles want = numeric_gradient(r.p[k], loss);
    const bool zero = std::all_of(want.begin(), want.end(), [](double v) { return v == 0; });
    used += !zero;
    if (zero) {
      EXPECT_EQ(c.list.all()[k]->gradient, std::vector<float>(want.size(), 0.0f)) << c.list.all()[k]->name;
    } else {
      EXPECT_LT(relative_error(c.list.all()[k]->gradient, want), 6 * kHalfRounding) << c.list.all()[k]->name;
    }
  }
  EXPECT_GT(used, 8) << "the case must reach several experts";
}

// "Alone or in a batch" rests on this.
TEST(RoutedFfn, ATokensResultDoesNotDependOnItsCompany) {
  RoutedFfnConfig config;  // the shipped sizes
  FfnCase c(100, config);
  const Rows<float> all = c.x, y = c.forward();
  for (int64_t t : {0, 1, 2, 50}) {
    Rows<float> one;
    one.resize(1, all.cols());
    std::copy_n(all.row(t), all.cols(), one.row(0));
    c.set_input(one);
    c.modality[0] = uint8_t(t % 3);
    const Rows<float> alone = c.forward();
    for (int64_t i = 0; i < y.cols(); ++i) ASSERT_EQ(alone.row(0)[i], y.row(t)[i]) << t;
  }
}

TEST(RoutedFfn, TwoThreadsGiveTheSameBytes) {
  RoutedFfnConfig config;
  FfnCase c(300, config);
  const int threads = num_threads();
  set_num_threads(1);
  const Rows<float> one = c.forward();
  set_num_threads(2);
  const Rows<float> two = c.forward();
  set_num_threads(threads);
  for (int64_t i = 0; i < 300 * config.d_model; ++i) ASSERT_EQ(one.data()[i], two.data()[i]);
}

// Dense: the shared expert alone, trained by the same code.
TEST(RoutedFfn, WithoutExpertsItIsADenseLayer) {
  RoutedFfnConfig config = small_config();
  config.router.experts = {0, 0, 0};
  FfnCase c(9, config);
  const Rows<float> y = c.forward({true, 0, -1});
  FfnReference r = reference_of(c);
  EXPECT_LT(relative_error(y, r.forward()), 3 * kHalfRounding);
  const Rows<float> dy = exact_rows(c.rng, 9, kWidth);
  Rows<float> dx;
  routed_ffn_backward(c.ffn, c.x, c.half, c.modality, {0, 9}, c.cache, c.stats, dy, dx);
  EXPECT_LT(relative_error(dx, numeric_gradient(r.x, [&] { return dot(r.forward(), doubles(dy)); })), 6 * kHalfRounding);
}

TEST(RoutedFfn, WithoutASharedExpertTheChosenOnesAreAll) {
  RoutedFfnConfig config = small_config();
  FfnCase both(8, config);
  config.shared_hidden = 0;
  FfnCase c(8, config);
  EXPECT_EQ(c.list.all().size() + 2, both.list.all().size());
  for (size_t e = 0; e < c.ffn.experts.size(); ++e) {
    both.ffn.experts[e].up = c.ffn.experts[e].up;
    both.ffn.experts[e].down = c.ffn.experts[e].down;
  }
  both.ffn.router.gate.weight = c.ffn.router.gate.weight;
  for (Parameter* p : {&both.ffn.shared.up, &both.ffn.shared.down}) {
    std::fill(p->value.begin(), p->value.end(), 0.0f);
    p->refresh();
  }
  both.set_input(c.x);
  const Rows<float> y = c.forward({true, 0, -1}), want = both.forward({true, 0, -1});
  for (int64_t i = 0; i < 8 * kWidth; ++i) EXPECT_EQ(y.data()[i], want.data()[i]);
  const Rows<float> dy = exact_rows(c.rng, 8, kWidth);
  Rows<float> dx, dx_both;
  routed_ffn_backward(c.ffn, c.x, c.half, c.modality, {0, 8}, c.cache, c.stats, dy, dx);
  routed_ffn_backward(both.ffn, both.x, both.half, both.modality, {0, 8}, both.cache, both.stats, dy, dx_both);
  EXPECT_LT(relative_error(dx, doubles(dx_both)), 1e-6);
}

// Groups prepared from a guess, right or wrong, change no bit.
TEST(RoutedFfn, PlannedGroupsChangeNothing) {
  if (!rows_are_independent()) GTEST_SKIP() << "this CPU's products depend on the number of rows";
  RoutedFfnConfig config;
  FfnCase c(150, config);
  const Rows<float> y = c.forward();
  std::vector<Route> guess = c.cache.router.routes;
  Rng rng(4);
  for (Route& r : guess)
    if (rng.chance(0.3)) r.expert[0] = int16_t(config.router.first_expert(r.domain));
  ExpertGroups planned;
  group_by_expert(config.router.num_experts(), guess, planned);
  Rows<float> again;
  routed_ffn_forward(c.ffn, c.x, c.half, c.modality, {}, c.cache, c.stats, again, &planned);
  for (int64_t i = 0; i < 150 * config.d_model; ++i) ASSERT_EQ(again.data()[i], y.data()[i]);
}

// The router may read something else than the experts do.
TEST(RoutedFfn, ARoutersOwnInputTakesItsOwnGradient) {
  RoutedFfnConfig config = small_config();
  config.router_width = 6;
  FfnCase c(8, config);
  const Rows<float> gate_input = exact_rows(c.rng, 8, 6), dy = exact_rows(c.rng, 8, kWidth);
  Rows<float> y, dx, dgate;
  routed_ffn_forward(c.ffn, gate_input, c.half, c.modality, {true, 0, -1}, c.cache, c.stats, y);
  routed_ffn_backward(c.ffn, gate_input, c.half, c.modality, {0, 8}, c.cache, c.stats, dy, dx, &dgate);
  EXPECT_EQ(dgate.cols(), 6);
  EXPECT_EQ(dx.cols(), kWidth);
  double norm = 0;
  for (int64_t i = 0; i < 8 * 6; ++i) norm += std::abs(dgate.data()[i]);
  EXPECT_GT(norm, 0);
}

}  // namespace
}  // namespace orrery
