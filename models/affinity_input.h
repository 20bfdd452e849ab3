// What the expert affinity predictor reads of a token before layer 0: itself, and what it will attend to, as means. A
// token alone says too little of what layers of attention make of it.
#pragma once
#include "models/sequence_layout.h"
#include "tensor/matmul.h"

namespace orrery {

inline constexpr int kAffinityParts = 4;  // the token; what comes before it; what comes after or beside it; its group

// One sequence: tokens with their rows x, d values each -> out rows [out_row, ...), 4 d values, of tokens [first, end).
//                before                             after or beside              group
//   word         words before, near ones more       words after, likewise       the sentence
//   prologue     the prologue's item before         -                           the sentence
//   object       itself a chunk earlier             scene, other objects        objects of its chunk
//   patch        patches within the layout's radius, by order                   patches of its chunk
// Zeros where there is none.
void affinity_input(std::span<const Token> tokens, std::span<const float* const> x, int64_t d, int64_t first, const LayoutConfig& layout, Rows<float>& out, int64_t out_row);

}  // namespace orrery
