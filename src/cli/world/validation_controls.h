// Fakes made of a true clip that must not score as well as it does.
#pragma once
#include <utility>

#include "cli/world/validation_suites.h"

namespace orrery::bench {

// From the frames of a scene and its plan.
using Control = std::pair<const char*, std::function<std::vector<Frame>(const std::vector<Frame>&, const ClipPlan&)>>;

inline const std::vector<Control>& controls() {
  static const std::vector<Control> all = {
      {"frozen first frame", [](const std::vector<Frame>& f, const ClipPlan&) { return std::vector<Frame>(f.size(), f[0]); }},
      {"linear fake", [](const std::vector<Frame>&, const ClipPlan& plan) { return drawn(linear(plan)); }},
      {"cross-fade",
       [](const std::vector<Frame>& f, const ClipPlan&) {
         std::vector<Frame> out = f;
         for (size_t i = 0; i < f.size(); ++i)
           for (size_t k = 0; k < f[i].rgb.size(); ++k)
             out[i].rgb[k] = uint8_t(
                 (double(f.front().rgb[k]) * double(f.size() - 1 - i) + double(f.back().rgb[k]) * double(i)) /
                 double(f.size() - 1));
         return out;
       }},
      {"shuffled frames",
       [](const std::vector<Frame>& f, const ClipPlan&) {
         std::vector<Frame> out;
         for (size_t i = 0; i < f.size(); ++i) out.push_back(f[i * 37 % f.size()]);
         return out;
       }},
      {"held frames",
       [](const std::vector<Frame>& f, const ClipPlan&) {
         std::vector<Frame> out;
         for (size_t i = 0; i < f.size(); ++i) out.push_back(f[i / 6 * 6]);
         return out;
       }},
      {"noise",
       [](const std::vector<Frame>& f, const ClipPlan&) {
         std::vector<Frame> out;
         for (size_t i = 0; i < f.size(); ++i) {
           out.push_back(blank_frame());
           add_noise(out.back(), 90, i);
         }
         return out;
       }},
      {"black", [](const std::vector<Frame>& f, const ClipPlan&) { return std::vector<Frame>(f.size(), blank_frame()); }}};
  return all;
}

}  // namespace orrery::bench
