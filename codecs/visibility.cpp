#include "codecs/visibility.h"

#include <cmath>

namespace orrery {

double contrast_sensitivity(double cycles) {
  constexpr double kLuminance = 100, kField = 8;
  const double square = cycles * cycles;
  return 5200 * std::exp(-0.0016 * square * std::pow(1 + 100 / kLuminance, 0.08)) /
         std::sqrt((1 + 144 / (kField * kField) + 0.64 * square) *
                   (63 / std::pow(kLuminance, 0.83) + 1 / (1 - std::exp(-0.02 * square))));
}

double contrast_of_level(double level) {
  const auto light = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  return (light((level + 0.5) / 255) - light((level - 0.5) / 255)) / (light(level / 255) + 0.02);
}

}  // namespace orrery
