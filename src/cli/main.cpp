#include <cstdio>

#include "cli/commands.h"
#include "core/error.h"
#include "core/parallel.h"

namespace {

// CLI11 alone would only say that a command is missing.
void check_command(const CLI::App& app, const std::string& word) {
  if (app.get_option_no_throw(word)) return;
  std::string names;
  for (const orrery::Command& command : orrery::commands()) {
    if (word == command.name) return;
    names += fmt::format(" {}", command.name);
  }
  orrery::fail_usage("no {} '{}'; commands:{}", word.starts_with('-') ? "option" : "command", word, names);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace orrery;
  keep_heap();
  CLI::App app("Orrery: a sentence becomes a physical scene, its states and a clip; any clip gets a physics score.", "orrery");
  app.set_version_flag("--version", std::string("orrery ") + ORRERY_VERSION);
  app.require_subcommand(1);
  app.footer("Examples:\n  orrery render \"a red ball falls and bounces\" -o out.mp4\n  orrery score clip.mp4\n"
             "orrery COMMAND --help says more.");
  std::function<int()> run;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    auto action = command.setup(*sub);
    sub->callback([&run, action] { run = action; });
  }
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  try {
    check_command(app, argv[1]);
    app.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : chosen.front()->get_name();
    fmt::print(stderr, "orrery: {}{}{}; see `orrery {}{}--help`\n", command, command.empty() ? "" : ": ", error.what(), command, command.empty() ? "" : " ");
    return 2;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "orrery: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "orrery: %s\n", error.what());
    return 1;
  }
}
