#include "cli/external_command.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

// Ctrl-C: a process that runs a command gets SIGINT, and what the command itself started ends with it.
TEST(RunCommand, AnInterruptReachesTheCommandsOwnChildren) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    dup2(ends[1], 3);
    run_command({"sh", "-c", "sleep 60 >&3 & echo >&3; wait"});
    _exit(0);
  }
  close(ends[1]);
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);  // it runs
  const auto start = std::chrono::steady_clock::now();
  kill(child, SIGINT);
  EXPECT_EQ(read(ends[0], &byte, 1), 0);  // nobody holds the other end any more
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  close(ends[0]);
}

}  // namespace
}  // namespace orrery
