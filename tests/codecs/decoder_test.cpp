#include "codecs/decoder.h"

#include "clips.h"
#include "codecs/orientation.h"
#include "codecs/png.h"
#include "core/error.h"

namespace orrery {
namespace {

#define NEEDS_FFMPEG() \
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg program is not installed"

std::string quoted(const fs::path& path) { return fmt::format("'{}'", path.string()); }

TEST(Decoder, MissingFolderAndDirectory) {
  const Folder folder;
  EXPECT_NE(message_of([&] { open_decoder(folder / "no.mp4"); }).find("no.mp4: no such file"),
            std::string::npos);
  EXPECT_NE(message_of([&] { open_decoder(folder.path()); }).find("it is a folder"), std::string::npos);
}

TEST(Decoder, NamesThatLookLikeUrls) {
  const Folder folder;
  for (const char* name : {"http:clip.mp4", "-.mp4", "a b?&%03d'\".mp4", "größe.mp4"}) {
    encode_gradient(folder / name, 32, 32, 2);
    EXPECT_EQ(decode_all(folder / name).size(), 2u) << name;
  }
}

TEST(Decoder, ContentDecidesNotTheName) {
  const Folder folder;
  encode_gradient(folder / "clip.mp4", 32, 32, 3);
  fs::rename(folder / "clip.mp4", folder / "clip.txt");
  EXPECT_EQ(decode_all(folder / "clip.txt").size(), 3u);
}

TEST(Decoder, ScalesDownToFitAndNeverUp) {
  const Folder folder;
  encode_gradient(folder / "clip.mp4", 320, 192, 2);
  DecodeOptions options;
  options.max_width = 100;
  auto frames = decode_all(folder / "clip.mp4", options);
  EXPECT_EQ(frames[0].width, 100);
  EXPECT_EQ(frames[0].height, 60);
  const VideoInfo info = open_decoder(folder / "clip.mp4", options)->info();
  EXPECT_EQ(info.full_width, 320);
  EXPECT_EQ(info.full_height, 192);
  EXPECT_NEAR(mean_of(frames[0], 0), mean_of(gradient(320, 192, 0), 0), 1);
  options = {};
  options.max_width = options.max_height = 1000;
  EXPECT_EQ(decode_all(folder / "clip.mp4", options)[0].width, 320);
}

TEST(Decoder, ThreadsChangeNothing) {
  const Folder folder;
  encode_gradient(folder / "clip.mp4", 160, 96, 20);
  DecodeOptions one, four;
  one.threads = 1;
  four.threads = 4;
  const auto a = decode_all(folder / "clip.mp4", one), b = decode_all(folder / "clip.mp4", four);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].rgb, b[i].rgb);
}

// Frames at 0, 1, 2, ... 23, but with the middle third missing in MP4 and MKV.
TEST(Decoder, VariableFrameRateKeepsItsTimes) {
  NEEDS_FFMPEG();
  const Folder folder;
  for (const char* name : {"vfr.mp4", "vfr.mkv"}) {
    ASSERT_TRUE(
        run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=24:d=1 -vf \"select='lt(n,8)+gte(n,16)'\" -fps_mode vfr " +
                   quoted(folder / name)) ||
        run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=24:d=1 -vf \"select='lt(n,8)+gte(n,16)'\" -vsync vfr " +
                   quoted(folder / name)));
    const auto source = open_decoder(folder / name);
    std::vector<double> times;
    for (Frame frame; source->next(frame);) times.push_back(frame.seconds);
    ASSERT_EQ(times.size(), 16u) << name;
    for (int i = 0; i < 16; ++i)
      EXPECT_NEAR(times[i], (i < 8 ? i : i + 8) / 24.0, 0.00051) << name << " " << i;
    EXPECT_TRUE(source->is_vfr()) << name;
  }
}

TEST(Decoder, StartTimeIsTakenOff) {
  NEEDS_FFMPEG();
  const Folder folder;
  ASSERT_TRUE(
      run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=24:d=1 -output_ts_offset 10 " + quoted(folder / "late.ts")));
  const auto frames = decode_all(folder / "late.ts");
  ASSERT_EQ(frames.size(), 24u);
  EXPECT_EQ(frames[0].seconds, 0);
  EXPECT_NEAR(frames[23].seconds, 23 / 24.0, 1e-4);
}

// The ffmpeg program's own upright picture is the oracle, for each quarter turn.
TEST(Decoder, RotationTagIsApplied) {
  NEEDS_FFMPEG();
  const Folder folder;
  encode_gradient(folder / "flat.mp4", 64, 32, 1);
  for (const int degrees : {90, 180, 270}) {
    const std::string angle = std::to_string(degrees), flat = quoted(folder / "flat.mp4"),
                      turned = quoted(folder / "turned.mp4");
    // The option of FFmpeg 6 and later first, then the tag of earlier ones.
    ASSERT_TRUE(run_ffmpeg("-display_rotation " + angle + " -i " + flat + " -c copy " + turned) ||
                run_ffmpeg("-i " + flat + " -c copy -metadata:s:v rotate=" + angle + " " + turned));
    ASSERT_TRUE(run_ffmpeg("-i " + turned + " -frames:v 1 " + quoted(folder / "upright.png")));
    const auto source = open_decoder(folder / "turned.mp4");
    EXPECT_EQ(source->info().rotation, 360 - degrees);  // both count counter-clockwise
    Frame frame;
    ASSERT_TRUE(source->next(frame));
    EXPECT_EQ(frame.width, source->info().width);
    const Frame upright = read_png(folder / "upright.png");
    ASSERT_EQ(frame.width, upright.width);
    ASSERT_EQ(frame.height, upright.height);
    EXPECT_GT(psnr(frame, upright), 38) << degrees;
  }
}

// All eight: a marked pixel goes where the matrix says, and turning back restores the picture.
TEST(Decoder, OrientationsMovePixelsAsTheirMatrixSays) {
  Frame frame(5, 3), shown;
  frame.at(4, 0)[0] = 255;  // upper right
  const struct {
    int32_t a, b, c, d;
    int degrees, x, y;
  } cases[] = {{1, 0, 0, 1, 0, 4, 0},    {0, 1, -1, 0, 90, 2, 4},  {-1, 0, 0, -1, 180, 0, 2},
               {0, -1, 1, 0, 270, 0, 0}, {-1, 0, 0, 1, 180, 0, 0}, {1, 0, 0, -1, 0, 4, 2},
               {0, 1, 1, 0, 90, 0, 4},   {0, -1, -1, 0, 270, 2, 0}};
  for (const auto& test : cases) {
    const int one = 1 << 16;
    const int32_t matrix[9] = {test.a * one, test.b * one, 0, test.c * one, test.d * one, 0, 0, 0, 1 << 30};
    const Orientation orientation = matrix_orientation(matrix);
    EXPECT_EQ(orientation.clockwise_degrees(), test.degrees);
    orientation.apply(frame, shown);
    EXPECT_EQ(shown.at(test.x, test.y)[0], 255) << test.a << test.b << test.c << test.d;
    EXPECT_EQ(std::count(shown.rgb.begin(), shown.rgb.end(), 255), 1);
  }
}

TEST(Decoder, TenBitOddSizeAndWidePixels) {
  NEEDS_FFMPEG();
  const Folder folder;
  ASSERT_TRUE(run_ffmpeg(
      "-f lavfi -i color=c=0x3060c0:s=64x64:r=10:d=0.5 -vf format=yuv444p10le,scale=33:47,setsar=2/1 "
      "-c:v ffv1 " +
      quoted(folder / "deep.mkv")));
  const auto source = open_decoder(folder / "deep.mkv");
  EXPECT_EQ(source->info().width, 66);
  EXPECT_EQ(source->info().height, 47);
  Frame frame;
  ASSERT_TRUE(source->next(frame));
  EXPECT_NEAR(mean_of(frame, 0), 0x30, 2);
  EXPECT_NEAR(mean_of(frame, 1), 0x60, 2);
  EXPECT_NEAR(mean_of(frame, 2), 0xc0, 2);
}

// Tagged bt709, tagged bt601 and full range all show the same colour.
TEST(Decoder, ColourTagsAreObeyed) {
  NEEDS_FFMPEG();
  const Folder folder;
  const std::string input = "-f lavfi -i color=c=0xd03020:s=64x64:r=10:d=0.3,format=gbrp ";
  for (const char* variant :
       {"-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv444p -colorspace bt709 -color_range tv",
        "-vf scale=out_color_matrix=bt601:out_range=tv,format=yuv444p -colorspace smpte170m -color_range tv",
        "-vf scale=out_color_matrix=bt709:out_range=pc,format=yuv444p -colorspace bt709 -color_range pc"}) {
    ASSERT_TRUE(run_ffmpeg(input + variant + " -c:v libx264 -qp 0 " + quoted(folder / "tagged.mp4")));
    const Frame frame = decode_all(folder / "tagged.mp4").at(0);
    EXPECT_NEAR(mean_of(frame, 0), 0xd0, 2) << variant;
    EXPECT_NEAR(mean_of(frame, 1), 0x30, 2) << variant;
    EXPECT_NEAR(mean_of(frame, 2), 0x20, 2) << variant;
  }
}

TEST(Decoder, AlphaLiesOverBlack) {
  NEEDS_FFMPEG();
  const Folder folder;
  ASSERT_TRUE(run_ffmpeg("-f lavfi -i color=c=0xff8040@0.5:s=16x16:r=10:d=0.2,format=rgba -c:v png " +
                         quoted(folder / "alpha.mov")));
  const Frame frame = decode_all(folder / "alpha.mov").at(0);
  EXPECT_NEAR(mean_of(frame, 0), 0xff / 2.0, 2);
  EXPECT_NEAR(mean_of(frame, 2), 0x40 / 2.0, 2);
}

TEST(Decoder, AudioOnlyAndCoverArtAreNoVideo) {
  NEEDS_FFMPEG();
  const Folder folder;
  ASSERT_TRUE(run_ffmpeg("-f lavfi -i sine=d=1 " + quoted(folder / "tone.wav")));
  ASSERT_TRUE(run_ffmpeg("-f lavfi -i sine=d=1 -c:a aac " + quoted(folder / "tone.mp4")));
  ASSERT_TRUE(run_ffmpeg(
      "-f lavfi -i sine=d=1 -f lavfi -i color=s=32x32:d=0.04 -map 0 -map 1 -c:a flac -c:v png -frames:v 1 "
      "-disposition:v attached_pic " +
      quoted(folder / "cover.flac")));
  for (const char* name : {"tone.wav", "tone.mp4", "cover.flac"}) {
    const std::string message = message_of([&] { open_decoder(folder / name); });
    EXPECT_NE(message.find("no video stream"), std::string::npos) << message;
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

// A playlist must not make the program open other files.
TEST(Decoder, PlaylistsAreRefused) {
  const Folder folder;
  encode_gradient(folder / "clip.mp4", 32, 32, 3);
  write_atomic(folder / "list.m3u8", "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" +
                                         (folder / "clip.mp4").string() + "\n#EXT-X-ENDLIST\n");
  write_atomic(folder / "list.txt", "ffconcat version 1.0\nfile '" + (folder / "clip.mp4").string() + "'\n");
  EXPECT_NE(message_of([&] { open_decoder(folder / "list.m3u8"); }).find("not a video"), std::string::npos);
  EXPECT_NE(message_of([&] { open_decoder(folder / "list.txt"); }).find("not a video"), std::string::npos);
}

TEST(Decoder, RealClipsDecodeWhole) {
  const fs::path real = fs::path(ORRERY_ROOT) / "../shared/real";
  if (!fs::exists(real)) GTEST_SKIP() << "the development clips are not here";
  const struct {
    const char* name;
    int frames, width, height;
    double fps;
  } clips[] = {{"real_bouncing_ball.webm", 79, 1280, 1024, 30},
               {"generated_CogVideo_falling_ball.webm", 49, 1280, 1024, 30},
               {"real_pendulum_phone.mp4", 305, 640, 352, 29.75},
               {"real_bounce_4inch_ball.avi", 216, 1920, 1080, 30000.0 / 1001}};
  DecodeOptions options;
  options.max_width = 320;
  for (const auto& clip : clips) {
    const auto source = open_decoder(real / clip.name, options);
    EXPECT_NEAR(source->info().fps, clip.fps, 1e-6) << clip.name;
    EXPECT_EQ(source->info().width, 320) << clip.name;
    EXPECT_NEAR(source->info().height, 320.0 * clip.height / clip.width, 0.51) << clip.name;
    int count = 0;
    Frame frame;
    while (source->next(frame)) ++count;
    EXPECT_EQ(count, clip.frames) << clip.name;
    EXPECT_NEAR(frame.seconds, (clip.frames - 1) / clip.fps, 0.002) << clip.name;
    EXPECT_FALSE(source->is_vfr()) << clip.name;
  }
}

}  // namespace
}  // namespace orrery
