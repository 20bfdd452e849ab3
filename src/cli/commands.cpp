#include "cli/commands.h"

namespace orrery {

std::vector<Command> commands() {
  return {
      {"info", "the model, this machine, and what the model knows", setup_info},
  };
}

}  // namespace orrery
