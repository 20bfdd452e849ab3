#include "generate/patch_decoder.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

constexpr int kPatches = 240, kColumns = 20;

TEST(Refresh, EachPatchComesOnceInFourSecondsAndNeverWithItsNeighbour) {
  for (int p = 0; p < kPatches; ++p) {
    EXPECT_TRUE(drawn_afresh(p, 0));
    int early = 0, cycle = 0;
    for (int c = 1; c < kRefreshChunks; ++c) early += drawn_afresh(p, c);
    for (int c = kRefreshChunks; c < 2 * kRefreshChunks; ++c) {
      if (!drawn_afresh(p, c)) continue;
      ++cycle;
      for (int beside : {1, kColumns - 1, kColumns, kColumns + 1}) EXPECT_FALSE(drawn_afresh(p + beside, c)) << p << " " << beside;
    }
    EXPECT_EQ(early, 0) << p;
    EXPECT_EQ(cycle, 1) << p;
  }
  for (int c = kRefreshChunks; c < 3 * kRefreshChunks; ++c) {
    int fresh = 0;
    for (int p = 0; p < kPatches; ++p) fresh += drawn_afresh(p, c);
    EXPECT_EQ(fresh, kPatches / kRefreshChunks);
  }
}

}  // namespace
}  // namespace orrery
