#include "models/affinity_input.h"

#include <gtest/gtest.h>

#include <vector>

namespace orrery {
namespace {

// Rows hold powers of two, so that every mean says whose it is.
struct Powers {
  std::vector<float> values;
  std::vector<const float*> rows;
  explicit Powers(size_t n) : values(n) {
    for (size_t i = 0; i < n; ++i) values[i] = float(1 << i);
    for (const float& v : values) rows.push_back(&v);
  }
};

Token token(TokenKind kind, int chunk = kStaticChunk, int index = 0, Place place = {}) { return {kind, int16_t(chunk), int16_t(index), place}; }

void expect_row(const Rows<float>& out, int64_t row, float own, float before, float beside, float group) {
  EXPECT_EQ(out.row(row)[0], own) << row;
  EXPECT_FLOAT_EQ(out.row(row)[1], before) << row;
  EXPECT_FLOAT_EQ(out.row(row)[2], beside) << row;
  EXPECT_FLOAT_EQ(out.row(row)[3], group) << row;
}

Rows<float> inputs_of(const std::vector<Token>& tokens, int64_t first) {
  const Powers x(tokens.size());
  Rows<float> out;
  out.resize(int64_t(tokens.size()) - first, kAffinityParts);
  affinity_input(tokens, x.rows, 1, first, {}, out, 0);
  return out;
}

TEST(AffinityInput, WordsReadTheirNeighboursAndThePrologueTheSentence) {
  std::vector<Token> tokens{token(TokenKind::kTask)};
  for (int i = 0; i < 3; ++i) tokens.push_back(token(TokenKind::kText, kStaticChunk, i));
  for (int i = 0; i < 2; ++i) tokens.push_back(token(TokenKind::kPrologue, kStaticChunk, i));
  const Rows<float> out = inputs_of(tokens, 0);
  expect_row(out, 2, 4, (2 * 2 + 1) / 3.0f, 8, 15 / 4.0f);  // the word before weighs twice the task token before it
  expect_row(out, 3, 8, (4 * 4 + 2 * 2 + 1) / 7.0f, 0, 15 / 4.0f);
  expect_row(out, 4, 16, 0, 0, 15 / 4.0f);
  expect_row(out, 5, 32, 16, 0, 15 / 4.0f);
}

TEST(AffinityInput, ObjectsReadThemselvesAChunkEarlierAndPatchesTheirNeighbours) {
  std::vector<Token> tokens{token(TokenKind::kScene)};
  for (int chunk : {2, 3})
    for (int k : {0, 1}) tokens.push_back(token(TokenKind::kObject, chunk, k));
  for (int p : {0, 1, 19}) tokens.push_back(token(TokenKind::kPatch, 3, p, patch_place(p)));
  const Rows<float> out = inputs_of(tokens, 3);
  ASSERT_EQ(out.rows(), 5);
  expect_row(out, 0, 8, 2, (16 + 1) / 2.0f, (8 + 16) / 2.0f);
  expect_row(out, 1, 16, 4, (8 + 1) / 2.0f, (8 + 16) / 2.0f);
  expect_row(out, 2, 32, 0, 64, (32 + 64 + 128) / 3.0f);
  expect_row(out, 4, 128, 0, 0, (32 + 64 + 128) / 3.0f);
}

}  // namespace
}  // namespace orrery
