// Order statistics, shares and areas with the intervals that belong beside them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace orrery {

// q in [0, 1], linear between order statistics; NaN for no values.
double quantile(std::vector<double> values, double q);

std::string csv_number(double value);  // four digits; nothing for NaN

// Wilson score interval (1927) of a share, 95 %.
struct Share {
  int hits = 0, total = 0;
  double value() const { return total ? double(hits) / total : 0; }
  double low() const;
  double high() const;
  void add(bool hit) { ++total, hits += hit; }
  std::string text() const;  // "93.3 % [90.1, 95.6]"
  Json json() const;
};

// Area under the ROC curve: how often a clean clip scores above a broken one, a tie counting half. NaN
// without both.
double area_under_curve(const std::vector<double>& clean, const std::vector<double>& broken);
// Its 95 % interval by resampling scenes: clean[i] and broken[i] are of one scene.
std::pair<double, double> area_interval(const std::vector<double>& clean, const std::vector<double>& broken);

// Mean of the scenarios' means, with a 95 % interval from resampling scenarios and, within them, seeds.
// NaN for no values; the interval is the mean itself where there is one value.
struct MeanInterval {
  double mean = 0, low = 0, high = 0;
};
MeanInterval clustered_mean(const std::vector<std::vector<double>>& scenarios);

}  // namespace orrery
