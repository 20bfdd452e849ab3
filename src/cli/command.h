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

// For seeds and counts; CLI11's own check of a number from 0 on names a limit of 300 digits.
inline CLI::Validator whole_number() {
  const auto check = [](const std::string& text) {
    const bool digits = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
    return digits ? std::string() : "'" + text + "' is not a whole number from 0 on";
  };
  return CLI::Validator(check, "NUMBER");
}

// For lengths of time and counts that must not be 0, with the same reason.
inline CLI::Validator above_zero() {
  const auto check = [](const std::string& text) {
    double value = 0;
    return CLI::detail::lexical_cast(text, value) && value > 0 ? std::string() : "'" + text + "' is not a number above 0";
  };
  return CLI::Validator(check, "NUMBER");
}

}  // namespace orrery
