#include "nn/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/nn/numeric.h"

namespace orrery {
namespace {

// q at `from`, k at `to`: their score after rotation.
double score(const std::vector<float>& q, const std::vector<float>& k, Place from, Place to) {
  const Place places[] = {from, to};
  Rows<float> table, x;
  rope_table(places, table);
  x.resize(2, kRopeDim);
  std::copy(q.begin(), q.end(), x.row(0));
  std::copy(k.begin(), k.end(), x.row(1));
  rope_apply(table, x.data(), x.cols(), 0, 0, 1, false);
  double sum = 0;
  for (int i = 0; i < kRopeDim; ++i) sum += double(x.row(0)[i]) * x.row(1)[i];
  return sum;
}

struct RopeVectors {
  Rng rng{1};
  std::vector<float> q = std::vector<float>(kRopeDim), k = std::vector<float>(kRopeDim);
  RopeVectors() {
    fill_exact(rng, 1, q.data(), kRopeDim);
    fill_exact(rng, 1, k.data(), kRopeDim);
  }
};

// Angles reach 10 m * 2 pi / 0.5 m = 126: rounded in f32 to 4e-6, times 32 terms of about one.
TEST(Rope, ScoreDependsOnTheVectorBetweenAlone) {
  RopeVectors v;
  for (int round = 0; round < 100; ++round) {
    const float dx = float(v.rng.uniform(-3, 3)), dy = float(v.rng.uniform(-2, 2));
    const auto at = [&](float x, float y) { return score(v.q, v.k, {x, y, true}, {x + dx, y + dy, true}); };
    const double here = at(1, 1);
    EXPECT_NEAR(at(5.25f, 3.5f), here, 1e-3);
    EXPECT_NEAR(at(-1.2f, 0), here, 1e-3);
  }
}

TEST(Rope, ScoreDoesDependOnTheVectorBetween) {
  const RopeVectors v;
  const double here = score(v.q, v.k, {1, 1, true}, {2, 2, true});
  EXPECT_GT(std::abs(score(v.q, v.k, {1, 1, true}, {2.05f, 2, true}) - here), 1e-2);  // 5 cm
  EXPECT_GT(std::abs(score(v.q, v.k, {1, 1, true}, {2, 1.95f, true}) - here), 1e-2);
}

TEST(Rope, ATokenWithoutAPlaceIsNotRotated) {
  const RopeVectors v;
  const Place places[] = {{3, 4, false}};
  Rows<float> table;
  rope_table(places, table);
  std::vector<float> x = v.q;
  rope_apply(table, x.data(), kRopeDim, 0, 0, 1, false);
  EXPECT_EQ(x, v.q);
}

TEST(Rope, InverseUndoesAndLengthStays) {
  const RopeVectors v;
  const Place places[] = {{3.3f, 1.7f, true}};
  Rows<float> table;
  rope_table(places, table);
  std::vector<float> x = v.q;
  rope_apply(table, x.data(), kRopeDim, 0, 0, 1, false);
  EXPECT_NE(x, v.q);
  double before = 0, after = 0;
  for (int i = 0; i < kRopeDim; ++i) before += v.q[i] * v.q[i], after += x[i] * x[i];
  EXPECT_NEAR(after / before, 1, 1e-6);
  rope_apply(table, x.data(), kRopeDim, 0, 0, 1, true);
  for (int i = 0; i < kRopeDim; ++i) EXPECT_NEAR(x[i], v.q[i], 1e-6);
}

TEST(Rope, OnlyTheNamedColumnsAreRotated) {
  const RopeVectors v;
  const Place places[] = {{2, 2, true}};
  Rows<float> table, x;
  rope_table(places, table);
  x.resize(1, 2 * (8 + kRopeDim));  // two heads of 8 plain and kRopeDim rotated columns
  std::fill_n(x.data(), x.cols(), 1.0f);
  rope_apply(table, x.data(), x.cols(), 8, 8 + kRopeDim, 2, false);
  for (int h = 0; h < 2; ++h)
    for (int i = 0; i < 8; ++i) EXPECT_EQ(x.row(0)[h * (8 + kRopeDim) + i], 1);
  for (int i = 0; i < kRopeDim; ++i) EXPECT_EQ(x.row(0)[8 + i], x.row(0)[8 + kRopeDim + 8 + i]);
}

}  // namespace
}  // namespace orrery
