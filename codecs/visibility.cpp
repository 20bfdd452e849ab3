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

double blue_contrast_sensitivity(double cycles) {
  constexpr double kLuminance = 100, kArea = 64;
  const double peak = 166.683 * std::pow(1 + 62.8974 / kLuminance, -0.41193);
  const double decades = std::log10(cycles / 0.00425753);
  const double critical_area = 2.82789e7 / (1 + std::pow(cycles / 0.000635093, 2));
  return peak * std::pow(10, -decades * decades / std::exp2(2.68197)) * cycles *
         std::sqrt(critical_area / (1 + critical_area / kArea));
}

double contrast_of_level(double level) {
  const auto light = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  return (light((level + 0.5) / 255) - light((level - 0.5) / 255)) / (light(level / 255) + 0.02);
}

double blue_contrast_of_level(double level) {
  constexpr double kGreenOfZ = 0.1095, kBlueOfZ = 0.8729;  // shares of sRGB's primaries in white's Z
  return contrast_of_level(level) * (kGreenOfZ * kGreenOfCb + kBlueOfZ * kBlueOfCb);
}

}  // namespace orrery
