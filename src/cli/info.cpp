#include <fmt/format.h>

#include "cli/commands.h"
#include "core/scene.h"

namespace orrery {

std::function<int()> setup_info(CLI::App&) {
  return [] {
    fmt::print("orrery {}\n", ORRERY_VERSION);
    fmt::print("shapes: {}\ncolours: {}\n", fmt::join(kShapeNames, ", "), fmt::join(kColorNames, ", "));
    return 0;
  };
}

}  // namespace orrery
