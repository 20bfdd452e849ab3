// Damaged input: a clear error that names the file, never a crash, a hang or a silent shorter clip.
#include <chrono>

#include "clips.h"
#include "codecs/png.h"
#include "core/error.h"
#include "core/rng.h"

namespace orrery {
namespace {

// Decodes everything; the frames, or -1 and the message of an Error. Any other exception or a crash fails the
// test.
int try_decode(const fs::path& path, std::string* message = nullptr) {
  try {
    auto source = open_decoder(path);
    int frames = 0;
    for (Frame frame; source->next(frame);) ++frames;
    return frames;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
    if (message) *message = error.what();
    return -1;
  }
}

void try_metadata(const fs::path& path) {
  try {
    read_metadata(path);
  } catch (const Error&) {
  }
}

std::string prefix(const std::string& bytes, size_t n) { return bytes.substr(0, n); }

class Damage : public ::testing::TestWithParam<const char*> {};

TEST_P(Damage, TruncatedAnywhereIsAnError) {
  const Folder folder;
  const fs::path whole = folder / (std::string("whole") + GetParam()),
                 cut = folder / (std::string("cut") + GetParam());
  encode_gradient(whole, 96, 64, 12);
  const std::string bytes = read_text(whole);
  const size_t step = std::max<size_t>(1, bytes.size() / 150);
  for (size_t n = 0; n < bytes.size(); n += n < 64 || n + 16 > bytes.size() ? 1 : step) {
    put(cut, prefix(bytes, n));
    EXPECT_EQ(try_decode(cut), -1) << n << " of " << bytes.size() << " bytes passed for a whole clip";
    try_metadata(cut);
  }
  put(cut, bytes);
  EXPECT_EQ(try_decode(cut), 12);
}

TEST_P(Damage, FlippedBytesNeverCrash) {
  const Folder folder;
  const fs::path whole = folder / (std::string("whole") + GetParam()),
                 bad = folder / (std::string("bad") + GetParam());
  encode_gradient(whole, 96, 64, 12);
  const std::string bytes = read_text(whole);
  Rng rng(11);
  for (int trial = 0; trial < 150; ++trial) {
    std::string changed = bytes;
    for (int k = 0; k < 1 + trial % 8; ++k)
      changed[size_t(rng.below(int(bytes.size())))] = char(rng.below(256));
    put(bad, changed);
    try_decode(bad);
    try_metadata(bad);
  }
}

TEST_P(Damage, RandomBodyBehindAGoodStart) {
  const Folder folder;
  const fs::path whole = folder / (std::string("whole") + GetParam()),
                 bad = folder / (std::string("bad") + GetParam());
  encode_gradient(whole, 96, 64, 12);
  const std::string bytes = read_text(whole);
  Rng rng(12);
  for (int trial = 0; trial < 40; ++trial) {
    std::string changed = bytes;
    for (size_t i = size_t(trial) * bytes.size() / 40; i < changed.size(); ++i)
      changed[i] = char(rng.below(256));
    put(bad, changed);
    try_decode(bad);
    try_metadata(bad);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Damage, ::testing::Values(".mp4", ".webm", ".gif"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

TEST(DamagedFile, EmptyTextAndRandomBytes) {
  const Folder folder;
  std::string message;
  put(folder / "empty.mp4", std::string());
  EXPECT_EQ(try_decode(folder / "empty.mp4", &message), -1);
  EXPECT_NE(message.find("empty"), std::string::npos);
  std::string text;
  for (int i = 0; i < 400; ++i) text += "a line of text, number " + std::to_string(i) + "\n";
  for (const char* name : {"words.mp4", "words.txt", "words.nfo", "words.md"}) {
    put(folder / name, text);
    EXPECT_EQ(try_decode(folder / name), -1) << name;
  }
  Rng rng(5);
  for (int trial = 0; trial < 200; ++trial) {
    std::string bytes(size_t(rng.below(1 << (4 + trial % 14))), 0);
    for (char& c : bytes) c = char(rng.below(256));
    const char* names[] = {"noise.mp4", "noise.webm", "noise.gif", "noise.png", "noise"};
    put(folder / names[trial % 5], bytes);
    EXPECT_EQ(try_decode(folder / names[trial % 5]), -1) << trial;
    try_metadata(folder / names[trial % 5]);
  }
}

TEST(DamagedFile, TruncatedRealFormats) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg program is not installed";
  const Folder folder;
  for (const char* name : {"clip.avi", "clip.mkv", "late.mp4"}) {  // late.mp4: its moov comes last
    ASSERT_TRUE(run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=24:d=1 '" + (folder / name).string() + "'"));
    const std::string bytes = read_text(folder / name);
    EXPECT_EQ(try_decode(folder / name), 24) << name;
    for (int percent : {1, 10, 30, 50, 70, 90, 99}) {
      const fs::path cut = folder / (std::string("cut-") + name);
      put(cut, prefix(bytes, bytes.size() * size_t(percent) / 100));
      std::string message;
      EXPECT_EQ(try_decode(cut, &message), -1) << name << " " << percent << " %";
    }
  }
}

}  // namespace
}  // namespace orrery
