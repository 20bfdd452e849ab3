// The table of commands, in the order of `orrery --help`. A command: one setup function in its own file.
#pragma once
#include <vector>

#include "cli/command.h"

namespace orrery {

std::function<int()> setup_render(CLI::App& app);
std::function<int()> setup_batch(CLI::App& app);
std::function<int()> setup_score(CLI::App& app);
std::function<int()> setup_compare(CLI::App& app);
std::function<int()> setup_replay(CLI::App& app);
std::function<int()> setup_verify(CLI::App& app);
std::function<int()> setup_quantize(CLI::App& app);
std::function<int()> setup_inspect(CLI::App& app);
std::function<int()> setup_info(CLI::App& app);
#ifdef ORRERY_WORLD
std::function<int()> setup_benchmark(CLI::App& app);
std::function<int()> setup_synth(CLI::App& app);
std::function<int()> setup_train(CLI::App& app);
#endif

std::vector<Command> commands();

}  // namespace orrery
