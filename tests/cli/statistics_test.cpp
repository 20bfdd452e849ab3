#include "cli/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace orrery {
namespace {

TEST(Statistics, WilsonIntervalIsThatOfTheTables) {
  const Share share{8, 10};  // 80 % [49.0, 94.3]: Wilson 1927
  EXPECT_NEAR(share.low(), 0.4902, 5e-4);
  EXPECT_NEAR(share.high(), 0.9433, 5e-4);
  EXPECT_EQ(Share{}.low(), 0);
  EXPECT_EQ(Share{}.high(), 1);
}

TEST(Statistics, AreaUnderTheCurve) {
  EXPECT_EQ(area_under_curve({3, 4}, {1, 2}), 1);
  EXPECT_EQ(area_under_curve({1, 2}, {3, 4}), 0);
  EXPECT_EQ(area_under_curve({1, 1}, {1, 1}), 0.5);
  EXPECT_TRUE(std::isnan(area_under_curve({}, {1})));
  const auto [low, high] = area_interval({5, 6, 7, 8}, {1, 9, 2, 3});
  EXPECT_LT(low, area_under_curve({5, 6, 7, 8}, {1, 9, 2, 3}));
  EXPECT_LE(high, 1);
}

TEST(Statistics, MeanOfScenariosCountsEachOnceAndLeavesOutTheUnjudged) {
  const MeanInterval m = clustered_mean({{0, 0, 0, 0}, {100}, {}});
  EXPECT_EQ(m.mean, 50);
  EXPECT_EQ(m.low, 0);
  EXPECT_EQ(m.high, 100);
  EXPECT_TRUE(std::isnan(clustered_mean({{}, {}}).mean));
  const MeanInterval one = clustered_mean({{70}});
  EXPECT_EQ(one.low, 70);
  EXPECT_EQ(one.high, 70);
}

}  // namespace
}  // namespace orrery
