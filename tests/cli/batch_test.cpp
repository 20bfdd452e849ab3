// `orrery batch` as its users meet it: killed, continued, sharded, disturbed; the same set, the same bytes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "codecs/decoder.h"
#include "core/files.h"
#include "core/json.h"
#include "core/rng.h"
#include "tests/core/temporary_folder.h"

extern char** environ;

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kClips = 5;

struct Outcome {
  int code = 0;
  std::string text;  // standard output and error
};

Outcome run(const std::string& arguments, const std::string& before = "") {
  const fs::path log = fs::temp_directory_path() / fmt::format("orrery_batch_{}.txt", getpid());
  const int status = std::system(fmt::format("{} '{}' {} > '{}' 2>&1", before, ORRERY_BINARY, arguments, log.string()).c_str());
  return {WEXITSTATUS(status), read_text(log)};
}

// Every entry of the folder, hidden ones too.
std::map<std::string, std::string> digests(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::directory_iterator(folder)) all[entry.path().filename().string()] = sha256_file(entry.path());
  return all;
}

class Batch : public testing::Test {
 protected:
  void SetUp() override {
    if (find_data_file("transformer.safetensors").empty()) GTEST_SKIP() << "no shipped weights";
    std::ofstream list(folder_ / "list.jsonl");
    const char* prompts[] = {"a red ball falls", "a blue box slides", "two green balls collide", "a ball rolls down a ramp", "a box rests"};
    for (int i = 0; i < kClips; ++i) list << Json{{"id", fmt::format("clip {}", i)}, {"prompt", prompts[i]}, {"seconds", i == 2 ? 0.3 : 0.1}}.dump() << "\n";
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string command(const std::string& out, const std::string& more = "") const { return fmt::format("batch {} -o {} --quiet {}", path("list.jsonl"), path(out), more); }
  void make_reference() {
    const auto start = Clock::now();
    const Outcome o = run(command("reference"));
    ASSERT_EQ(o.code, 0) << o.text;
    undisturbed_s_ = std::chrono::duration<double>(Clock::now() - start).count();
    reference_ = digests(folder_ / "reference");
    ASSERT_EQ(reference_.size(), kClips + 2u);  // and manifest.jsonl, index.html
  }
  // Starts the batch and kills it after so long. True if it had ended before.
  bool start_and_kill(const std::string& out, double seconds) const {
    const std::string list = path("list.jsonl"), folder = path(out);
    const char* arguments[] = {ORRERY_BINARY, "batch", list.c_str(), "-o", folder.c_str(), "--quiet", nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, ORRERY_BINARY, nullptr, nullptr, const_cast<char**>(arguments), environ) != 0) return false;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status);
  }
  void expect_whole_clips(const std::string& out) const {
    if (!fs::exists(folder_ / out)) return;
    for (const auto& [name, digest] : digests(folder_ / out)) {
      if (name[0] == '.' || !name.ends_with(".mp4")) continue;
      EXPECT_EQ(digest, reference_.at(name)) << name;
    }
  }
  void kill_and_compare(int kills, uint64_t seed) {
    make_reference();
    Rng rng(seed);
    int folders = 0;
    for (int done = 0; done < kills; ++folders) {
      const std::string out = fmt::format("killed{}", folders);
      for (bool ended = false; !ended && done < kills; ++done) {
        ended = start_and_kill(out, rng.uniform(0, undisturbed_s_));
        expect_whole_clips(out);
      }
      const Outcome o = run(command(out));
      ASSERT_EQ(o.code, 0) << o.text;
      EXPECT_EQ(digests(folder_ / out), reference_);
      fs::remove_all(folder_ / out);
    }
  }
  TemporaryFolder folder_;
  std::map<std::string, std::string> reference_;
  double undisturbed_s_ = 0;
};

class SlowBatch : public Batch {};

TEST_F(Batch, KilledAtFiveMomentsAndContinuedIsTheSameFolder) { kill_and_compare(5, 1); }
TEST_F(SlowBatch, KilledAtAHundredMomentsAndContinuedIsTheSameFolder) { kill_and_compare(100, 2); }

TEST_F(Batch, AloneTogetherAndInShardsTheBytesAreTheSame) {
  make_reference();
  ASSERT_EQ(run(command("alone", "--together 1 --threads 1")).code, 0);
  EXPECT_EQ(digests(folder_ / "alone"), reference_);
  for (const char* shard : {"--shard 2/2", "--shard 1/2"}) ASSERT_EQ(run(command("shards", shard)).code, 0);
  EXPECT_EQ(digests(folder_ / "shards"), reference_);
  const std::string ranks = "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=";  // as under mpirun -n 2, side by side
  const std::string second = fmt::format("{}1 '{}' {} & {}0", ranks, ORRERY_BINARY, command("ranks"), ranks);
  ASSERT_EQ(run(command("ranks") + "; code=$?; wait; exit $code", second).code, 0);
  EXPECT_EQ(digests(folder_ / "ranks"), reference_);
  const Json first = parse_json(read_text(folder_ / "reference/manifest.jsonl").substr(0, read_text(folder_ / "reference/manifest.jsonl").find('\n')), "manifest");
  ASSERT_EQ(run(fmt::format("render 'a red ball falls' --seconds 0.1 --seed {} -o {}", first.at("seed").get<int64_t>(), path("render.mp4"))).code, 0);
  EXPECT_EQ(sha256_file(path("render.mp4")), first.at("sha256"));
}

TEST_F(SlowBatch, UnderMpirunTheBytesAreTheSame) {
  if (std::system("mpirun --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no mpirun (openmpi-bin)";
  make_reference();
  const Outcome o = run(command("ranks"), "mpirun --allow-run-as-root --oversubscribe -n 2");
  ASSERT_EQ(o.code, 0) << o.text;
  EXPECT_EQ(digests(folder_ / "ranks"), reference_);
}

TEST_F(Batch, ChangedOptionsAndForeignFilesRefuseWithoutOverwrite) {
  make_reference();
  const Outcome changed = run(command("reference", "--crf 30"));
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.text.find("--overwrite"), std::string::npos) << changed.text;
  EXPECT_NE(changed.text.find("crf was 18, is 30"), std::string::npos) << changed.text;
  EXPECT_EQ(changed.text.find("temperature"), std::string::npos) << changed.text;  // which is as it was
  EXPECT_EQ(digests(folder_ / "reference"), reference_);
  EXPECT_EQ(run(command("reference", "--crf 30 --overwrite")).code, 0);
  EXPECT_NE(digests(folder_ / "reference"), reference_);
  EXPECT_EQ(run(command("reference", "--overwrite")).code, 0);
  EXPECT_EQ(digests(folder_ / "reference"), reference_);
  fs::create_directories(folder_ / "foreign");
  const std::string mine = reference_.begin()->first.ends_with(".mp4") ? reference_.begin()->first : std::next(reference_.begin())->first;
  std::ofstream(folder_ / "foreign" / mine) << "mine";
  EXPECT_EQ(run(command("foreign")).code, 2);
  EXPECT_EQ(read_text(folder_ / "foreign" / mine), "mine");
}

TEST_F(Batch, WhatIsMissingOrDamagedIsMadeAgain) {
  make_reference();
  std::vector<std::string> clips;
  for (const auto& [name, digest] : reference_)
    if (name.ends_with(".mp4")) clips.push_back(name);
  fs::remove(folder_ / "reference" / clips[0]);
  std::ofstream(folder_ / "reference" / clips[1]) << "cut";
  std::ofstream(folder_ / "reference" / fmt::format(".{}.999999999-0.tmp.mp4", fs::path(clips[2]).stem().string())) << "left by a kill";
  const Outcome o = run(command("reference", "--json"));
  EXPECT_EQ(o.code, 0);
  EXPECT_NE(o.text.find("\"to_make\":2,\"kept\":3"), std::string::npos) << o.text;
  EXPECT_EQ(digests(folder_ / "reference"), reference_);
}

TEST_F(Batch, APromptThatFailsIsNamedAndTheRestGoesOn) {
  std::ofstream(folder_ / "list.jsonl") << "{\"id\":\"good\",\"prompt\":\"a ball falls\",\"seconds\":0.1}\n{\"id\":\"bad\",\"prompt\":\"a zyxomorph falls\",\"strict\":true,\"seconds\":0.1}\n";
  const Outcome o = run(command("out"));
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.text.find("zyxomorph"), std::string::npos) << o.text;
  EXPECT_TRUE(fs::exists(folder_ / "out/good.mp4"));
  const std::string manifest = read_text(folder_ / "out/manifest.jsonl");
  EXPECT_NE(manifest.find("\"status\":\"failed\""), std::string::npos) << manifest;
  EXPECT_NE(manifest.find("\"status\":\"done\""), std::string::npos) << manifest;
}

TEST_F(Batch, BadLinesStopBeforeWorkUnlessToldToKeepGoing) {
  std::ofstream(folder_ / "list.jsonl") << "{\"prompt\":\"a ball falls\",\"seconds\":0.1}\n{\"prompt\":\"x\",\"colour\":1}\nnonsense\n";
  const Outcome stopped = run(command("out"));
  EXPECT_EQ(stopped.code, 2);
  EXPECT_NE(stopped.text.find("list.jsonl:2:"), std::string::npos) << stopped.text;
  EXPECT_NE(stopped.text.find("list.jsonl:3:"), std::string::npos) << stopped.text;
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  EXPECT_EQ(run(command("out", "--keep-going")).code, 2);
  EXPECT_EQ(digests(folder_ / "out").size(), 3u);
}

TEST_F(Batch, AFullDiskIsNamedAndNothingIsHalfWritten) {
  fs::create_directories(folder_ / "small");
  const std::string mounted = fmt::format("unshare -rm sh -c 'mount -t tmpfs -o size=1100k none {} && exec \"$0\" \"$@\"'", path("small"));
  if (std::system((mounted + " true 2> /dev/null").c_str()) != 0) GTEST_SKIP() << "no mounts here";
  const Outcome o = run(fmt::format("batch {} -o {} --manifest {} --together 1 --size 1280x768 --crf 0 --seconds 1", path("list.jsonl"), path("small"), path("m.jsonl")), mounted);
  EXPECT_EQ(o.code, 1) << o.text;
  EXPECT_NE(read_text(folder_ / "m.jsonl").find("\"status\":\"failed\""), std::string::npos);
  // Noticed before the clip is made, or while it is written: either way the reason is there and no temporary is left.
  const std::string manifest = read_text(folder_ / "m.jsonl");
  EXPECT_TRUE(manifest.find("disk full") != std::string::npos || manifest.find("No space left") != std::string::npos) << manifest;
}

TEST_F(Batch, AFolderThatCannotBeWrittenIsOneLine) {
  std::ofstream(folder_ / "file") << "not a folder";
  const Outcome o = run(command("file"));
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.text.find("file"), std::string::npos) << o.text;
}

TEST_F(Batch, StandardInputCandidatesScoresAndADryRun) {
  const std::string out = path("stdin");
  const Outcome dry = run("batch - -o " + out + " --dry-run --seconds 0.2", "printf 'a red ball falls\\na box slides\\n' |");
  EXPECT_EQ(dry.code, 0) << dry.text;
  EXPECT_NE(dry.text.find("2 clips"), std::string::npos) << dry.text;
  EXPECT_FALSE(fs::exists(out));
  const Outcome o = run("batch - -o " + out + " --seconds 0.2 --candidates 2 --score --json --seeds 2", "printf 'a red ball falls\\n' |");
  EXPECT_EQ(o.code, 0) << o.text;
  EXPECT_NE(o.text.find("\"event\":\"end\",\"made\":2"), std::string::npos) << o.text;
  EXPECT_NE(o.text.find("\"scored\":true"), std::string::npos) << o.text;
}

}  // namespace
}  // namespace orrery
