#include "codecs/png.h"

#include "clips.h"
#include "codecs/frame_sinks.h"
#include "core/error.h"
#include "core/rng.h"

namespace orrery {
namespace {

TEST(Png, RoundTripIsExact) {
  const Folder folder;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 7}, {320, 192}, {801, 5}}) {
    const Frame frame = gradient(width, height, 3);
    write_png(folder / "a.png", frame);
    const Frame back = read_png(folder / "a.png");
    EXPECT_EQ(back.width, width);
    EXPECT_EQ(back.height, height);
    EXPECT_EQ(back.rgb, frame.rgb);
  }
  EXPECT_EQ(folder.count(), 1);
}

TEST(Png, TextChunksComeBackAndBytesAreStable) {
  const Folder folder;
  const Metadata metadata = {
      {"prompt", "a \"red\" ball,\ngrößer \xe2\x9a\xbd"}, {"seed", "7"}, {"long", std::string(5000, 'y')}};
  write_png(folder / "a.png", gradient(32, 32, 0), metadata);
  write_png(folder / "b.png", gradient(32, 32, 0), metadata);
  EXPECT_EQ(sha256_file(folder / "a.png"), sha256_file(folder / "b.png"));
  const auto found = read_metadata(folder / "a.png");
  ASSERT_EQ(found.size(), metadata.size());
  for (const auto& [key, value] : metadata) EXPECT_EQ(found.at(key), value);
}

TEST(Png, EveryTruncationIsAnError) {
  const Folder folder;
  write_png(folder / "a.png", gradient(24, 16, 0), {{"prompt", "ball"}});
  const std::string bytes = read_text(folder / "a.png");
  for (size_t n = 0; n < bytes.size(); ++n) {
    put(folder / "cut.png", bytes.substr(0, n));
    EXPECT_THROW(read_png(folder / "cut.png"), Error) << n;
    EXPECT_THROW(read_png_text(folder / "cut.png"), Error) << n;
  }
}

TEST(Png, FlippedBytesNeverCrash) {
  const Folder folder;
  write_png(folder / "a.png", gradient(24, 16, 0), {{"prompt", "ball"}});
  const std::string bytes = read_text(folder / "a.png");
  Rng rng(3);
  for (int trial = 0; trial < 2000; ++trial) {
    std::string changed = bytes;
    for (int k = 0; k <= trial % 4; ++k)
      changed[size_t(8 + rng.below(int(bytes.size()) - 8))] = char(rng.below(256));
    put(folder / "bad.png", changed);
    try {
      read_png(folder / "bad.png");
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("bad.png"), std::string::npos);
    }
  }
}

uint32_t crc32_of(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= uint8_t(c);
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

// A header with a valid checksum that claims 16000 x 16000 must not allocate a gigabyte for 200 bytes of
// data.
TEST(Png, HugeHeaderIsRefused) {
  const Folder folder;
  write_png(folder / "a.png", gradient(24, 16, 0));
  std::string bytes = read_text(folder / "a.png");
  for (const size_t at : {16u, 20u}) bytes[at + 2] = 0x3e, bytes[at + 3] = char(0x80);
  const uint32_t crc = crc32_of(bytes.substr(12, 17));
  for (int k = 0; k < 4; ++k) bytes[size_t(29 + k)] = char(crc >> (24 - 8 * k));
  put(folder / "huge.png", bytes);
  EXPECT_NE(message_of([&] { read_png(folder / "huge.png"); }).find("more than the file can hold"),
            std::string::npos);
}

TEST(Png, AlphaSixteenBitsAndPalette) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg program is not installed";
  const Folder folder;
  for (const char* format : {"rgba", "rgb48be", "gray", "pal8", "ya8"}) {
    ASSERT_TRUE(run_ffmpeg("-f lavfi -i color=c=white:s=64x64:d=0.04 -vf scale=9:5 -frames:v 1 -pix_fmt " +
                           std::string(format) + " '" + (folder / "x.png").string() + "'"));
    const Frame frame = read_png(folder / "x.png");
    EXPECT_EQ(frame.width, 9) << format;
    EXPECT_NEAR(mean_of(frame, 1), 253, 4) << format;
  }
}

TEST(FrameSinks, FolderTeeAndResize) {
  const Folder folder;
  {
    std::vector<std::unique_ptr<FrameSink>> sinks;
    sinks.push_back(open_frame_folder(folder / "frames", {{"seed", "4"}}));
    sinks.push_back(resized(open_encoder(folder / "big.mp4", 128, 96), 128, 96));
    const auto both = tee(std::move(sinks));
    for (int i = 0; i < 3; ++i) both->write(gradient(64, 48, i));
    both->finish();
  }
  EXPECT_EQ(read_png(folder / "frames/frame_00002.png").rgb, gradient(64, 48, 2).rgb);
  EXPECT_EQ(read_png_text(folder / "frames/frame_00002.png").at("seconds"), "0.083333");
  EXPECT_EQ(read_png_text(folder / "frames/frame_00002.png").at("seed"), "4");
  const auto frames = decode_all(folder / "big.mp4");
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].width, 128);
}

}  // namespace
}  // namespace orrery
