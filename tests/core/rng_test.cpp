#include "core/rng.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "core/parallel.h"

namespace orrery {
namespace {

// Chi-square of counts against a flat expectation, in standard deviations from its mean: (x - k) / sqrt(2 k),
// k = bins - 1. For k of 63 and more nearly normal: beyond 5 means one in a million.
double chi_square_deviation(const std::vector<int>& counts) {
  double total = 0, x = 0;
  for (int n : counts) total += n;
  const double expected = total / double(counts.size());
  for (int n : counts) x += (n - expected) * (n - expected) / expected;
  const double k = double(counts.size()) - 1;
  return (x - k) / std::sqrt(2 * k);
}

TEST(Rng, ValuesAreFixedForever) {
  // Seeds are promises: a clip is named by its seed.
  Rng rng(0);
  EXPECT_EQ(rng.next(), 0x83318a9282400131ull);
  EXPECT_EQ(rng.next(), 0xd247d3921df91bd3ull);
  EXPECT_EQ(hash64("train"), 0x6c4de05e3ac71dadull);
}

TEST(Rng, SameSeedSameValuesAndTheCounterIsTheState) {
  Rng a(7, 3), b(7, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  const uint64_t place = a.counter();
  const uint64_t value = a.next();
  Rng resumed(7, 3);
  resumed.set_counter(place);
  EXPECT_EQ(resumed.next(), value);
}

TEST(Rng, ThreadsDoNotChangeWhatAStreamGives) {
  std::vector<uint64_t> parallel(1000), serial(1000);
  parallel_for(1000, [&](int64_t i) { parallel[i] = Rng(5, uint64_t(i)).next(); });
  for (int i = 0; i < 1000; ++i) serial[i] = Rng(5, uint64_t(i)).next();
  EXPECT_EQ(parallel, serial);
}

TEST(Rng, UniformIsUniform) {
  Rng rng(11);
  std::vector<int> counts(256);
  for (int i = 0; i < 256000; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[int(u * 256)];
  }
  EXPECT_LT(std::abs(chi_square_deviation(counts)), 5);
}

TEST(Rng, PairsOfNeighboursAreUniform) {
  Rng rng(12);
  std::vector<int> counts(32 * 32);
  for (int i = 0; i < 200000; ++i) {
    const int a = rng.below(32), b = rng.below(32);
    ++counts[a * 32 + b];
  }
  EXPECT_LT(std::abs(chi_square_deviation(counts)), 5);
}

TEST(Rng, BelowIsUniformForAwkwardSizes) {
  for (int n : {1, 3, 7, 100, 1000}) {
    Rng rng(13, uint64_t(n));
    std::vector<int> counts(n);
    for (int i = 0; i < 100 * 1000; ++i) {
      const int v = rng.below(n);
      ASSERT_GE(v, 0);
      ASSERT_LT(v, n);
      ++counts[v];
    }
    if (n > 1) {
      EXPECT_LT(std::abs(chi_square_deviation(counts)), 6) << n;
    }
  }
}

// Streams and seeds that differ by one: the first values are uniform over streams, and do not correlate.
TEST(Rng, StreamsAndSeedsAreIndependent) {
  std::vector<int> by_stream(128), by_seed(128);
  double correlation = 0;
  for (int i = 0; i < 64000; ++i) {
    ++by_stream[Rng(1, uint64_t(i)).below(128)];
    ++by_seed[Rng(uint64_t(i), 1).below(128)];
    correlation += (Rng(1, uint64_t(i)).uniform() - 0.5) * (Rng(1, uint64_t(i) + 1).uniform() - 0.5);
  }
  EXPECT_LT(std::abs(chi_square_deviation(by_stream)), 5);
  EXPECT_LT(std::abs(chi_square_deviation(by_seed)), 5);
  // A sum of n products of independent uniforms has the deviation sqrt(n) / 12.
  EXPECT_LT(std::abs(correlation), 5 * std::sqrt(64000.0) / 12);
}

TEST(Rng, SeedAndStreamAreNotInterchangeable) {
  EXPECT_NE(Rng(1, 2).next(), Rng(2, 1).next());
  EXPECT_NE(Rng(0, 0).next(), Rng(0, 1).next());
}

TEST(Rng, NormalHasTheMomentsOfANormal) {
  Rng rng(14);
  constexpr int kCount = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x, squares += x * x, fourth += x * x * x * x;
  }
  // Standard errors: 1/sqrt(n), sqrt(2/n), sqrt(96/n); five of them.
  EXPECT_NEAR(sum / kCount, 0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 3, 5 * std::sqrt(96.0 / kCount));
}

TEST(Rng, ChanceHappensAsOftenAsAsked) {
  Rng rng(15);
  int hits = 0;
  for (int i = 0; i < 100000; ++i) hits += rng.chance(0.1);
  EXPECT_NEAR(hits, 10000, 5 * std::sqrt(100000 * 0.1 * 0.9));
}

TEST(Rng, HashesOfSimilarNamesDiffer) {
  EXPECT_NE(hash64("clip 1"), hash64("clip 2"));
  EXPECT_NE(hash64("ab"), hash64("ba"));
  EXPECT_NE(hash64(""), hash64(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace orrery
