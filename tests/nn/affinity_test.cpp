#include "nn/affinity.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "nn/experts.h"
#include "nn/optimizer.h"
#include "tests/nn/numeric.h"

namespace orrery {
namespace {

constexpr int kWidth = 8, kLayers = 2;

RouterConfig router_config() {
  RouterConfig c;
  c.experts = {2, 4, 6};
  return c;
}

// Tokens whose experts follow from their input: the two largest entries of fixed projections.
struct AffinityCase {
  Rng rng{5};
  Rows<float> x;
  std::vector<uint8_t> modality;
  std::vector<std::vector<Route>> routes;
  explicit AffinityCase(int tokens) {
    const RouterConfig c = router_config();
    x = exact_rows(rng, tokens, kWidth);
    Rng fixed(9);
    std::vector<float> map(size_t(kLayers * c.num_experts() * kWidth));
    for (float& v : map) v = float(fixed.normal());
    routes.assign(kLayers, std::vector<Route>(size_t(tokens)));
    for (int t = 0; t < tokens; ++t) {
      modality.push_back(uint8_t(t % 3));
      for (int l = 0; l < kLayers; ++l) {
        Route& r = routes[size_t(l)][size_t(t)];
        r.domain = int8_t(t % 3);
        std::vector<std::pair<float, int>> ranked;
        for (int e = c.first_expert(r.domain); e < c.first_expert(r.domain) + c.experts[size_t(r.domain)];
             ++e) {
          float dot = 0;
          for (int i = 0; i < kWidth; ++i)
            dot += map[size_t((l * c.num_experts() + e) * kWidth + i)] * x.row(t)[i];
          ranked.push_back({-dot, e});
        }
        std::sort(ranked.begin(), ranked.end());
        r.count = 2;
        for (int j = 0; j < 2; ++j)
          r.expert[size_t(j)] = int16_t(ranked[size_t(j)].second), r.weight[size_t(j)] = 0.5f;
      }
    }
  }
};

double agreement(const AffinityPredictor& p, const AffinityCase& c) {
  std::vector<std::vector<Route>> predicted;
  p.predict(c.x, c.modality, 0, predicted);
  Agreement a;
  for (int l = 0; l < kLayers; ++l)
    for (size_t t = 0; t < c.modality.size(); ++t) a.add(c.routes[size_t(l)][t], predicted[size_t(l)][t]);
  return a.share();
}

TEST(Affinity, LearnsWhatTheInputDecidesAndHoldsOnOtherTokens) {
  AffinityCase train(600);
  Rng rng(1);
  AffinityPredictor p(kWidth, 32, kLayers, router_config(), rng);
  AffinityCase other(900);
  const double before = agreement(p, other);
  AdamWConfig config;
  AdamW optimizer(p.parameters(), config);
  double first = 0, last = 0;
  for (int step = 0; step < 400; ++step) {
    p.parameters().zero_gradients();
    last = p.fit(train.x, train.modality, train.routes);
    if (step == 0) first = last;
    optimizer.step(1e-2);
  }
  EXPECT_LT(last, 0.8 * first);
  EXPECT_LT(before, 0.75);
  EXPECT_GT(agreement(p, other), 0.85);
}

TEST(Affinity, GradientMatchesFiniteDifferences) {
  AffinityCase c(30);
  c.routes[0][4].count = 0;   // fell back: not counted
  c.routes[1][5].domain = 2;  // left its modality's domain: not counted
  c.modality[5] = 1;
  Rng rng(2);
  AffinityPredictor p(kWidth, 8, kLayers, router_config(), rng);
  for (Parameter* parameter : p.parameters().all()) {
    p.parameters().zero_gradients();
    p.fit(c.x, c.modality, c.routes);
    const std::vector<float> gradient = parameter->gradient;
    double norm = 0;
    for (float g : gradient) norm += double(g) * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 0) << parameter->name;
    const std::vector<float> saved = parameter->value;
    const auto at = [&](double s) {
      for (size_t i = 0; i < saved.size(); ++i)
        parameter->value[i] = saved[i] + float(s * gradient[i] / norm);
      return p.fit(c.x, c.modality, c.routes);
    };
    EXPECT_NEAR((at(0.01) - at(-0.01)) / 0.02 / norm, 1.0, 0.01) << parameter->name;
    parameter->value = saved;
  }
}

TEST(Affinity, PredictsDistinctExpertsOfTheModalitysDomain) {
  const AffinityCase c(30);
  Rng rng(2);
  const AffinityPredictor p(kWidth, 8, kLayers, router_config(), rng);
  for (int k : {0, 1, 3}) {
    std::vector<std::vector<Route>> predicted;
    p.predict(c.x, c.modality, k, predicted);
    for (const auto& layer : predicted)
      for (size_t t = 0; t < layer.size(); ++t) {
        const RouterConfig config = router_config();
        const int domain = c.modality[t], first = config.first_expert(domain),
                  n = config.experts[size_t(domain)];
        ASSERT_EQ(layer[t].count, std::min(k ? k : config.top_k, n));
        std::set<int> seen;
        for (int j = 0; j < layer[t].count; ++j) {
          const int e = layer[t].expert[size_t(j)];
          ASSERT_TRUE(e >= first && e < first + n && seen.insert(e).second) << e;
        }
      }
  }
}

TEST(Affinity, SavedAndLoadedItPredictsTheSameAndAForeignOneIsRefused) {
  const AffinityCase c(40);
  Rng rng(2);
  AffinityPredictor p(kWidth, 8, kLayers, router_config(), rng);
  SafetensorsWriter writer;
  p.save(writer);
  const SafetensorsFile file(writer.serialize(), "test");
  const AffinityPredictor again = AffinityPredictor::load(file, kWidth, kLayers, router_config());
  ASSERT_TRUE(bool(again));
  EXPECT_GT(agreement(again, c), 0.0);
  EXPECT_NEAR(agreement(again, c), agreement(p, c), 0.03);  // stored in bf16: near ties may turn
  EXPECT_THROW(AffinityPredictor::load(file, kWidth + 1, kLayers, router_config()), Error);
  EXPECT_THROW(AffinityPredictor::load(file, kWidth, kLayers + 1, router_config()), Error);
  EXPECT_FALSE(bool(AffinityPredictor::load(SafetensorsFile(SafetensorsWriter().serialize(), "none"), kWidth,
                                            kLayers, router_config())));
}

// Whatever was guessed, every choice gets one row of its expert; and where all was right, nothing moves.
TEST(ExpertGroups, CorrectedGroupsHoldWhatTheRoutersChose) {
  Rng rng(8);
  const int experts = router_config().num_experts();
  for (double right : {1.0, 0.7, 0.0}) {
    AffinityCase c(70);
    std::vector<Route> chosen = c.routes[0], guess = chosen;
    for (size_t t = 0; t < guess.size(); ++t)
      if (!rng.chance(right)) guess[t] = c.routes[1][t];
    chosen[3].count = 0;
    chosen[6].weight[1] = -1;  // dropped
    ExpertGroups planned, exact, corrected;
    group_by_expert(experts, guess, planned);
    group_by_expert(experts, chosen, exact);
    if (!correct_groups(planned, chosen, corrected)) continue;
    EXPECT_EQ(corrected.expert_rows, exact.expert_rows);
    std::multiset<std::pair<int, int>> want, got;
    const auto collect = [&](const ExpertGroups& g, auto& set) {
      for (int e = 0; e < experts; ++e)
        for (int64_t r = g.expert_begin[size_t(e)]; r < g.expert_begin[size_t(e) + 1]; ++r)
          if (g.row_slot[size_t(r)] >= 0) set.insert({e, g.row_slot[size_t(r)]});
    };
    collect(exact, want);
    collect(corrected, got);
    EXPECT_EQ(got, want) << right;
  }
  AffinityCase c(70);
  ExpertGroups planned, corrected;
  group_by_expert(experts, c.routes[0], planned);
  ASSERT_TRUE(correct_groups(planned, c.routes[0], corrected));
  EXPECT_EQ(corrected.row_slot, planned.row_slot);
}

TEST(ExpertGroups, TooFewRowsAreRefused) {
  std::vector<Route> guess(40), chosen(40);
  for (size_t t = 0; t < 40; ++t) {
    guess[t].count = chosen[t].count = 1;
    guess[t].expert[0] = t == 0 ? 0 : 1;
    chosen[t].expert[0] = 0;
    guess[t].weight[0] = chosen[t].weight[0] = 1;
  }
  ExpertGroups planned, corrected;
  group_by_expert(2, guess, planned);
  EXPECT_FALSE(correct_groups(planned, chosen, corrected));
}

}  // namespace
}  // namespace orrery
