#include "nn/fsq.h"

#include <cmath>

#include "core/parallel.h"

namespace orrery {

void fsq_encode(const float* latent, int64_t n, int levels, int8_t* codes) {
  const float half = float(levels - 1) / 2;
  parallel_for(n, [&](int64_t i) { codes[i] = int8_t(std::lround(half * std::tanh(latent[i]) + half)); });
}

void fsq_forward(const float* latent, int64_t n, int dims, int levels, const uint8_t* keep, float* level) {
  const float half = float(levels - 1) / 2;
  parallel_for(n, [&](int64_t i) {
    const float bounded = half * std::tanh(latent[i]) + half;
    level[i] = keep && keep[i / dims] ? bounded : std::round(bounded);
  });
}

void fsq_backward(const float* latent, int64_t n, int levels, const float* d_level, float* d_latent) {
  const float half = float(levels - 1) / 2;
  parallel_for(n, [&](int64_t i) {
    const float t = std::tanh(latent[i]);
    d_latent[i] = d_level[i] * half * (1 - t * t);
  });
}

}  // namespace orrery
