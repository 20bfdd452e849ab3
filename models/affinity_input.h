// What the expert affinity predictor reads of a token before layer 0: itself, and what it will attend to in this pass,
// as two means. A token alone says too little of what layers of attention make of it.
#pragma once
#include "models/sequence_layout.h"
#include "tensor/matmul.h"

namespace orrery {

inline constexpr int kAffinityParts = 3;  // the token; the mean of its neighbours; the mean of its group

// x [t, d] -> out [t, 3 d]. A group: tokens of one modality and chunk of a sequence; of the prologue's each is alone, for
// it is written one by one. Neighbours: the words beside a word, the patches within the layout's radius, else the group.
void affinity_input(std::span<const Token> tokens, std::span<const int64_t> sequence_begin, const LayoutConfig& layout, const Rows<float>& x, Rows<float>& out);

}  // namespace orrery
