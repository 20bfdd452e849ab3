#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace orrery {

double Schedule::progress(int64_t step, double seconds) const {
  const double done = steps > 0 ? double(step) / double(steps) : seconds / (60 * minutes);
  return std::clamp(done, 0.0, 1.0);
}

double Schedule::rate(int64_t step, double seconds) const {
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress(step, seconds)));
  const double warm = std::min(1.0, double(step + 1) / double(std::max<int64_t>(warmup_steps, 1)));
  return warm * (last + (peak - last) * cosine);
}

Json Schedule::to_json() const {
  return {
      {"peak", peak}, {"last", last}, {"warmup_steps", warmup_steps}, {"steps", steps}, {"minutes", minutes}};
}

Schedule Schedule::from_json(const Json& json) {
  Schedule s;
  try {
    s.peak = json.value("peak", s.peak);
    s.last = json.value("last", s.last);
    s.warmup_steps = json.value("warmup_steps", s.warmup_steps);
    s.steps = json.value("steps", s.steps);
    s.minutes = json.value("minutes", s.minutes);
  } catch (const nlohmann::json::exception& e) {
    fail("training config, schedule: {}", e.what());
  }
  if (!(s.peak > 0) || !(s.last >= 0) || s.last > s.peak)
    fail("training config, schedule: 0 <= last <= peak, peak > 0, not {} and {}", s.last, s.peak);
  if (s.steps <= 0 && !(s.minutes > 0)) fail("training config, schedule: give steps or minutes");
  return s;
}

}  // namespace orrery
