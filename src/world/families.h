// Scene families: one builder each, written once for data, tests, benchmarks and samples. A new family is one
// builder and one row in the table of families.cpp.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "core/scene.h"
#include "core/trajectory.h"
#include "world/splits.h"

namespace orrery {

// What a sample of the `ood` split takes from outside of training.
enum class OodAxis : int { kNone, kSpeed, kSize, kMassRatio };
inline constexpr std::array<std::string_view, 4> kOodAxisNames = {"none", "speed", "size", "mass_ratio"};

// Training's ranges, SI units.
inline constexpr double kMinSize = 0.20, kMaxSize = 0.55;  // ball radius, box half side
inline constexpr double kMaxSpeed = 6.0;
inline constexpr double kMaxMassRatio = 12.0;  // heaviest to lightest body of a scene

struct Sample {
  std::string family;
  Split split = Split::kTrain;
  OodAxis ood_axis = OodAxis::kNone;
  Scene scene;
  uint64_t seed = 0;
  std::vector<Push> pushes;  // a tenth of the train split; empty elsewhere
};

// Names of all families, in table order: drop, bounce, projectile, roll, slide, ramp, collision, rest, mixed.
const std::vector<std::string_view>& family_names();
bool is_family(std::string_view name);

// A scene of that family, already quantized(); nothing overlaps and every object starts inside the view.
// UsageError for an unknown family.
Scene build_scene(const std::string& family, Rng& rng, Split split, OodAxis axis = OodAxis::kNone);

// The sample of that seed: the same seed, split and family give the same sample. Without a family: drawn by the
// table's weights.
Sample make_sample(uint64_t seed, Split split, const std::optional<std::string>& family = std::nullopt);

}  // namespace orrery
