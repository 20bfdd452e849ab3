#include "core/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/parallel.h"
#include "tests/core/expect_error.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

void write_plain(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(Files, WriteAndReadBack) {
  const TemporaryFolder folder;
  const std::string text("a\0b\n", 4);
  write_atomic(folder / "x.txt", text);
  EXPECT_EQ(read_text(folder / "x.txt"), text);
  EXPECT_EQ(read_bytes(folder / "x.txt"), std::vector<uint8_t>(text.begin(), text.end()));
  write_atomic(folder / "x.txt", std::string());
  EXPECT_EQ(read_text(folder / "x.txt"), "");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(Files, ReadingWhatCannotBeReadNamesThePath) {
  const TemporaryFolder folder;
  expect_error([&] { read_text(folder / "absent"); }, {"absent", "No such file"});
  expect_error([&] { read_text(folder.path()); }, {"folder"});
  write_plain(folder / "large", std::string(100, 'x'));
  EXPECT_EQ(read_text(folder / "large", 100).size(), 100u);
  expect_error([&] { read_text(folder / "large", 99); }, {"large", "100 bytes", "99"});
}

TEST(Files, TheTargetKeepsItsOldContentUntilCommit) {
  const TemporaryFolder folder;
  write_plain(folder / "x.mp4", "old");
  {
    AtomicPath file(folder / "x.mp4");
    EXPECT_EQ(file.temporary().extension(), ".mp4");
    EXPECT_EQ(file.temporary().parent_path(), folder.path());
    write_plain(file.temporary(), "half");
    EXPECT_EQ(read_text(folder / "x.mp4"), "old");
  }
  EXPECT_EQ(read_text(folder / "x.mp4"), "old");
  EXPECT_EQ(folder.entries(), 1);
  AtomicPath file(folder / "x.mp4");
  write_plain(file.temporary(), "new");
  file.commit();
  EXPECT_EQ(read_text(folder / "x.mp4"), "new");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(Files, AnExceptionLeavesNothingBehind) {
  const TemporaryFolder folder;
  try {
    AtomicPath file(folder / "x");
    write_plain(file.temporary(), "half");
    fail("stopped");
  } catch (const Error&) {
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(Files, CommitWithoutATemporaryIsAnError) {
  const TemporaryFolder folder;
  AtomicPath file(folder / "x");
  expect_error([&] { file.commit(); }, {"x", "No such file"});
}

TEST(Files, TwoWritersOfOneTargetDoNotShareATemporary) {
  const TemporaryFolder folder;
  AtomicPath a(folder / "x"), b(folder / "x");
  EXPECT_NE(a.temporary(), b.temporary());
}

TEST(Files, TargetsThatCannotBeAreRefusedBeforeAnythingIsWritten) {
  const TemporaryFolder folder;
  expect_error([&] { AtomicPath(folder / "absent/x.mp4"); }, {"absent", "does not exist"});
  expect_error([&] { AtomicPath(folder.path()); }, {"it is a folder"});
  expect_error([&] { AtomicPath(folder.path().string() + "/"); }, {"names no file"});
  expect_error([&] { AtomicPath(""); }, {"names no file"});
  write_plain(folder / "file", "");
  expect_error([&] { AtomicPath(folder / "file/x"); }, {"does not exist"});
  EXPECT_EQ(folder.entries(), 1);
}

TEST(Files, DevicesAreNotReplaced) {
  expect_error([&] { AtomicPath("/dev/null"); }, {"/dev/null", "not a regular file"});
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Files, UnwritableFolderIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  expect_error([&] { AtomicPath(folder / "x"); }, {"Permission denied"});
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(Files, NamesAsLongAsTheyMayBe) {
  const TemporaryFolder folder;
  const std::string name = std::string(251, 'n') + ".txt";
  write_atomic(folder / name, std::string("x"));
  EXPECT_EQ(read_text(folder / name), "x");
}

TEST(Files, ManyOpenTemporaries) {
  const TemporaryFolder folder;
  parallel_for(200, [&](int64_t i) {
    AtomicPath file(folder / std::to_string(i));
    write_plain(file.temporary(), std::to_string(i));
    file.commit();
  });
  EXPECT_EQ(folder.entries(), 200);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(read_text(folder / std::to_string(i)), std::to_string(i));
}

// A child opens a temporary and is told to stop: the temporary goes, the old file stays.
void expect_signal_cleans_up(int signal_number) {
  const TemporaryFolder folder;
  write_plain(folder / "x", "old");
  const pid_t child = fork();
  if (child == 0) {
    AtomicPath file(folder / "x");
    write_plain(file.temporary(), "half");
    raise(signal_number);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
  EXPECT_EQ(folder.entries(), 1);
  EXPECT_EQ(read_text(folder / "x"), "old");
}

TEST(Files, InterruptRemovesTemporaries) { expect_signal_cleans_up(SIGINT); }
TEST(Files, TerminationRemovesTemporaries) { expect_signal_cleans_up(SIGTERM); }

// FIPS 180-2, examples B.1 and the empty message.
TEST(Files, Sha256OfKnownMessages) {
  const std::string abc = "abc";
  EXPECT_EQ(sha256({reinterpret_cast<const uint8_t*>(abc.data()), 3}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Files, DataFilesOfTheSourceTreeAreFound) {
  EXPECT_TRUE(fs::exists(find_data_file("vocab_taught.txt")));
  EXPECT_TRUE(find_data_file("no such weights").empty());
}

}  // namespace
}  // namespace orrery
