#include <algorithm>
#include <cmath>
#include <numbers>

#include "codecs/convolutional_code.h"
#include "codecs/visibility.h"
#include "codecs/watermark_carrier.h"
#include "core/error.h"

namespace orrery {
namespace {

using namespace watermark;

// Amplitude of each chip's wave as a share of the least that an eye sees on a grey wall. What half size with CRF 28
// leaves of clips of 2 s: with blue at 0.14 5 of 19, at 0.20 12, at 0.26 15, but there walls look cloudy.
constexpr double kStrength[kChannels] = {0.355, 0.20};
constexpr double kMostPeak =
    2.5;  // the pattern is cut to so many times its rms: its peaks are what an eye finds first
// Masking, besides equal contrast at every brightness: stronger by kMaskSlope for each level above kMaskFrom
// by which green (most of luma) differs from its local mean on average. Texture alone counts, which is found
// at four places kMaskReach away on either side too: beside the edge of something that moves, the mark would
// move. The most keeps 42 dB PSNR whatever the picture is.
constexpr float kMaskSlope = 1.0f, kMaskFrom = 0.5f, kMaskMost = 1.9f;
constexpr int kMaskReach = 8;     // blocks of 2x2 pixels
constexpr int kMiddle = 128;      // the grey for which the pattern is made
constexpr int kMaskRadius = 2;    // of blocks of 2x2 pixels, in which the mask is made
constexpr int kOversampling = 2;  // of the tile that the pattern is interpolated from

std::vector<float> chip_values(WatermarkKey key, const WatermarkPayload& payload) {
  const Layout layout(key);
  const std::vector<uint8_t> coded = convolutional_encode(message_of(payload));
  std::vector<float> chips(layout.bit.size());
  for (size_t i = 0; i < chips.size(); ++i)
    chips[i] = layout.sign[i] * (layout.bit[i] != kSync && coded[size_t(layout.bit[i])] ? -1.f : 1.f);
  return chips;
}

double amplitude_of(const Coefficient& k) {  // levels
  const double cycles = k.cycles() / kTileHeight * kPixelsADegree;
  const double threshold = k.channel == kLuma ? 1 / contrast_sensitivity(cycles) / contrast_of_level(kMiddle)
                                              : 1 / blue_contrast_sensitivity(cycles) / blue_contrast_of_level(kMiddle);
  return kStrength[k.channel] * threshold;
}

// cos, or sin, of one turn in n steps.
std::vector<double> turn(int n, double (*wave)(double)) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(wave(2 * std::numbers::pi * i / n));
  return out;
}

constexpr int kColumns = kTileWidth * kOversampling, kRows = kTileHeight * kOversampling;

// One period of a channel's pattern, [kRows][kColumns], levels: an inverse Fourier transform, columns first.
std::vector<float> tile_of(const std::vector<float>& chips, Channel channel) {
  const std::vector<double> cosine_x = turn(kColumns, std::cos), sine_x = turn(kColumns, std::sin),
                            cosine_y = turn(kRows, std::cos), sine_y = turn(kRows, std::sin);
  // columns[kx][y] = sum over ky of X e^(i ky y), with X = cosine chip - i sine chip
  std::vector<double> real((kHighest + 1) * kRows), imaginary(real.size());
  double power = 0;
  for (size_t c = 0; c < coefficients().size(); ++c) {
    const Coefficient k = coefficients()[c];
    if (k.channel != channel) continue;
    const double amplitude = amplitude_of(k);
    power += amplitude * amplitude;
    const double a = amplitude * chips[2 * c], b = -amplitude * chips[2 * c + 1];
    for (int y = 0; y < kRows; ++y) {
      const size_t at = size_t(((k.ky * y) % kRows + kRows) % kRows), to = size_t(k.kx * kRows + y);
      real[to] += a * cosine_y[at] - b * sine_y[at];
      imaginary[to] += a * sine_y[at] + b * cosine_y[at];
    }
  }
  std::vector<float> tile(size_t(kColumns) * kRows);
  const double peak = kMostPeak * std::sqrt(power);
  for (int y = 0; y < kRows; ++y)
    for (int x = 0; x < kColumns; ++x) {
      double sum = 0;
      for (int kx = 0; kx <= kHighest; ++kx) {
        const size_t at = size_t(kx * x % kColumns), from = size_t(kx * kRows + y);
        sum += real[from] * cosine_x[at] - imaginary[from] * sine_x[at];
      }
      tile[size_t(y) * kColumns + size_t(x)] = float(std::clamp(sum, -peak, peak));
    }
  return tile;
}

// At (u, v) pixels of the plane, linear between the tile's points.
float sample(const std::vector<float>& tile, double u, double v) {
  const double x = u * kOversampling, y = v * kOversampling;
  const int x0 = int(std::floor(x)), y0 = int(std::floor(y));
  const float fx = float(x - x0), fy = float(y - y0);
  const auto at = [&](int xi, int yi) {
    return tile[size_t((yi % kRows + kRows) % kRows) * kColumns + size_t((xi % kColumns + kColumns) % kColumns)];
  };
  return (1 - fy) * ((1 - fx) * at(x0, y0) + fx * at(x0 + 1, y0)) +
         fy * ((1 - fx) * at(x0, y0 + 1) + fx * at(x0 + 1, y0 + 1));
}

// Thresholds of rounding, fixed in place: half a level survives as a share of pixels, and nothing flickers.
float threshold(int x, int y) {
  unsigned value = 0;
  for (int bit = 0; bit < 3; ++bit) {
    const unsigned bx = unsigned(x) >> bit & 1, by = unsigned(y) >> bit & 1;
    value |= ((bx ^ by) << 1 | by) << (2 * (2 - bit));
  }
  return (float(value) + 0.5f) / 64;
}

// The factor of the pattern in each block of 2x2 pixels, [(height + 1) / 2][(width + 1) / 2].
std::vector<float> mask_of(const Frame& frame) {
  const int width = (frame.width + 1) / 2, height = (frame.height + 1) / 2;
  std::vector<float> detail(size_t(width) * size_t(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int right = std::min(2 * x + 1, frame.width - 1), below = std::min(2 * y + 1, frame.height - 1);
      detail[size_t(y) * size_t(width) + size_t(x)] =
          0.25f * float(frame.at(2 * x, 2 * y)[1] + frame.at(right, 2 * y)[1] + frame.at(2 * x, below)[1] +
                        frame.at(right, below)[1]);
    }
  const std::vector<float> mean = box_mean(detail, width, height, kMaskRadius);
  for (size_t i = 0; i < detail.size(); ++i) detail[i] = std::abs(detail[i] - mean[i]);
  detail = box_mean(detail, width, height, kMaskRadius);
  static const std::vector<float> by_level = [] {
    std::vector<float> factor;
    for (int level = 0; level < 256; ++level)
      factor.push_back(float(contrast_of_level(kMiddle) / contrast_of_level(level)));
    return factor;
  }();
  std::vector<float> mask(detail.size());
  for (int y = 0; y < height; ++y) {
    const float *above = &detail[size_t(std::max(y - kMaskReach, 0) * width)],
                *below = &detail[size_t(std::min(y + kMaskReach, height - 1) * width)];
    for (int x = 0; x < width; ++x) {
      const int left = std::max(x - kMaskReach, 0), right = std::min(x + kMaskReach, width - 1);
      const float texture =
          std::min(std::min(above[left], above[right]), std::min(below[left], below[right]));
      const size_t at = size_t(y * width + x);
      mask[at] = by_level[size_t(mean[at])] *
                 std::clamp(1 + kMaskSlope * (std::min(texture, detail[at]) - kMaskFrom), 1.f, kMaskMost);
    }
  }
  return mask;
}

class Watermarked : public FrameSink {
 public:
  Watermarked(std::unique_ptr<FrameSink> sink, WatermarkEmbedder embedder)
      : sink_(std::move(sink)), embedder_(std::move(embedder)) {}
  void write(const Frame& frame) override {
    Frame marked = frame;
    embedder_.mark(marked);
    sink_->write(marked);
  }
  void finish() override { sink_->finish(); }

 private:
  std::unique_ptr<FrameSink> sink_;
  WatermarkEmbedder embedder_;
};

}  // namespace

WatermarkEmbedder::WatermarkEmbedder(int width, int height, WatermarkKey key, const WatermarkPayload& payload)
    : width_(width), height_(height), luma_(size_t(width) * size_t(height)), blue_(luma_.size()) {
  const std::vector<float> chips = chip_values(key, payload);
  const std::vector<float> luma = tile_of(chips, kLuma), blue = tile_of(chips, kBlue);
  const double step = double(kWidth) / width;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const size_t at = size_t(y) * size_t(width) + size_t(x);
      const double u = (x + 0.5) * step - 0.5, v = (y + 0.5) * step - 0.5;
      luma_[at] = sample(luma, u, v), blue_[at] = sample(blue, u, v);
    }
}

void WatermarkEmbedder::mark(Frame& frame) const {
  ORRERY_ASSERT(frame.width == width_ && frame.height == height_);
  const std::vector<float> mask = mask_of(frame);
  const size_t width = size_t(width_), blocks = (width + 1) / 2;
  std::vector<float> thresholds(8 * width);
  for (size_t i = 0; i < thresholds.size(); ++i) thresholds[i] = threshold(int(i % width), int(i / width));
  std::vector<int16_t> red(width), green(width), blue(width);
  for (size_t y = 0; y < size_t(height_); ++y) {
    const float *luma = &luma_[y * width], *cb = &blue_[y * width], *strength = &mask[y / 2 * blocks],
                *round = &thresholds[y % 8 * width];
    // Down to a whole number, by cutting off what is above a floor that no change reaches.
    for (size_t x = 0; x < width; ++x) {
      const float grey = luma[x] * strength[x / 2] + round[x] + 64;
      red[x] = int16_t(int(grey) - 64);
      green[x] = int16_t(int(grey + float(kGreenOfCb) * cb[x]) - 64);
      blue[x] = int16_t(int(grey + float(kBlueOfCb) * cb[x]) - 64);
    }
    uint8_t* value = frame.at(0, int(y));
    const auto change = [](uint8_t& v, int16_t by) { v = uint8_t(std::clamp<int16_t>(int16_t(v + by), 0, 255)); };
    for (size_t x = 0; x < width; ++x)
      change(value[3 * x], red[x]), change(value[3 * x + 1], green[x]), change(value[3 * x + 2], blue[x]);
  }
}

std::unique_ptr<FrameSink> watermarked(std::unique_ptr<FrameSink> sink, int width, int height,
                                       WatermarkKey key, const WatermarkPayload& payload) {
  return std::make_unique<Watermarked>(std::move(sink), WatermarkEmbedder(width, height, key, payload));
}

}  // namespace orrery
