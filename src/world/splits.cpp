#include "world/splits.h"

#include <algorithm>
#include <fmt/ranges.h>

#include "core/error.h"
#include "core/rng.h"

namespace orrery {

std::string_view split_name(Split split) { return kSplitNames[int(split)]; }

Split parse_split(const std::string& name) {
  const auto found = std::find(kSplitNames.begin(), kSplitNames.end(), name);
  if (found == kSplitNames.end()) fail_usage("unknown split '{}': choose one of {}", name, fmt::join(kSplitNames, ", "));
  return Split(found - kSplitNames.begin());
}

int held_out_color(std::string_view family, Shape shape) {
  const std::string key = fmt::format("{}/{}", family, kShapeNames[int(shape)]);
  return int(hash64(key) % kColorNames.size());
}

bool is_held_out(std::string_view family, int color, Shape shape) { return color == held_out_color(family, shape); }

uint64_t split_stream(Split split) { return hash64(fmt::format("split/{}", split_name(split))); }

}  // namespace orrery
