// Writes a token's features one after the other; `n` counts them.
#pragma once
#include <cmath>
#include <initializer_list>
#include <numbers>

namespace orrery {

struct FeatureWriter {
  float* out;
  int n = 0;
  void put(float v) { out[n++] = v; }
  void one_hot(int index, int count) {
    for (int i = 0; i < count; ++i) put(i == index ? 1.0f : 0.0f);
  }
  // sin and cos of each wavelength.
  void fourier(float value, std::initializer_list<float> wavelengths) {
    for (float w : wavelengths) {
      put(std::sin(float(2 * std::numbers::pi) * value / w));
      put(std::cos(float(2 * std::numbers::pi) * value / w));
    }
  }
};

}  // namespace orrery
