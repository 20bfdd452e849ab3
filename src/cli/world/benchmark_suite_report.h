// What an evaluator made of the suites: area under the curve by kind and dose, false alarms, controls.
#pragma once
#include <array>

#include "cli/world/benchmark_suites.h"

namespace orrery {

struct ScoredSuiteClip {
  const SuiteClip* clip = nullptr;
  Opinion opinion;     // higher is better by now
  double value = 0;    // the score; where there is none, the alarm's threshold: neither good nor bad
  bool alarm = false;  // called broken
};

struct KindRow {
  std::string kind, unit;
  std::array<double, 3> doses{};
  std::array<double, 3> auc{}, low{}, high{};  // NaN: nothing to compare
  std::array<Share, 3> called;                 // broken clips called broken
  Share false_alarms;                          // the same scenes unbroken
};

struct InnocentRow {
  std::string kind;
  Share alarms;
  int not_judged = 0;
};

struct ControlRow {
  std::string kind;
  Share wins;  // scored at least as well as the true clip
};

struct SuiteReport {
  std::string evaluator, alarm_rule;
  double alarm_below = 0;  // NaN: the evaluator's own verdicts
  int scenes = 0, failed = 0;
  double sign = 1;  // -1: the scorer's own scores are the other way round
  uint64_t seed = 0;
  std::vector<KindRow> kinds;
  std::vector<InnocentRow> innocents;
  std::vector<ControlRow> controls;
  double middle_mean = 0, middle_least = 0;  // AUC at the middle dose, over kinds
  std::vector<ScoredSuiteClip> clips;
};

SuiteReport suite_report(const EvaluatorOptions& options, const std::string& evaluator,
                         std::vector<ScoredSuiteClip> clips);

Json to_json(const SuiteReport& report);
std::string to_csv(const SuiteReport& report);
std::string to_markdown(const SuiteReport& report);
std::string clips_csv(const EvaluatorOptions& options, const SuiteReport& report);
std::string suite_page(const EvaluatorOptions& options, const SuiteReport& report);

}  // namespace orrery
