#include "cli/external_command.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/error.h"

namespace orrery {
namespace {

using Words = std::vector<std::string>;

Words words(const std::string& text, const std::string& prompt) {
  return CommandTemplate(text, {"prompt", "out"}, {}).arguments({{"prompt", prompt}, {"out", "a b.mp4"}});
}

TEST(CommandTemplate, SplitsAsAShellAndFillsInWithoutOne) {
  EXPECT_EQ(words("gen --prompt {prompt} -o '{out}'", "it's $(rm) \"x\""),
            (Words{"gen", "--prompt", "it's $(rm) \"x\"", "-o", "a b.mp4"}));
  EXPECT_EQ(words(R"(gen "two words" a\ b '' --p={prompt})", "p"),
            (Words{"gen", "two words", "a b", "", "--p=p"}));
  EXPECT_EQ(words("gen {prompt}{prompt} {} {Prompt} {pro", "{out}"),
            (Words{"gen", "{out}{out}", "{}", "{Prompt}", "{pro"}));
}

TEST(CommandTemplate, FaultsAreUsageErrors) {
  EXPECT_THROW(CommandTemplate("", {}, {}), UsageError);
  EXPECT_THROW(CommandTemplate("gen 'open", {}, {}), UsageError);
  EXPECT_THROW(CommandTemplate("gen {promt}", {"prompt"}, {}), UsageError);
  EXPECT_THROW(CommandTemplate("gen {prompt}", {"prompt", "out"}, {"prompt", "out"}), UsageError);
}

TEST(RunCommand, TellsOutputStatusAndTheLastLineOfErrors) {
  EXPECT_EQ(run_command({"sh", "-c", "echo one; echo noise >&2"}).output, "one\n");
  EXPECT_EQ(run_command({"sh", "-c", "echo first >&2; echo last >&2; exit 3"}).failure,
            "sh: exit status 3: last");
  EXPECT_EQ(run_command({"sh", "-c", "exit 4"}).failure, "sh: exit status 4");
  EXPECT_EQ(run_command({"sh", "-c", "kill -9 $$"}).failure, "sh: killed by signal 9");
  EXPECT_EQ(run_command({"/nowhere/at-all"}).failure,
            "/nowhere/at-all: exit status 127: No such file or directory");
}

TEST(RunCommand, MuchOutputOnBothStreamsNeitherBlocksNorGrows) {
  const CommandOutcome o =
      run_command({"sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"});
  EXPECT_EQ(o.failure, "");
  EXPECT_EQ(o.output.size(), 1u << 20);
}

TEST(RunCommand, IsKilledWithItsChildrenWhenTimeIsOver) {
  const auto start = std::chrono::steady_clock::now();
  const CommandOutcome o = run_command({"sh", "-c", "sleep 60 & sleep 60; wait"}, 0.3);
  EXPECT_NE(o.failure.find("killed after 0.3 s"), std::string::npos) << o.failure;
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20);
}

}  // namespace
}  // namespace orrery
