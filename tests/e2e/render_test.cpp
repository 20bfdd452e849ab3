// The program as its users meet it: exit codes, one clear line, nothing half-written, the same bytes twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "codecs/decoder.h"
#include "codecs/provenance.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace orrery {
namespace {

struct Outcome {
  int code = 0;
  std::string text;  // standard output and error
};

Outcome run(const std::string& arguments, const std::string& binary = ORRERY_BINARY, const std::string& environment = "") {
  const fs::path log = fs::temp_directory_path() / fmt::format("orrery_e2e_{}.txt", getpid());
  const int status = std::system(fmt::format("{} '{}' {} > '{}' 2>&1", environment, binary, arguments, log.string()).c_str());
  return {WEXITSTATUS(status), read_text(log)};
}

class Render : public testing::Test {
 protected:
  void SetUp() override {
    if (find_data_file("transformer.safetensors").empty()) GTEST_SKIP() << "no shipped weights";
    folder_ = fs::temp_directory_path() / fmt::format("orrery_render_{}", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  size_t files() const { return size_t(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())); }
  fs::path folder_;
};

TEST_F(Render, MakesAClipWithStatesAndMetadata) {
  const Outcome o = run(fmt::format("render 'a red ball falls' -o {} --seconds 0.5 --seed 3 --states {} --sheet {} --json", path("a.mp4"), path("a.json"), path("a.png")));
  ASSERT_EQ(o.code, 0) << o.text;
  const auto source = open_decoder(path("a.mp4"));
  Frame frame;
  int frames = 0;
  while (source->next(frame)) ++frames;
  EXPECT_EQ(frames, 12);
  EXPECT_EQ(frame.width, 320);
  const Json states = read_json(path("a.json"));
  EXPECT_EQ(states.at("fps"), 24);
  EXPECT_EQ(states.at("view").at("px_per_m"), 32);
  ASSERT_FALSE(states.at("objects").empty());
  EXPECT_EQ(states.at("objects")[0].at("states").size(), 12);
  const auto provenance = read_provenance(path("a.mp4"));
  ASSERT_TRUE(provenance);
  EXPECT_EQ(provenance->prompt, "a red ball falls");
  EXPECT_EQ(provenance->seed, 3u);
}

TEST_F(Render, SameSeedSameBytesTwiceAndAtOneAndTwoThreads) {
  for (const char* name : {"a.mp4", "b.mp4"}) ASSERT_EQ(run(fmt::format("render 'a blue box slides' -o {} --seconds 1 --seed 9 --threads 2", path(name))).code, 0);
  ASSERT_EQ(run(fmt::format("render 'a blue box slides' -o {} --seconds 1 --seed 9 --threads 1", path("c.mp4"))).code, 0);
  EXPECT_EQ(sha256_file(path("a.mp4")), sha256_file(path("b.mp4")));
  EXPECT_EQ(sha256_file(path("a.mp4")), sha256_file(path("c.mp4")));
}

// The best candidate is the one whose clip, encoded, has the highest score; and it is that clip to the byte.
TEST_F(Render, CandidatesAreRankedByTheClipsThatTheyWouldBe) {
  double best = -1;
  std::string wanted;
  for (int seed = 1551971583; seed < 1551971586; ++seed) {  // the frames of the last one score highest, its clip lowest
    const std::string clip = path(fmt::format("{}.mp4", seed));
    ASSERT_EQ(run(fmt::format("render 'a red ball falls and bounces' -o {} --seed {}", clip, seed)).code, 0);
    const Json score = parse_json(run(fmt::format("score {} --json --quiet", clip)).text, clip).at("clips")[0].at("score");
    if (!score.is_null() && score.get<double>() > best) best = score.get<double>(), wanted = fmt::format("seed {}", seed);
  }
  const Outcome chosen = run(fmt::format("render 'a red ball falls and bounces' -o {} --seed 1551971583 --candidates 3", path("best.mp4")));
  ASSERT_GE(best, 0);
  EXPECT_NE(chosen.text.find(wanted), std::string::npos) << chosen.text << "wanted: " << wanted;
  EXPECT_EQ(files(), 4u);  // nothing of the others is left
}

TEST_F(Render, WithoutTheWorldModuleTheSameBytes) {
  ASSERT_EQ(run(fmt::format("render 'a ball bounces' -o {} --seconds 0.5 --seed 1", path("a.mp4"))).code, 0);
  ASSERT_EQ(run(fmt::format("render 'a ball bounces' -o {} --seconds 0.5 --seed 1", path("b.mp4")), ORRERY_BINARY_NO_WORLD).code, 0);
  EXPECT_EQ(sha256_file(path("a.mp4")), sha256_file(path("b.mp4")));
  EXPECT_EQ(run("synth --count 1 -o " + path("s"), ORRERY_BINARY_NO_WORLD).code, 2);  // the simulator is really not in it
}

TEST_F(Render, RefusesBadInputWithOneLineAndWritesNothing) {
  struct Case {
    std::string arguments;
    int code;
  };
  std::ofstream(path("bad.safetensors")) << "not a model";
  const Case cases[] = {
      {"render '' -o " + path("x.mp4"), 2},
      {"render '   ' -o " + path("x.mp4"), 2},
      {"render 'a ball' --seconds 0 -o " + path("x.mp4"), 2},
      {"render 'a ball' --seconds 100000 -o " + path("x.mp4"), 2},
      {"render 'a ball' --size 0x0 -o " + path("x.mp4"), 2},
      {"render 'a ball' --size big -o " + path("x.mp4"), 2},
      {"render 'a ball' -o " + path("x.xyz"), 2},
      {"render 'a ball' -o " + path("no/such/folder/x.mp4"), 1},
      {"render 'a ball' --model " + path("bad.safetensors") + " -o " + path("x.mp4"), 1},
      {"render 'a ball' --model " + path("absent.safetensors") + " -o " + path("x.mp4"), 1},
      {"render 'a zyxomorph falls' --strict -o " + path("x.mp4"), 1},
      {"render", 2},
      {"render 'a ball' --seed x -o " + path("x.mp4"), 2},
      {"render 'a ball' --seed -1 -o " + path("x.mp4"), 2},
      {"render 'a ball' --candidates 0 -o " + path("x.mp4"), 2},
      {"quantize " + path("bad.safetensors") + " " + path("x.safetensors") + " --type int3", 2},
      {"inspect", 2},
      {"inspect 'a ball falls' --seconds 0", 2},
      {"compare " + path("bad.safetensors") + " " + path("bad.safetensors") + " --frames 0", 2},
  };
  for (const Case& c : cases) {
    const Outcome o = run(c.arguments);
    EXPECT_EQ(o.code, c.code) << c.arguments << "\n" << o.text;
    EXPECT_EQ(std::ranges::count(o.text, '\n'), 1) << c.arguments << "\n" << o.text;
    EXPECT_LT(o.text.size(), 300u) << o.text;  // a newcomer's line: no limit of 300 digits
    EXPECT_EQ(files(), 1u) << c.arguments;  // bad.safetensors alone
  }
}

TEST_F(Render, KeepsAnExistingFileUnlessTold) {
  std::ofstream(path("a.mp4")) << "mine";
  EXPECT_EQ(run("render 'a ball falls' --seconds 0.2 -o " + path("a.mp4")).code, 2);
  EXPECT_EQ(read_text(path("a.mp4")), "mine");
  EXPECT_EQ(run("render 'a ball falls' --seconds 0.2 --overwrite -o " + path("a.mp4")).code, 0);
}

TEST_F(Render, TruncatedWeightsAreAClearError) {
  const std::vector<uint8_t> bytes = read_bytes(find_data_file("transformer.safetensors"));
  for (double share : {0.0, 0.001, 0.5, 0.999}) {
    write_atomic(path("cut.safetensors"), std::span(bytes).first(size_t(double(bytes.size()) * share)));
    const Outcome o = run("render 'a ball' --model " + path("cut.safetensors") + " -o " + path("x.mp4"));
    EXPECT_EQ(o.code, 1) << share << o.text;
    EXPECT_FALSE(fs::exists(path("x.mp4")));
  }
}

TEST_F(Render, ReadsThePromptFromStandardInput) {
  const Outcome o = run("render - --seconds 0.2 -o " + path("a.gif") + "", ORRERY_BINARY, "echo 'a green ball rolls' |");
  EXPECT_EQ(o.code, 0) << o.text;
}

}  // namespace
}  // namespace orrery
