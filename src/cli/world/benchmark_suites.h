// The validation suites as files with labels.
#pragma once
#include "cli/world/benchmark_evaluator.h"

namespace orrery {

enum class SuitePart { kUnbroken, kViolation, kInnocent, kTrue, kControl };
const char* part_name(SuitePart part);  // "unbroken", "violation", "innocent", "true clip", "control"

struct SuiteClip {
  std::string id, kind, unit;
  SuitePart part = SuitePart::kUnbroken;
  int dose = -1;    // of three; -1: none
  double size = 0;  // of the dose
  int scene = 0;
  fs::path file;
  std::string sha256, error;  // error: not made, and why
  bool lawful() const { return part != SuitePart::kViolation && part != SuitePart::kControl; }
};

// All clips, by part, kind, scene, dose.
std::vector<SuiteClip> suite_clips(const EvaluatorOptions& options);

// Makes what is not there, and labels.csv: file, part, kind, dose, scene, lawful. Returns how many were made.
int64_t make_suite(const EvaluatorOptions& options, std::vector<SuiteClip>& clips);
int64_t missing_of_suite(const EvaluatorOptions& options, const std::vector<SuiteClip>& clips);

}  // namespace orrery
