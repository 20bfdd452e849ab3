#include "codecs/encoder.h"

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <set>

#include "clips.h"
#include "core/error.h"

namespace orrery {
namespace {

constexpr int kWidth = 320, kHeight = 192, kFrames = 30;

struct Case {
  const char* name;
  double psnr;         // dB, every frame
  double color_error;  // levels, mean of a channel
};
class RoundTrip : public ::testing::TestWithParam<Case> {};

TEST_P(RoundTrip, PicturesColoursCountAndTimes) {
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  encode_gradient(path, kWidth, kHeight, kFrames);
  EXPECT_EQ(folder.count(), 1) << "a temporary was left behind";
  const auto source = open_decoder(path);
  EXPECT_EQ(source->info().width, kWidth);
  EXPECT_EQ(source->info().height, kHeight);
  EXPECT_NEAR(source->info().fps, 24, 0.1);
  EXPECT_NEAR(source->info().duration, kFrames / 24.0, 0.02);
  int count = 0;
  for (Frame frame; source->next(frame); ++count) {
    const Frame original = gradient(kWidth, kHeight, count);
    EXPECT_NEAR(frame.seconds, count / 24.0, path.extension() == ".mp4" ? 1e-6 : 0.0051) << count;
    EXPECT_GE(psnr(frame, original), GetParam().psnr) << count;
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(mean_of(frame, c), mean_of(original, c), GetParam().color_error) << count;
  }
  EXPECT_EQ(count, kFrames);
  EXPECT_FALSE(source->is_vfr());
}

TEST(Encoder, FramesKeepTimesOfTheirOwn) {
  const Folder folder;
  EncodeOptions options;
  options.frame_times = true;
  const double times[] = {0, 0.03, 0.1, 0.13, 0.2, 0.31};
  const fs::path path = folder / "uneven.mp4";
  const auto sink = open_encoder(path, 64, 64, options);
  for (double t : times) {
    Frame frame = gradient(64, 64, int(100 * t));
    frame.seconds = t;
    sink->write(frame);
  }
  EXPECT_THROW(sink->write(gradient(64, 64, 0)), Error);  // at 0 s again
  sink->finish();
  const auto source = open_decoder(path);
  size_t i = 0;
  for (Frame frame; source->next(frame); ++i) EXPECT_NEAR(frame.seconds, times[i], 1e-4) << i;
  EXPECT_EQ(i, std::size(times));
  EXPECT_TRUE(source->is_vfr());
}

// A wrong matrix (601 for 709) or range is off by 5 to 20 levels here.
TEST_P(RoundTrip, SaturatedColoursKeepTheirValues) {
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  const uint8_t colors[][3] = {{220, 30, 30},   {30, 200, 40}, {40, 60, 220},
                               {250, 250, 250}, {5, 5, 5},     {240, 200, 20}};
  for (const auto& color : colors) {
    auto sink = open_encoder(path, 64, 64);
    const Frame frame = flat(64, 64, color[0], color[1], color[2]);
    sink->write(frame);
    sink->finish();
    const auto frames = decode_all(path);
    ASSERT_EQ(frames.size(), 1u);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(mean_of(frames[0], c), color[c], 2.0);
  }
}

// Whatever the heap held before: x264 with AVX-512 failed this.
TEST_P(RoundTrip, SameInputSameBytes) {
  const Folder folder;
  EncodeOptions options;
  options.metadata = {{"prompt", "a red ball"}, {"seed", "7"}};
  const fs::path path = folder / GetParam().name;
  std::set<std::string> hashes;
  for (const int fill : {0, 85, 170, 255}) {  // what malloc leaves in fresh memory
    mallopt(M_PERTURB, fill);
    encode_gradient(path, kWidth, kHeight, kFrames, options);
    hashes.insert(sha256_file(path));
  }
  mallopt(M_PERTURB, 0);
  EXPECT_EQ(hashes.size(), 1u);
}

TEST_P(RoundTrip, MetadataComesBack) {
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  EncodeOptions options;
  options.metadata = {
      {"prompt", "a \"red\" ball = 1\nnext line, größer \xe2\x9a\xbd " + std::string(700, 'x')},
      {"seed", "18446744073709551615"},
      {"options", "{\"seconds\": 4}"},
      {"model", "0f3a"},
      {"orrery_version", "0.1.0"},
      {"title", "clip"}};
  encode_gradient(path, 64, 48, 3, options);
  const auto found = read_metadata(path);
  for (const auto& [key, value] : options.metadata) {
    ASSERT_TRUE(found.count(key)) << key;
    EXPECT_EQ(found.at(key), value);
  }
  for (const auto& [key, value] : found) {
    EXPECT_EQ(value.find("Lavf5"), std::string::npos) << key << " holds FFmpeg's version";
    EXPECT_EQ(key.find("time"), std::string::npos) << key << " holds a time";
  }
}

TEST_P(RoundTrip, FfprobeShowsMetadata) {
  if (std::system("ffprobe -version >/dev/null 2>&1") != 0) GTEST_SKIP() << "ffprobe is not installed";
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  EncodeOptions options;
  options.metadata = {{"prompt", "two cyan boxes"}, {"seed", "421"}};
  encode_gradient(path, 64, 48, 3, options);
  FILE* pipe = popen(("ffprobe -v error -show_format '" + path.string() + "'").c_str(), "r");
  std::string text(1 << 16, 0);
  text.resize(fread(text.data(), 1, text.size(), pipe));
  pclose(pipe);
  EXPECT_NE(text.find("two cyan boxes"), std::string::npos) << text;
  EXPECT_NE(text.find("421"), std::string::npos) << text;
}

TEST_P(RoundTrip, UnfinishedLeavesNothing) {
  const Folder folder;
  {
    auto sink = open_encoder(folder / GetParam().name, 64, 48);
    for (int i = 0; i < 60; ++i) sink->write(gradient(64, 48, i));
  }
  EXPECT_EQ(folder.count(), 0);
}

TEST_P(RoundTrip, FailedFinishKeepsTheOldFile) {
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  write_atomic(path, std::string("old"));
  auto sink = open_encoder(path, 64, 48);
  EXPECT_NE(message_of([&] { sink->finish(); }).find("no frames"), std::string::npos);
  sink.reset();
  EXPECT_EQ(read_text(path), "old");
  EXPECT_EQ(folder.count(), 1);
}

TEST_P(RoundTrip, EverySmallAndOddSize) {
  const Folder folder;
  const fs::path path = folder / GetParam().name;
  const bool pads = path.extension() == ".mp4";
  const std::pair<int, int> sizes[] = {{1, 1}, {2, 2}, {1, 17}, {17, 1}, {33, 47}, {16, 15}, {161, 97}};
  for (const auto& [width, height] : sizes) {
    encode_gradient(path, width, height, 3);
    const auto frames = decode_all(path);
    ASSERT_EQ(frames.size(), 3u) << width << "x" << height;
    EXPECT_EQ(frames[0].width, pads ? (width + 1) / 2 * 2 : width);
    EXPECT_EQ(frames[0].height, pads ? (height + 1) / 2 * 2 : height);
    EXPECT_GE(psnr(frames[2], gradient(width, height, 2)), 30) << width << "x" << height;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip,
                         ::testing::Values(Case{"clip.mp4", 38, 1.0}, Case{"clip.webm", 37, 1.0},
                                           Case{"clip.gif", 33, 1.5}),
                         [](const auto& info) { return std::string(info.param.name).substr(5); });

TEST(Encoder, Mp4StartsFast) {
  const Folder folder;
  encode_gradient(folder / "clip.mp4", 64, 48, 10);
  const std::string bytes = read_text(folder / "clip.mp4");
  ASSERT_NE(bytes.find("moov"), std::string::npos);
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
  EXPECT_EQ(bytes.find("x264 - core"), std::string::npos) << "the encoder's version is in the stream";
  EXPECT_EQ(bytes.find("Lavf5"), std::string::npos);
}

TEST(Encoder, FractionalRateIsExact) {
  const Folder folder;
  EncodeOptions options;
  options.fps = 23.976;
  encode_gradient(folder / "clip.mp4", 32, 32, 48, options);
  const auto source = open_decoder(folder / "clip.mp4");
  EXPECT_NEAR(source->info().fps, 24000.0 / 1001, 1e-9);
  Frame frame;
  for (int i = 0; i < 48; ++i) ASSERT_TRUE(source->next(frame));
  EXPECT_NEAR(frame.seconds, 47 * 1001 / 24000.0, 1e-6);
}

TEST(Encoder, LowerCrfIsBetterAndLarger) {
  const Folder folder;
  for (const char* extension : {".mp4", ".webm"}) {
    EncodeOptions fine, coarse;
    fine.crf = 10;
    coarse.crf = 40;
    const fs::path a = folder / (std::string("a") + extension), b = folder / (std::string("b") + extension);
    encode_gradient(a, 160, 96, 12, fine);
    encode_gradient(b, 160, 96, 12, coarse);
    EXPECT_GT(fs::file_size(a), fs::file_size(b)) << extension;
    EXPECT_GT(psnr(decode_all(a)[6], gradient(160, 96, 6)), psnr(decode_all(b)[6], gradient(160, 96, 6)) + 3)
        << extension;
  }
}

TEST(Encoder, UsageErrorsNameTheValueAndLeaveNothing) {
  const Folder folder;
  const auto open = [&](const std::string& name, int width, int height, EncodeOptions options = {}) {
    return message_of([&] { open_encoder(folder / name, width, height, options); });
  };
  EXPECT_THROW(open_encoder(folder / "clip.xyz", 8, 8), UsageError);
  EXPECT_NE(open("clip.xyz", 8, 8).find(".mp4, .webm, .gif"), std::string::npos);
  EXPECT_NE(open("clip", 8, 8).find("no extension"), std::string::npos);
  EXPECT_NE(open("a.mp4", 0, 0).find("0x0"), std::string::npos);
  EXPECT_NE(open("a.mp4", -4, 8).find("-4x8"), std::string::npos);
  EXPECT_NE(open("a.mp4", 8193, 8).find("8193x8"), std::string::npos);
  EXPECT_NE(open("absent/a.mp4", 8, 8).find("does not exist"), std::string::npos);
  EncodeOptions options;
  options.fps = 0;
  EXPECT_NE(open("a.mp4", 8, 8, options).find("0 frames per second"), std::string::npos);
  options.fps = NAN;
  EXPECT_NE(open("a.mp4", 8, 8, options), "");
  options.fps = 60;
  EXPECT_EQ(open("a.mp4", 8, 8, options), "");
  EXPECT_NE(open("a.gif", 8, 8, options).find("50"), std::string::npos);
  options = {};
  options.crf = 52;
  EXPECT_NE(open("a.mp4", 8, 8, options).find("crf 52"), std::string::npos);
  EXPECT_EQ(folder.count(), 0);
}

TEST(Encoder, FrameOfAnotherSizeIsAnError) {
  const Folder folder;
  auto sink = open_encoder(folder / "clip.mp4", 64, 48);
  EXPECT_NE(message_of([&] { sink->write(Frame(32, 48)); }).find("32x48"), std::string::npos);
}

// What is taken where libx264 is absent.
TEST(Encoder, Mpeg4FallbackWorks) {
  const Folder folder;
  EncodeOptions options;
  options.encoder = "mpeg4";
  options.metadata = {{"seed", "3"}};
  encode_gradient(folder / "a.mp4", 161, 97, 20, options);
  mallopt(M_PERTURB, 170);
  encode_gradient(folder / "b.mp4", 161, 97, 20, options);
  mallopt(M_PERTURB, 0);
  EXPECT_EQ(sha256_file(folder / "a.mp4"), sha256_file(folder / "b.mp4"));
  const auto frames = decode_all(folder / "a.mp4");
  ASSERT_EQ(frames.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_GE(psnr(frames[i], gradient(161, 97, i)), 35) << i;
    EXPECT_NEAR(mean_of(frames[i], 0), mean_of(gradient(162, 98, i), 0), 1.5);
  }
  EXPECT_EQ(read_metadata(folder / "a.mp4").at("seed"), "3");
  EXPECT_EQ(open_decoder(folder / "a.mp4")->info().codec, "mpeg4");
}

TEST(Encoder, UnknownEncoderListsTheKnown) {
  const Folder folder;
  EncodeOptions options;
  options.encoder = "libx265";
  const std::string message = message_of([&] { open_encoder(folder / "a.mp4", 8, 8, options); });
  EXPECT_NE(message.find("libx264, libopenh264, mpeg4"), std::string::npos) << message;
}

// A limit on file size stands for a full disk.
TEST(Encoder, FullDiskIsAnErrorAndLeavesNothing) {
  const Folder folder;
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const char* name : {"a.mp4", "a.webm", "a.gif"}) {
    const rlimit small{2000, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string message = message_of([&] { encode_gradient(folder / name, 160, 96, 60); });
    setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_NE(message.find(name), std::string::npos) << name << ": " << message;
    EXPECT_EQ(folder.count(), 0) << name;
  }
  std::signal(SIGXFSZ, handler);
}

TEST(Encoder, ExtensionIsCaseBlind) { EXPECT_EQ(encoder_name("CLIP.MP4"), encoder_name("clip.mp4")); }

}  // namespace
}  // namespace orrery
