#include "cli/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"

namespace orrery {
namespace {

constexpr uint64_t kResamples = 400;

// Half width and centre of Wilson's interval.
double wilson(int hits, int total, int side) {
  if (total == 0) return side < 0 ? 0 : 1;
  const double z = 1.959964, n = total, p = hits / n;
  const double centre = p + z * z / (2 * n), half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return std::clamp((centre + side * half) / (1 + z * z / n), 0.0, 1.0);
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

// As many as there are, drawn with repetition.
template <class T>
std::vector<T> resampled(const std::vector<T>& values, Rng& rng) {
  std::vector<T> out;
  for (size_t i = 0; i < values.size(); ++i) out.push_back(values[size_t(rng.below(int(values.size())))]);
  return out;
}

}  // namespace

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{:.4g}", value); }

double quantile(std::vector<double> values, double q) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return NAN;
  std::sort(values.begin(), values.end());
  const double at = q * double(values.size() - 1);
  const size_t low = size_t(at), high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - double(low)) * (values[high] - values[low]);
}

double Share::low() const { return wilson(hits, total, -1); }
double Share::high() const { return wilson(hits, total, 1); }
std::string Share::text() const {
  return fmt::format("{:.1f} % [{:.1f}, {:.1f}]", 100 * value(), 100 * low(), 100 * high());
}
Json Share::json() const {
  return {{"n", total}, {"hits", hits}, {"share", value()}, {"low", low()}, {"high", high()}};
}

double area_under_curve(const std::vector<double>& clean, const std::vector<double>& broken) {
  if (clean.empty() || broken.empty()) return NAN;
  double sum = 0;
  for (double c : clean)
    for (double b : broken) sum += c > b ? 1 : c == b ? 0.5 : 0;
  return sum / double(clean.size() * broken.size());
}

std::pair<double, double> area_interval(const std::vector<double>& clean, const std::vector<double>& broken) {
  std::vector<double> areas;
  for (uint64_t r = 0; r < kResamples; ++r) {
    Rng rng(r, 0xa0c);
    std::vector<double> c, b;
    for (size_t i = 0; i < clean.size(); ++i) {
      const size_t k = size_t(rng.below(int(clean.size())));
      c.push_back(clean[k]), b.push_back(broken[k]);
    }
    areas.push_back(area_under_curve(c, b));
  }
  return {quantile(areas, 0.025), quantile(areas, 0.975)};
}

MeanInterval clustered_mean(const std::vector<std::vector<double>>& scenarios) {
  std::vector<std::vector<double>> judged;
  std::vector<double> means;
  for (const auto& values : scenarios)
    if (!values.empty()) judged.push_back(values), means.push_back(mean_of(values));
  if (judged.empty()) return {NAN, NAN, NAN};
  std::vector<double> drawn;
  for (uint64_t r = 0; r < kResamples; ++r) {
    Rng rng(r, 0xc1a);
    std::vector<double> again;
    for (const auto& values : resampled(judged, rng)) again.push_back(mean_of(resampled(values, rng)));
    drawn.push_back(mean_of(again));
  }
  return {mean_of(means), quantile(drawn, 0.025), quantile(drawn, 0.975)};
}

}  // namespace orrery
