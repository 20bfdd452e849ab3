// Learning rate over a run: linear warm-up by step, then a cosine from `peak` to `last` over the run's length,
// which is a number of steps or of minutes. Only a run counted in steps resumes bit for bit.
#pragma once
#include <cstdint>

#include "core/json.h"

namespace orrery {

struct Schedule {
  double peak = 1e-3, last = 1e-5;
  int64_t warmup_steps = 200;
  int64_t steps = 0;    // > 0: length in steps
  double minutes = 0;   // else: length in minutes of training
  // 0 at the start, 1 at the end.
  double progress(int64_t step, double seconds) const;
  double rate(int64_t step, double seconds) const;
  bool done(int64_t step, double seconds) const { return progress(step, seconds) >= 1; }
  Json to_json() const;
  static Schedule from_json(const Json& json);  // Error names the field
};

}  // namespace orrery
