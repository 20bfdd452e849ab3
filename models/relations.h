// What a patch is told of an object beside it: where the patch lies as seen from the object, frame by frame. An edge
// of a graph network (Battaglia et al. 2018): a learned map of the pair, added to the patch; far objects fade to none.
#pragma once
#include "models/token_features.h"

namespace orrery {

// An object's token with what it was made of.
struct ObjectContent {
  Token token;
  ObjectChunk chunk;
  ObjectSpec spec;
};

// Row i of `features` ([pairs, kRelationFeatures]) is added to the token rows[i], times weights[i].
struct Relations {
  std::vector<int64_t> rows;
  std::vector<float> features, weights;
  int64_t count() const { return int64_t(rows.size()); }
};

inline constexpr int kRelationFeatures = 154;
inline constexpr float kRelationReach = 1.5f;  // m from an object's outline to a patch's centre: from there on nothing
inline constexpr float kRelationFade = 0.5f;   // m, of the reach, over which the weight falls from 1 to 0

// By the distance to the outline in the nearest of the chunk's frames: 1, falling to 0 over the last of the reach.
float relation_weight(const Place& patch, const ObjectContent& object);
void relation_features(const Place& patch, const ObjectContent& object, float* out);
// Pairs of the patches among `tokens` (row i of them is row first_row + i) with the objects that they may see.
void append_relations(std::span<const Token> tokens, int64_t first_row, std::span<const ObjectContent> objects, const LayoutConfig& layout, Relations& relations);

}  // namespace orrery
