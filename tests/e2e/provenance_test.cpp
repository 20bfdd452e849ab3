// render -> verify -> replay, as a user meets them.
#include "codecs/provenance.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "core/error.h"

namespace orrery {
namespace {

class ProvenanceProgram : public testing::Test {
 protected:
  void SetUp() override {
    if (find_data_file("transformer.safetensors").empty()) GTEST_SKIP() << "no shipped weights";
    folder_ = fs::temp_directory_path() / fmt::format("orrery_provenance_{}", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  // Arguments with {} in place of the folder. Output goes to text_.
  int run(std::string arguments) {
    for (size_t at; (at = arguments.find("{}")) != std::string::npos;)
      arguments.replace(at, 2, folder_.string());
    const std::string log = (folder_ / "log").string();
    const int status = std::system(fmt::format("'{}' {} > '{}' 2>&1", ORRERY_BINARY, arguments, log).c_str());
    text_ = read_text(log);
    return WEXITSTATUS(status);
  }
  fs::path path(const std::string& name) const { return folder_ / name; }
  fs::path folder_;
  std::string text_;
};

TEST_F(ProvenanceProgram, VerifiesAndReplaysByteForByte) {
  ASSERT_EQ(run("render 'a red ball falls' -o {}/a.mp4 --seconds 0.5 --seed 9 --size 480x288 --fps 12 --crf "
                "23 --frames {}/frames --sheet {}/s.png --quiet"),
            0)
      << text_;
  EXPECT_EQ(run("verify {}/a.mp4 {}/frames/frame_00002.png"), 0) << text_;
  EXPECT_NE(text_.find("metadata and watermark agree"), std::string::npos) << text_;
  EXPECT_EQ(run("replay {}/a.mp4 -o {}/b.mp4"), 0) << text_;
  EXPECT_EQ(sha256_file(path("a.mp4")), sha256_file(path("b.mp4")));
  EXPECT_EQ(run("replay {}/a.mp4 -o {}/b.webm --json"), 3) << text_;
  const Json json = Json::parse(text_.substr(text_.find('{')));
  EXPECT_TRUE(json.at("frames_identical").get<bool>());
  EXPECT_GT(json.at("psnr_db").get<double>(), 25);
  EXPECT_NE(text_.find("encoder"), std::string::npos) << text_;
  EXPECT_TRUE(read_provenance(path("s.png")));
}

TEST_F(ProvenanceProgram, KeepsThePromptToItselfWhenAsked) {
  ASSERT_EQ(run("render 'a green box slides' -o {}/a.webm --seconds 0.2 --seed 2 --private-prompt --quiet"),
            0)
      << text_;
  EXPECT_EQ(read_text(path("a.webm")).find("green box"), std::string::npos);
  EXPECT_EQ(run("replay {}/a.webm -o {}/b.webm"), 1);
  EXPECT_NE(text_.find("--prompt"), std::string::npos) << text_;
  EXPECT_EQ(run("replay {}/a.webm -o {}/b.webm --prompt 'a green box slides'"), 0) << text_;
}

TEST_F(ProvenanceProgram, FindsMetadataOfAnotherClip) {
  ASSERT_EQ(run("render 'a ball' -o {}/a.mp4 --seconds 0.5 --seed 2 --no-watermark --quiet"), 0) << text_;
  EXPECT_EQ(run("verify {}/a.mp4"), 0);
  EXPECT_NE(text_.find("speak of no watermark"), std::string::npos) << text_;
  EXPECT_EQ(run("render 'a ball' -o {}/c.mp4 --seconds 0.2 --no-watermark --watermark-key {}/a.mp4"), 2);
  EXPECT_EQ(run("verify {}/log"), 1);
}

TEST_F(ProvenanceProgram, PolicyRefusesBeforeAnyCompute) {
  write_atomic(path("p.json"), std::string(R"({"deny": [{"pattern": "red", "reason": "no red here"}]})"));
  EXPECT_EQ(run("render 'a red ball' -o {}/x.mp4 --policy {}/p.json --model {}/absent.safetensors"), 1);
  EXPECT_NE(text_.find("no red here"), std::string::npos) << text_;
  EXPECT_FALSE(fs::exists(path("x.mp4")));
}

}  // namespace
}  // namespace orrery
