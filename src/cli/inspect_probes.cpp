#include "cli/inspect_probes.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace orrery {
namespace {

constexpr double kPenalties[] = {1e-5, 1e-4, 1e-3, 1e-2,
                                 1e-1};  // of the mean square of a standardised feature

struct Part {
  Eigen::MatrixXd x;  // [rows, width + 1], standardised; the last column is 1
  Eigen::MatrixXd y;  // [rows, targets]
};

Part rows_of(const std::vector<float>& features, int width, const ProbeTargets& targets, ProbePart part) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < targets.rows(); ++i)
    if (targets.part[size_t(i)] == part) rows.push_back(i);
  Part p{Eigen::MatrixXd::Ones(Eigen::Index(rows.size()), width + 1),
         Eigen::MatrixXd(Eigen::Index(rows.size()), Eigen::Index(targets.value.size()))};
  for (size_t r = 0; r < rows.size(); ++r) {
    for (int j = 0; j < width; ++j)
      p.x(Eigen::Index(r), j) = features[size_t(rows[r]) * size_t(width) + size_t(j)];
    for (size_t t = 0; t < targets.value.size(); ++t)
      p.y(Eigen::Index(r), Eigen::Index(t)) = targets.value[t][size_t(rows[r])];
  }
  return p;
}

// Mean 0 and deviation 1 over the rows that are fitted, the same shift and scale for the others.
void standardise(Part& fit, Part& choose, Part& test) {
  for (Eigen::Index j = 0; j + 1 < fit.x.cols(); ++j) {
    const double mean = fit.x.col(j).mean();
    const double deviation = std::sqrt((fit.x.col(j).array() - mean).square().mean());
    const double scale = deviation > 1e-9 ? 1 / deviation : 0;
    for (Part* p : {&fit, &choose, &test}) p->x.col(j) = ((p->x.col(j).array() - mean) * scale).matrix();
  }
}

double r_squared(const Eigen::VectorXd& y, const Eigen::VectorXd& guess) {
  const double total = (y.array() - y.mean()).square().sum();
  return total > 0 ? 1 - (y - guess).squaredNorm() / total : NAN;
}

// The share of (one, zero) pairs that the guess puts in the right order; ties count half.
double area_under_curve(const Eigen::VectorXd& y, const Eigen::VectorXd& guess) {
  std::vector<Eigen::Index> order(size_t(y.size()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return guess(a) < guess(b); });
  double ones = 0, rank_sum = 0;
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && guess(order[end]) == guess(order[i])) ++end;
    for (size_t j = i; j < end; ++j)
      if (y(order[j]) > 0.5) ones += 1, rank_sum += double(i + 1 + end) / 2;
    i = end;
  }
  const double zeros = double(y.size()) - ones;
  return ones > 0 && zeros > 0 ? (rank_sum - ones * (ones + 1) / 2) / (ones * zeros) : NAN;
}

Json rounded(const std::vector<double>& values) {
  Json out = Json::array();
  for (double v : values) out.push_back(std::isfinite(v) ? Json(std::round(v * 1e4) / 1e4) : Json());
  return out;
}

}  // namespace

std::vector<double> probe_quality(const std::vector<float>& features, int width,
                                  const ProbeTargets& targets) {
  Part fit = rows_of(features, width, targets, ProbePart::kFit),
       choose = rows_of(features, width, targets, ProbePart::kChoose),
       test = rows_of(features, width, targets, ProbePart::kTest);
  const Eigen::Index count = fit.y.cols();
  if (fit.x.rows() < 2 || choose.x.rows() < 2 || test.x.rows() < 2)
    return std::vector<double>(size_t(count), NAN);
  standardise(fit, choose, test);
  const Eigen::MatrixXd gram = fit.x.transpose() * fit.x, moment = fit.x.transpose() * fit.y;
  Eigen::VectorXd best_error = Eigen::VectorXd::Constant(count, INFINITY);
  Eigen::MatrixXd best(gram.cols(), count);
  for (double penalty : kPenalties) {
    Eigen::MatrixXd regular = gram;
    regular.diagonal().array() += penalty * double(fit.x.rows());
    const Eigen::MatrixXd weights = regular.ldlt().solve(moment);
    const Eigen::RowVectorXd error = (choose.x * weights - choose.y).colwise().squaredNorm();
    for (Eigen::Index t = 0; t < count; ++t)
      if (error(t) < best_error(t)) best_error(t) = error(t), best.col(t) = weights.col(t);
  }
  const Eigen::MatrixXd guess = test.x * best;
  std::vector<double> quality;
  for (Eigen::Index t = 0; t < count; ++t)
    quality.push_back(targets.binary[size_t(t)] ? area_under_curve(test.y.col(t), guess.col(t))
                                                : r_squared(test.y.col(t), guess.col(t)));
  return quality;
}

Json probes_json(const ProbeReport& r) {
  Json quantities = Json::array();
  for (size_t q = 0; q < r.names.size(); ++q)
    quantities.push_back({{"name", r.names[q]},
                          {"measure", r.measures[q]},
                          {"trained", rounded(r.trained[q])},
                          {"untrained", rounded(r.untrained[q])}});
  return {{"scenes", r.scenes},
          {"fit_tokens", r.fit_rows},
          {"test_tokens", r.test_rows},
          {"quantities", quantities}};
}

}  // namespace orrery
