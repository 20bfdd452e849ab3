#include "nn/rope.h"

#include <array>
#include <cmath>
#include <numbers>

#include "core/parallel.h"

namespace orrery {
namespace {

constexpr int kPairs = kRopeDim / 2;

std::array<float, kRopeWavelengths> wave_numbers() {
  std::array<float, kRopeWavelengths> k;
  for (int i = 0; i < kRopeWavelengths; ++i)
    k[i] = float(2 * std::numbers::pi / (0.5 * std::pow(40.0, double(i) / (kRopeWavelengths - 1))));
  return k;
}

}  // namespace

void rope_table(std::span<const Place> places, Rows<float>& table) {
  static const auto k = wave_numbers();
  table.resize(int64_t(places.size()), 2 * kPairs);
  parallel_for(int64_t(places.size()), [&](int64_t t) {
    const Place& p = places[t];
    float* row = table.row(t);
    for (int i = 0; i < kPairs; ++i) {
      const float angle = p.known ? k[i % kRopeWavelengths] * (i < kRopeWavelengths ? p.x : p.y) : 0.0f;
      row[i] = std::cos(angle);
      row[kPairs + i] = std::sin(angle);
    }
  });
}

void rope_apply(const Rows<float>& table, float* x, int64_t x_cols, int64_t begin, int64_t stride, int groups, bool inverse) {
  const float sign = inverse ? -1.0f : 1.0f;
  parallel_for(table.rows(), [&](int64_t t) {
    const float* c = table.row(t);
    for (int g = 0; g < groups; ++g) {
      float* v = x + t * x_cols + begin + g * stride;
      for (int i = 0; i < kPairs; ++i) {
        const float a = v[i], b = v[kPairs + i], s = sign * c[kPairs + i];
        v[i] = a * c[i] - b * s;
        v[kPairs + i] = a * s + b * c[i];
      }
    }
  });
}

}  // namespace orrery
