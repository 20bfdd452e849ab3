#include "nn/attention.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/parallel.h"
#include "tests/nn/attention_reference.h"

namespace orrery {
namespace {

// Two sequences of unequal length, a query that sees nothing, masks and all buckets, keys beyond one vector
// of 16.
struct AttentionCase {
  Rng rng{1};
  AttentionDims dims{2, 16, 16, 16};
  bool relative = false;
  AttentionPlan plan;
  Rows<float> q, k_nope, k_rope, v, bias, dout;
  explicit AttentionCase(bool relative_values = false) : relative(relative_values) {
    add(4, 19);
    add(3, 2);
    std::fill_n(plan.bucket.begin() + 2 * 19, 19, kMasked);  // query 2 of sequence 0
    q = exact_rows(rng, 7, dims.heads * dims.qk());
    k_nope = exact_rows(rng, 21, dims.heads * dims.nope);
    k_rope = exact_rows(rng, 21, dims.rope);
    v = exact_rows(rng, 21, dims.heads * dims.value);
    bias = exact_rows(rng, dims.heads, kTimeBuckets);
    dout = exact_rows(rng, 7, width());
  }
  int width() const { return dims.heads * (dims.value + (relative ? dims.rope : 0)); }
  template <class Float>
  HeadRows<Float> rows(Float* data) const {
    return {data, width(), relative ? data + dims.heads * dims.value : nullptr};
  }
  void add(int64_t queries, int64_t keys) {
    std::vector<uint8_t> table(queries * keys);
    for (uint8_t& b : table) b = rng.chance(0.25) ? kMasked : uint8_t(rng.below(kTimeBuckets));
    plan.add(queries, keys, table);
  }
  AttentionInput input() const {
    return {q.data(), k_nope.data(), k_rope.data(), v.data(), v.cols(), dims.rope, bias.data()};
  }
  AttentionReference reference() const {
    return {doubles(q), doubles(k_nope), doubles(k_rope), doubles(v), doubles(bias), relative};
  }
  std::vector<float> forward() const {
    std::vector<float> out(size_t(q.rows() * width()), -1.0f);
    attention_forward(plan, dims, input(), rows(out.data()));
    return out;
  }
};

// f32 throughout: sums of at most 32 terms, 2e-6 at worst; fast_exp is good to 1e-6 at scores of a few units.
constexpr double kTolerance = 1e-6;

TEST(Attention, ForwardMatchesTheReference) {
  for (const bool relative : {false, true}) {
    const AttentionCase c(relative);
    EXPECT_LT(relative_error(c.forward(), c.reference().forward(c.plan, c.dims)), kTolerance) << relative;
  }
}

// Patches see their neighbours: tiles of queries read some blocks of keys and skip the rest.
TEST(Attention, QueriesThatSeeFewKeysReadThoseAlone) {
  AttentionCase c(true);
  c.plan = {};
  constexpr int64_t kQueries = 70, kKeys = 205;
  std::vector<uint8_t> table(kQueries * kKeys, kMasked);
  for (int64_t i = 0; i < kQueries; ++i)
    for (int64_t j : {int64_t(1), i + 40, i + 41, i + 134}) table[size_t(i * kKeys + j)] = uint8_t(c.rng.below(kTimeBuckets));
  c.plan.add(kQueries, kKeys, table);
  EXPECT_EQ(c.plan.tile_begin.back(), 5);
  int64_t read = 0;
  for (const KeyRun& run : c.plan.runs) read += run.end - run.begin;
  EXPECT_LT(read, 5 * kKeys / 2);
  c.q = exact_rows(c.rng, kQueries, c.dims.heads * c.dims.qk());
  c.k_nope = exact_rows(c.rng, kKeys, c.dims.heads * c.dims.nope);
  c.k_rope = exact_rows(c.rng, kKeys, c.dims.rope);
  c.v = exact_rows(c.rng, kKeys, c.dims.heads * c.dims.value);
  EXPECT_LT(relative_error(c.forward(), c.reference().forward(c.plan, c.dims)), kTolerance);
}

TEST(Attention, AQueryThatSeesNothingGivesZeros) {
  const AttentionCase c;
  const std::vector<float> out = c.forward();
  const int64_t width = c.dims.heads * c.dims.value;
  for (int64_t i = 0; i < width; ++i) EXPECT_EQ(out[2 * width + i], 0);
}

TEST(Attention, MaskedKeysHaveNoEffectWhatever) {
  AttentionCase c;
  for (int64_t i = 0; i < 3; ++i)
    c.plan.bucket[c.plan.bucket_begin[1] + i * 2] = kMasked;  // first key of sequence 1
  const std::vector<float> before = c.forward();
  std::fill_n(c.k_nope.row(19), c.k_nope.cols(), 1e20f);
  std::fill_n(c.v.row(19), c.v.cols(), 1e20f);
  EXPECT_EQ(c.forward(), before);
}

TEST(Attention, LargeScoresDoNotOverflow) {
  AttentionCase c;
  for (int64_t i = 0; i < c.q.rows() * c.q.cols(); ++i) c.q.data()[i] *= 1000;
  for (float v : c.forward()) EXPECT_TRUE(std::isfinite(v));
}

void expect_backward_matches(bool relative) {
  SCOPED_TRACE(relative ? "with relative values" : "values alone");
  const AttentionCase c(relative);
  const int64_t heads = c.dims.heads;
  std::vector<float> dq(7 * heads * c.dims.qk(), 9.0f), dk(21 * heads * c.dims.nope, 9.0f),
      dr(21 * c.dims.rope, 9.0f), dv(21 * heads * c.dims.value, 9.0f);
  std::vector<float> dbias(heads * kTimeBuckets, 1.0f);  // added to
  attention_backward(c.plan, c.dims, c.input(), c.rows<const float>(c.dout.data()),
                     {dq.data(), dk.data(), dr.data(), dv.data(), dbias.data()});
  AttentionReference r = c.reference();
  const auto loss = [&] { return dot(r.forward(c.plan, c.dims), doubles(c.dout)); };
  EXPECT_LT(relative_error(dq, numeric_gradient(r.q, loss)), kTolerance) << "q";
  EXPECT_LT(relative_error(dk, numeric_gradient(r.k_nope, loss)), kTolerance) << "k_nope";
  EXPECT_LT(relative_error(dr, numeric_gradient(r.k_rope, loss)), kTolerance) << "k_rope";
  EXPECT_LT(relative_error(dv, numeric_gradient(r.v, loss)), kTolerance) << "v";
  Doubles want = numeric_gradient(r.bias, loss);
  for (double& v : want) v += 1;
  EXPECT_LT(relative_error(dbias, want), kTolerance) << "bias";
  for (int64_t i = 0; i < heads * c.dims.qk(); ++i)
    EXPECT_EQ(dq[2 * heads * c.dims.qk() + i], 0) << "of the query that sees nothing";
}

TEST(Attention, BackwardMatchesFiniteDifferences) {
  expect_backward_matches(false);
  expect_backward_matches(true);
}

TEST(Attention, TwoThreadsGiveTheSameBytes) {
  const AttentionCase c;
  const int threads = num_threads();
  set_num_threads(1);
  const std::vector<float> one = c.forward();
  set_num_threads(2);
  EXPECT_EQ(c.forward(), one);
  set_num_threads(threads);
}

TEST(Attention, ASequenceDoesNotSeeItsNeighbour) {
  AttentionCase c;
  const std::vector<float> before = c.forward();
  for (int64_t j = 0; j < 19; ++j) c.v.row(j)[0] += 1;
  const std::vector<float> after = c.forward();
  const int64_t width = c.dims.heads * c.dims.value;
  EXPECT_NE(std::vector<float>(before.begin(), before.begin() + 4 * width),
            std::vector<float>(after.begin(), after.begin() + 4 * width));
  EXPECT_EQ(std::vector<float>(before.begin() + 4 * width, before.end()),
            std::vector<float>(after.begin() + 4 * width, after.end()));
}

}  // namespace
}  // namespace orrery
