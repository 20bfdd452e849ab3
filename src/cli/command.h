// One file a command: parse, call one function, print. main.cpp holds the table of commands.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>

namespace orrery {

// Adds the command's options to `app` and returns what to run after parsing; its result is the exit code.
struct Command {
  const char* name;
  const char* summary;
  std::function<int()> (*setup)(CLI::App& app);
};

}  // namespace orrery
