#include "models/affinity_input.h"

#include <gtest/gtest.h>

#include "models/token_batch.h"

namespace orrery {
namespace {

TEST(AffinityInput, HoldsATokenItsNeighboursAndItsGroup) {
  TokenBatch batch;
  batch.add_task(Task::kGenerate);
  for (int i = 0; i < 3; ++i) batch.add_text(i, i);
  batch.end_sequence();
  batch.add_text(0, 0);
  for (int p : {0, 1, 19}) batch.add_patch(p, 2, nullptr, 4);
  batch.add_patch(0, 3, nullptr, 4);
  batch.end_sequence();
  Rows<float> x, out;
  x.resize(batch.size(), 1);
  for (int64_t i = 0; i < x.rows(); ++i) x.row(i)[0] = float(1 << i);
  affinity_input(batch.tokens, batch.sequence_begin, {}, x, out);
  ASSERT_EQ(out.cols(), kAffinityParts);
  const auto expect = [&](int64_t row, float own, float neighbours, float group) {
    EXPECT_EQ(out.row(row)[0], own) << row;
    EXPECT_FLOAT_EQ(out.row(row)[1], neighbours) << row;
    EXPECT_FLOAT_EQ(out.row(row)[2], group) << row;
  };
  expect(2, 4, (2 + 4 + 8 + 1) / 4.0f, 15 / 4.0f);  // the middle word; the task token's index is 0 as the first word's
  expect(3, 8, (4 + 8) / 2.0f, 15 / 4.0f);
  expect(4, 16, 16, 16);  // another sequence
  expect(5, 32, (32 + 64) / 2.0f, (32 + 64 + 128) / 3.0f);
  expect(7, 128, 128, (32 + 64 + 128) / 3.0f);
  expect(8, 256, 256, 256);  // another chunk
}

}  // namespace
}  // namespace orrery
