// The watermark: its code, what it survives, that it does not show, and that it is not seen where it is not.
#include "codecs/watermark.h"

#include <cstring>

#include "clips.h"
#include "codecs/convolutional_code.h"
#include "codecs/resize.h"
#include "core/rng.h"
#include "tests/core/expect_error.h"

namespace orrery {
namespace {

constexpr WatermarkPayload kPayload{0xbeef, 40961};

std::vector<uint8_t> random_bits(Rng& rng, size_t n) {
  std::vector<uint8_t> bits(n);
  for (uint8_t& bit : bits) bit = uint8_t(rng.below(2));
  return bits;
}

TEST(ConvolutionalCode, DecodesWhatItEncodedWithAFifthOfTheBitsFlipped) {
  Rng rng(1);
  int wrong = 0;
  for (int trial = 0; trial < 50; ++trial) {
    const std::vector<uint8_t> bits = random_bits(rng, 72), coded = convolutional_encode(bits);
    ASSERT_EQ(coded.size(), bits.size() * kCodeRate);
    std::vector<float> clean, soft;
    for (const uint8_t bit : coded)
      clean.push_back(bit ? -1.f : 1.f), soft.push_back(clean.back() + 1.1f * float(rng.normal()));
    EXPECT_EQ(convolutional_decode(clean), bits);
    wrong += convolutional_decode(soft) != bits;
  }
  EXPECT_LE(wrong, 1);  // noise of 1.1: 18 % of the signs are wrong
}

// Free distance 24: two messages that differ anywhere differ in at least so many coded bits.
TEST(ConvolutionalCode, HasItsFreeDistance) {
  const std::vector<uint8_t> zero = convolutional_encode(std::vector<uint8_t>(72));
  Rng rng(2);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<uint8_t> bits(72);
    for (int i = 0, n = 1 + rng.below(6); i < n; ++i) bits[size_t(rng.below(12))] = 1;
    if (std::count(bits.begin(), bits.end(), 1) == 0) continue;
    const std::vector<uint8_t> coded = convolutional_encode(bits);
    EXPECT_GE(std::count(coded.begin(), coded.end(), 1), 24);
  }
}

TEST(Crc24, KnownValue) {
  std::vector<uint8_t> bits;
  for (const char c : std::string("123456789"))
    for (int i = 7; i >= 0; --i) bits.push_back(uint8_t(c >> i & 1));
  EXPECT_EQ(crc24(bits), 0x21cf02u);  // CRC-24/OPENPGP's check value
}

// A room: a wall with a gradient and grain, a floor, a ball that falls.
Frame room(int index, int width = 320, int height = 192) {
  Frame frame(width, height);
  frame.seconds = index / 24.0;
  Rng grain(5);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = double(x) * 320 / width, v = double(y) * 320 / width;
      const double dx = u - 120, dy = v - 30 - 2.0 * index, noise = 4 * grain.normal();
      const bool ball = dx * dx + dy * dy<16 * 16, floor = v> 160;
      const double base[3] = {ball    ? 200
                              : floor ? 130
                                      : 170 - 0.1 * u,
                              ball    ? 60
                              : floor ? 120
                                      : 160 - 0.1 * v,
                              ball    ? 50.
                              : floor ? 150.
                                      : 120.};
      for (int c = 0; c < 3; ++c) frame.at(x, y)[c] = uint8_t(std::clamp(base[c] + noise, 0.0, 255.0));
    }
  return frame;
}

std::vector<Frame> marked_room(int frames, WatermarkKey key = shipped_watermark_key(), int width = 320,
                               int height = 192) {
  const WatermarkEmbedder embedder(width, height, key, kPayload);
  std::vector<Frame> clip;
  for (int i = 0; i < frames; ++i) {
    clip.push_back(room(i, width, height));
    embedder.mark(clip.back());
  }
  return clip;
}

WatermarkReading read_clip(const std::vector<Frame>& clip, WatermarkKey key = shipped_watermark_key()) {
  WatermarkDetector detector;
  for (const Frame& frame : clip) detector.add(frame);
  return detector.read(key);
}

std::vector<Frame> through(const std::vector<Frame>& clip, const fs::path& path, int crf) {
  EncodeOptions options;
  options.crf = crf;
  auto sink = open_encoder(path, clip[0].width, clip[0].height, options);
  for (const Frame& frame : clip) sink->write(frame);
  sink->finish();
  return decode_all(path);
}

Frame cut(const Frame& f, int left, int top, int width, int height) {
  Frame out(width, height);
  for (int y = 0; y < height; ++y) std::memcpy(out.at(0, y), f.at(left, y + top), size_t(width) * 3);
  return out;
}

TEST(Watermark, IsReadFromOneFrame) {
  const WatermarkReading r = read_clip(marked_room(1));
  ASSERT_TRUE(r.found);
  EXPECT_EQ(r.payload, kPayload);
  EXPECT_EQ(to_hex(r.payload), "4f72beefa001");
  EXPECT_LT(r.chip_errors, 0.15);
  EXPECT_LT(r.false_positive_bound, 1e-10);
}

TEST(Watermark, SurvivesCompressionScalingAndCropping) {
  const Folder folder;
  const std::vector<Frame> clip = marked_room(12);
  EXPECT_EQ(read_clip(through(clip, folder / "a.mp4", 28)).payload, kPayload);
  EXPECT_EQ(read_clip(through(clip, folder / "a.webm", 28)).payload, kPayload);
  std::vector<Frame> half, larger, cropped;
  for (const Frame& f : clip)
    half.push_back(resize(f, 160, 96)), larger.push_back(resize(f, 480, 288)),
        cropped.push_back(cut(f, 20, 12, 288, 172));
  EXPECT_EQ(read_clip(through(half, folder / "b.mp4", 23)).payload, kPayload);
  EXPECT_EQ(read_clip(larger).payload, kPayload);
  const WatermarkReading r = read_clip(through(cropped, folder / "c.mp4", 23));
  EXPECT_EQ(r.payload, kPayload);
  EXPECT_NEAR(r.scale_x, 0.9, 0.025);
  // The pattern is matched as a whole: a scale two steps off moves the origin by 2 % of half a side.
  EXPECT_NEAR(r.shift_x, 20, 5);
  EXPECT_NEAR(r.shift_y, 12, 5);
}

TEST(Watermark, SurvivesHalfSizeAtCrf28) {
  const Folder folder;
  std::vector<Frame> half;
  for (const Frame& f : marked_room(24)) half.push_back(resize(f, 160, 96));
  EXPECT_EQ(read_clip(through(half, folder / "a.mp4", 28)).payload, kPayload);
}

// The width's cut shows in the scale, the height's does not.
TEST(Watermark, IsReadWhereTheHeightAloneIsCut) {
  std::vector<Frame> cropped;
  for (const Frame& f : marked_room(4)) cropped.push_back(cut(f, 0, 26, 320, 160));
  const WatermarkReading r = read_clip(cropped);
  EXPECT_EQ(r.payload, kPayload);
  EXPECT_NEAR(r.scale_x, 1, 0.015);
  EXPECT_NEAR(r.shift_y, 26, 3);
}

TEST(Watermark, FillsPicturesOfAnySize) {
  for (const auto& [width, height] : {std::pair(640, 384), std::pair(240, 240), std::pair(500, 200)}) {
    const WatermarkReading r = read_clip(marked_room(2, shipped_watermark_key(), width, height));
    EXPECT_TRUE(r.found && r.payload == kPayload) << width << "x" << height;
  }
}

TEST(Watermark, IsNotFoundWhereItIsNot) {
  std::vector<Frame> plain = {room(0), room(1)};
  EXPECT_FALSE(read_clip(plain).found);
  EXPECT_FALSE(read_clip({flat(320, 192, 90, 90, 90)}).found);
  EXPECT_FALSE(read_clip({flat(3, 2, 0, 0, 0)}).found);
  WatermarkDetector detector;
  for (const Frame& frame : marked_room(2)) detector.add(frame);
  const auto spectra = detector.spectra();
  Rng keys(3);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(WatermarkDetector::read(spectra, {keys.next()}).found);
}

TEST(Watermark, BelongsToItsKey) {
  const WatermarkKey own{0x1234567890abcdef};
  const std::vector<Frame> clip = marked_room(2, own);
  EXPECT_TRUE(read_clip(clip, own).found);
  EXPECT_FALSE(read_clip(clip).found);
}

TEST(Watermark, DoesNotShow) {
  for (int i : {0, 20}) {
    Frame marked = room(i);
    WatermarkEmbedder(320, 192, shipped_watermark_key(), kPayload).mark(marked);
    EXPECT_GE(psnr(room(i), marked), 42);
  }
}

// In a flat region: few levels, of all signs, and the same in every frame.
TEST(Watermark, NeitherMottlesNorFlickersWhereItIsFlat) {
  const WatermarkEmbedder embedder(320, 192, shipped_watermark_key(), kPayload);
  Frame frame = flat(320, 192, 120, 130, 140), again = frame;
  embedder.mark(frame), embedder.mark(again);
  EXPECT_EQ(frame.rgb, again.rgb);
  double sum = 0, square = 0;
  int largest = 0;
  for (size_t i = 0; i < frame.rgb.size(); i += 3) {
    const int d = frame.rgb[i] - 120;
    EXPECT_EQ(d, frame.rgb[i + 1] - 130);
    sum += d, square += d * d, largest = std::max(largest, std::abs(d));
  }
  const double n = double(frame.rgb.size()) / 3;
  EXPECT_LT(std::abs(sum / n), 0.1);
  EXPECT_LT(std::sqrt(square / n), 1.3);
  EXPECT_LE(largest, 4);
}

TEST(Watermark, RefusesFramesOfTwoSizesAndNoFrames) {
  WatermarkDetector detector;
  expect_error([&] { detector.read(shipped_watermark_key()); }, {"no frames"});
  expect_error([&] { detector.add(flat(2, 400, 0, 0, 0)); }, {"2x400", "8 times"});
  detector.add(flat(32, 32, 0, 0, 0));
  expect_error([&] { detector.add(flat(64, 32, 0, 0, 0)); }, {"64x32", "32x32"});
}

TEST(Watermark, KeysComeFromFiles) {
  const Folder folder;
  put(folder / "short", "too short");
  expect_error([&] { read_watermark_key(folder / "short"); }, {"short", "9 bytes", "16"});
  expect_error([&] { read_watermark_key(folder / "absent"); }, {"absent"});
  put(folder / "a", "sixteen bytes or more");
  put(folder / "b", "sixteen bytes or morf");
  EXPECT_NE(read_watermark_key(folder / "a").value, read_watermark_key(folder / "b").value);
}

}  // namespace
}  // namespace orrery
