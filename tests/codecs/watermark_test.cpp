// The watermark: its code, what it survives, that it does not show, and that it is not seen where it is not.
#include "codecs/watermark.h"

#include <cmath>
#include <complex>
#include <cstring>
#include <map>
#include <numbers>

#include "clips.h"
#include "codecs/convolutional_code.h"
#include "codecs/resize.h"
#include "codecs/visibility.h"
#include "codecs/watermark_carrier.h"
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
    const std::vector<uint8_t> bits = random_bits(rng, 64), coded = convolutional_encode(bits);
    ASSERT_EQ(coded.size(), bits.size() * kCodeRate);
    std::vector<float> clean, soft;
    for (const uint8_t bit : coded)
      clean.push_back(bit ? -1.f : 1.f), soft.push_back(clean.back() + 1.2f * float(rng.normal()));
    EXPECT_EQ(convolutional_decode(clean), bits);
    wrong += convolutional_decode(soft) != bits;
  }
  EXPECT_LE(wrong, 1);  // noise of 1.2: 20 % of the signs are wrong
}

// Free distance 32: two messages that differ anywhere differ in at least so many coded bits.
TEST(ConvolutionalCode, HasItsFreeDistance) {
  const std::vector<uint8_t> zero = convolutional_encode(std::vector<uint8_t>(64));
  Rng rng(2);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<uint8_t> bits(64);
    for (int i = 0, n = 1 + rng.below(6); i < n; ++i) bits[size_t(rng.below(12))] = 1;
    if (std::count(bits.begin(), bits.end(), 1) == 0) continue;
    const std::vector<uint8_t> coded = convolutional_encode(bits);
    EXPECT_GE(std::count(coded.begin(), coded.end(), 1), 32);
  }
}

TEST(Crc16, KnownValue) {
  std::vector<uint8_t> bits;
  for (const char c : std::string("123456789"))
    for (int i = 7; i >= 0; --i) bits.push_back(uint8_t(c >> i & 1));
  EXPECT_EQ(crc16(bits), 0x29b1u);  // CRC-16/IBM-3740's check value
}

// A room: a wall with a gradient and grain, which stands still as in our clips, a floor, a ball that falls.
Frame room(int index, int width = 320, int height = 192) {
  Frame frame(width, height);
  frame.seconds = index / 24.0;
  Rng grain(5);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = double(x) * 320 / width, v = double(y) * 320 / width;
      const double dx = u - 120, dy = v - 30 - 2.0 * index, noise = 1.5 * grain.normal();
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
  EXPECT_LT(r.false_positive_bound, 2e-8);
}

// Spectrum of a whole picture: the payload's chips where they were put, and the known ones as if shifted by (u, v).
WatermarkDetector::Spectrum spectrum_with_known_chips_off(double u, double v) {
  const watermark::Layout layout(shipped_watermark_key());
  const std::vector<uint8_t> coded = convolutional_encode(watermark::message_of(kPayload));
  WatermarkDetector::Spectrum s{1, 1, 3, 3, {}, {}};
  for (size_t c = 0; c < watermark::coefficients().size(); ++c) {
    const auto chip = [&](size_t i) { return layout.sign[i] * (layout.bit[i] != watermark::kSync && coded[size_t(layout.bit[i])] ? -1.f : 1.f); };
    const std::complex<float> value(chip(2 * c), -chip(2 * c + 1));
    const watermark::Coefficient k = watermark::coefficients()[c];
    const std::complex<float> moved = value * std::complex<float>(std::polar(1.0, 2 * std::numbers::pi * (k.kx * u / watermark::kTileWidth + k.ky * v / watermark::kTileHeight)));
    s.real.push_back(layout.bit[2 * c] == watermark::kSync ? moved.real() : value.real());
    s.imaginary.push_back(layout.bit[2 * c + 1] == watermark::kSync ? moved.imag() : value.imag());
  }
  return s;
}

TEST(Watermark, IsReadWhereItWasPutWhenTheKnownChipsPointElsewhere) {
  ASSERT_TRUE(WatermarkDetector::read({spectrum_with_known_chips_off(0, 0)}, shipped_watermark_key()).found);
  const WatermarkReading r = WatermarkDetector::read({spectrum_with_known_chips_off(-4, 5)}, shipped_watermark_key());
  EXPECT_TRUE(r.found);
  EXPECT_EQ(r.payload, kPayload);
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
  EXPECT_EQ(read_clip(through(half, folder / "b.mp4", 28)).payload, kPayload);
  EXPECT_EQ(read_clip(larger).payload, kPayload);
  const WatermarkReading r = read_clip(through(cropped, folder / "c.mp4", 23));
  EXPECT_EQ(r.payload, kPayload);
  EXPECT_NEAR(r.scale_x, 0.9, 0.025);
  // The pattern is matched as a whole: a scale two steps off moves the origin by 2 % of half a side.
  EXPECT_NEAR(r.shift_x, 20, 5);
  EXPECT_NEAR(r.shift_y, 12, 5);
}

// The width's cut shows in the scale, the height's does not.
TEST(Watermark, IsReadWhereTheHeightAloneIsCut) {
  std::vector<Frame> cropped;
  for (const Frame& f : marked_room(4)) cropped.push_back(cut(f, 0, 26, 320, 160));
  const WatermarkReading r = read_clip(cropped);
  EXPECT_EQ(r.payload, kPayload);
  EXPECT_NEAR(r.scale_x, 1, 0.035);
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

// Bright and textured all over: where the mask lets most through.
TEST(Watermark, KeepsFortyTwoDecibelsWhateverThePictureIs) {
  Frame frame(320, 192);
  Rng rng(6);
  for (uint8_t& v : frame.rgb) v = uint8_t(rng.below(2) ? 225 : 165);
  Frame marked = frame;
  WatermarkEmbedder(320, 192, shipped_watermark_key(), kPayload).mark(marked);
  EXPECT_GE(psnr(frame, marked), 42);
}

struct Seen {
  double wave = 0, together = 0;  // thresholds of sight
};

// Of a grey picture's mark in one channel: the largest wave, and the largest sum of waves within an octave and 45
// degrees, which is what an eye takes together.
Seen seen_on_grey(int level, watermark::Channel channel) {
  using namespace watermark;
  constexpr int kMost = 18;
  Frame frame = flat(kTileWidth, kTileHeight, uint8_t(level), uint8_t(level), uint8_t(level));
  WatermarkEmbedder(kTileWidth, kTileHeight, shipped_watermark_key(), kPayload).mark(frame);
  const std::vector<float> marked = channel_of(frame, channel);
  const double contrast = channel == kLuma ? contrast_of_level(level) : blue_contrast_of_level(level);
  Seen seen;
  std::map<std::pair<int, int>, double> sums;
  for (int kx = 0; kx <= kMost; ++kx) {
    std::vector<std::complex<double>> column(kTileHeight);
    for (int y = 0; y < kTileHeight; ++y)
      for (int x = 0; x < kTileWidth; ++x)
        column[size_t(y)] += std::polar(double(marked[size_t(y * kTileWidth + x)]) - (channel == kLuma ? level : 0),
                                        2 * std::numbers::pi * kx * x / kTileWidth);
    for (int ky = kx == 0 ? 1 : -kMost; ky <= kMost; ++ky) {
      std::complex<double> sum = 0;
      for (int y = 0; y < kTileHeight; ++y)
        sum += column[size_t(y)] * std::polar(1.0, 2 * std::numbers::pi * ky * y / kTileHeight);
      const double fx = double(kx) / kTileWidth, fy = double(ky) / kTileHeight,
                   cycles = std::hypot(fx, fy) * kPixelsADegree;
      const double thresholds =
          2 * std::abs(sum) / (kTileWidth * kTileHeight) * contrast *
          (channel == kLuma ? contrast_sensitivity(cycles) : blue_contrast_sensitivity(cycles));
      seen.wave = std::max(seen.wave, thresholds);
      const int turn = int(std::floor(std::atan2(fy, fx) / (std::numbers::pi / 4) + 0.5)) & 3;
      for (int half_octave = -4; half_octave < 8; ++half_octave)
        if (const double low = std::exp2(half_octave / 2.0) / 2; cycles >= low && cycles < 2 * low)
          sums[{half_octave, turn}] += thresholds * thresholds;
    }
  }
  for (const auto& [band, power] : sums) seen.together = std::max(seen.together, std::sqrt(power));
  return seen;
}

// A trained eye at an even grey wall sees a wave at 1; over a picture, twice that passes. The mark that was
// seen as plaster on walls had 5.
TEST(Watermark, IsNearTheThresholdOfSightWhereItIsFlat) {
  for (const int level : {40, 90, 128, 180, 220}) {
    const Seen luma = seen_on_grey(level, watermark::kLuma), blue = seen_on_grey(level, watermark::kBlue);
    EXPECT_LT(luma.wave, 0.6) << level;
    EXPECT_GT(luma.wave, 0.3) << level;
    EXPECT_LT(luma.together, 2.5) << level;
    EXPECT_LT(blue.wave, 0.5) << level;
    EXPECT_GT(blue.wave, 0.15) << level;
    EXPECT_LT(blue.together, 1.5) << level;
  }
}

// In a flat region: few levels, of all signs, red and green nearly alike, and the same in every frame.
TEST(Watermark, NeitherMottlesNorFlickersWhereItIsFlat) {
  const WatermarkEmbedder embedder(320, 192, shipped_watermark_key(), kPayload);
  Frame frame = flat(320, 192, 120, 130, 140), again = frame;
  embedder.mark(frame), embedder.mark(again);
  EXPECT_EQ(frame.rgb, again.rgb);
  double sum = 0;
  int largest = 0;
  for (size_t i = 0; i < frame.rgb.size(); i += 3) {
    const int d = frame.rgb[i] - 120;
    EXPECT_LE(std::abs(frame.rgb[i + 1] - 130 - d), 1);
    EXPECT_LE(std::abs(frame.rgb[i + 2] - 140 - d), 6);
    sum += d, largest = std::max(largest, std::abs(d));
  }
  EXPECT_LT(std::abs(sum * 3 / double(frame.rgb.size())), 0.1);
  EXPECT_LE(largest, 2);
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
