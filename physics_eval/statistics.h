// Small robust statistics.
#pragma once
#include <algorithm>
#include <vector>

namespace orrery::physics_eval {

// 0 for an empty set; the lower middle for even counts.
template <class T>
T quantile(std::vector<T> values, double q) {
  if (values.empty()) return T(0);
  const size_t k = std::min(values.size() - 1, size_t(q * double(values.size() - 1) + 0.5));
  std::nth_element(values.begin(), values.begin() + k, values.end());
  return values[k];
}

template <class T>
T median(std::vector<T> values) {
  return quantile(std::move(values), 0.5);
}

// Standard deviation of what is not an outlier, from absolute departures (Gaussian noise).
inline double deviation_of(std::vector<double> departures) { return 1.4826 * median(std::move(departures)); }

// 1 at no effect, 1/2 at the tolerance, falling with the square beyond. Below, with the fourth power: what a codec
// and a detector leave there costs next to nothing, and the order stays.
inline double quality_of(double effect, double tolerance) {
  const double r = effect / tolerance, square = r * r;
  return 1.0 / (1.0 + (r < 1 ? square * square : square));
}

}  // namespace orrery::physics_eval
