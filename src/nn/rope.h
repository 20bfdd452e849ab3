// Rotary position (Su et al. 2021) over a place in the plane, in metres and f32: a score between two tokens depends
// on the vector between them. A token without a place is not rotated.
#pragma once
#include <span>
#include <vector>

#include "tensor/matmul.h"

namespace orrery {

inline constexpr int kRopeWavelengths = 8;               // an axis; geometric from 0.5 m to 20 m
inline constexpr int kRopeDim = 4 * kRopeWavelengths;    // (x, y) x (cos, sin) x wavelengths

struct Place {
  float x = 0, y = 0;  // m
  bool known = false;
};

// cos and sin of every angle: [t, 2 * kRopeDim / 2].
void rope_table(std::span<const Place> places, Rows<float>& table);
// Rotates `groups` vectors of kRopeDim floats a row, the first at offset `begin`, `stride` floats apart; inverse
// rotates back (the gradient's way).
void rope_apply(const Rows<float>& table, float* x, int64_t x_cols, int64_t begin, int64_t stride, int groups, bool inverse);

}  // namespace orrery
