// Finite scalar quantisation (Mentzer et al. 2023): each dimension of the latent is bounded by tanh and rounded to
// one of L (odd) levels; the gradient passes the rounding unchanged.
#pragma once
#include <cstdint>

namespace orrery {

// latent [n] -> code 0..L-1: round((L-1)/2 * tanh(latent)) + (L-1)/2
void fsq_encode(const float* latent, int64_t n, int levels, int8_t* codes);
// The same, not rounded where keep[i / dims] is set: levels [n] in 0..L-1, so that the decoder learns fractions too.
void fsq_forward(const float* latent, int64_t n, int dims, int levels, const uint8_t* keep, float* level);
// d_latent = d_level * (L-1)/2 * (1 - tanh^2)
void fsq_backward(const float* latent, int64_t n, int levels, const float* d_level, float* d_latent);

}  // namespace orrery
