#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "codecs/convolutional_code.h"
#include "codecs/resize.h"
#include "codecs/watermark_carrier.h"
#include "core/error.h"

namespace orrery {
namespace {

using namespace watermark;

constexpr int kFlattenRadius = 14;  // pixels: shading slower than the pattern is taken away
constexpr float kMostDetail = 8;   // levels: edges are cut to this, so that no single one outweighs a wall
constexpr int kVarianceRadius =
    12;  // where the picture varies, it says less about the mark: divided by variance
constexpr float kLeastVariance = 0.5f;
constexpr int kTallest = 8;  // height by width: 320 wide, a thinner picture would fill the memory

// Scales searched: a crop that keeps 80 to 100 % of the width, and 1 % of it more or less of the height. Half
// a step is off by 0.8 pixels at the picture's sides, a twenty-fifth of the shortest wavelength.
constexpr double kLeastScale = 0.80, kScaleStep = 0.01;
constexpr int kScales = 21, kAspects = 3;
// Places searched at each: every fourth pixel by which such a crop can have moved the picture.
// A cut of the width shows in the scale; of the height, up to a fifth may be missing at any scale.
constexpr int kPlaceStep = 4, kMostAlong = kTileWidth / kPlaceStep;
constexpr int kFine = 4;          // then in quarters of a pixel
// Decoded: the whole picture where it is; the same where the known chips fit best nearby; the best 14 others by them.
constexpr int kMostDecoded = 16;

struct Complex {
  float re = 0, im = 0;
};
Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }

Complex unit(double turns) {
  return {float(std::cos(2 * std::numbers::pi * turns)), float(std::sin(2 * std::numbers::pi * turns))};
}

// e^(-2 pi i k scale x / period) for k = 0..kHighest, x < n: [k][x].
struct Waves {
  std::vector<float> re, im;
  int n;
  Waves(double scale, int count, int period) : re(size_t((kHighest + 1) * count)), im(re.size()), n(count) {
    for (int k = 0; k <= kHighest; ++k)
      for (int x = 0; x < n; ++x) {
        // Centres of pixels: the sample x of the seen part lies at scale (x + 0.5) - 0.5.
        const Complex w = unit(-k * (scale * (x + 0.5) - 0.5) / period);
        re[size_t(k * n + x)] = w.re, im[size_t(k * n + x)] = w.im;
      }
  }
};

// rows[kx][y] = sum over x of image[y][x] e^(-i kx x).
std::vector<Complex> along_rows(const std::vector<float>& image, int width, int height, const Waves& waves) {
  std::vector<Complex> rows(size_t((kHighest + 1) * height));
  for (int y = 0; y < height; ++y)
    for (int k = 0; k <= kHighest; ++k) {
      const float *line = &image[size_t(y) * size_t(width)], *wr = &waves.re[size_t(k * width)],
                  *wi = &waves.im[size_t(k * width)];
      float re = 0, im = 0;
#pragma omp simd reduction(+ : re, im)
      for (int x = 0; x < width; ++x) re += line[x] * wr[x], im += line[x] * wi[x];
      rows[size_t(k * height + y)] = {re, im};
    }
  return rows;
}

Complex down_column(const Complex* rows, const Waves& waves, int ky) {
  const float *wr = &waves.re[size_t(std::abs(ky) * waves.n)],
              *wi = &waves.im[size_t(std::abs(ky) * waves.n)];
  const float side = ky < 0 ? -1.f : 1.f;
  Complex sum;
  for (int y = 0; y < waves.n; ++y) {
    const Complex term = rows[y] * Complex{wr[y], side * wi[y]};
    sum.re += term.re, sum.im += term.im;
  }
  return sum;
}

// Each ring of frequencies to power 1 a chip, judged by the median: the picture itself is loud where it is slow and
// along its edges. Coefficients louder than three times that (a pattern of the scene's) are cut to it.
void whiten(WatermarkDetector::Spectrum& s) {
  constexpr float kLoudest = 3, kMedian = 1.386f;  // of the sum of two squares of unit normals
  const auto ring_of = [](const Coefficient& k) {
    return size_t(k.channel * (kHighest + 1) + std::lround(k.cycles()));
  };
  std::array<std::vector<float>, kChannels*(kHighest + 1)> powers;
  const std::vector<Coefficient>& all = coefficients();
  for (size_t c = 0; c < all.size(); ++c)
    powers[ring_of(all[c])].push_back(s.real[c] * s.real[c] + s.imaginary[c] * s.imaginary[c]);
  std::array<float, std::tuple_size_v<decltype(powers)>> scales{};
  for (size_t r = 0; r < powers.size(); ++r) {
    std::vector<float>& p = powers[r];
    if (p.empty()) continue;
    std::nth_element(p.begin(), p.begin() + std::ptrdiff_t(p.size() / 2), p.end());
    if (p[p.size() / 2] > 0) scales[r] = std::sqrt(kMedian / p[p.size() / 2]);
  }
  for (size_t c = 0; c < all.size(); ++c) {
    const float scale = scales[ring_of(all[c])];
    s.real[c] = std::clamp(s.real[c] * scale, -kLoudest, kLoudest);
    s.imaginary[c] = std::clamp(s.imaginary[c] * scale, -kLoudest, kLoudest);
  }
}

// Every kPlaceStep pixels from one step before 0 to one after `pixels`.
int places_along(double pixels) { return std::min(kMostAlong, 3 + int(std::ceil(pixels / kPlaceStep))); }

struct Candidate {
  float sync = -1e9f;
  int spectrum = 0;
  int u = 0, v = 0;  // shift on the plane, pixels / kFine
};

struct Turns {  // e^(-2 pi i n / (kTileWidth kFine))
  static constexpr int kCount = kTileWidth * kFine;
  Complex at[kCount];
  Turns() {
    for (int n = 0; n < kCount; ++n) at[n] = unit(-double(n) / kCount);
  }
  // What a shift by (u, v) does to coefficient k.
  Complex of(const Coefficient& k, int u, int v) const {
    return at[((k.kx * u + kTileWidth / kTileHeight * k.ky * v) % kCount + kCount) % kCount];
  }
};
const Turns turns;

// The known chips' contribution to each coefficient, conjugated: correlation at a shift is the real part of
// the sum of D e^(-i k shift).
std::vector<Complex> known_part(const WatermarkDetector::Spectrum& s, const Layout& layout) {
  std::vector<Complex> d(coefficients().size());
  for (size_t c = 0; c < d.size(); ++c) {
    const float a = layout.bit[2 * c] == kSync ? layout.sign[2 * c] : 0,
                b = layout.bit[2 * c + 1] == kSync ? layout.sign[2 * c + 1] : 0;
    d[c] = Complex{s.real[c], s.imaginary[c]} * Complex{a, b};
  }
  return d;
}

float sync_at(const std::vector<Complex>& d, int u, int v) {
  float sum = 0;
  for (size_t c = 0; c < d.size(); ++c)
    if (d[c].re != 0 || d[c].im != 0) sum += (d[c] * turns.of(coefficients()[c], u, v)).re;
  return sum / std::sqrt(float(kSyncChips));
}

// The best place on the grid.
Candidate best_place(const std::vector<Complex>& d, const WatermarkDetector::Spectrum& s, int spectrum) {
  constexpr int step = kPlaceStep * kFine;
  const int nu = s.places_x, nv = s.places_y;
  Complex columns[kHighest + 1][kMostAlong] = {};
  for (size_t c = 0; c < d.size(); ++c) {
    const Coefficient k = coefficients()[c];
    if (d[c].re == 0 && d[c].im == 0) continue;
    for (int j = 0; j < nv; ++j) {
      const Complex term = d[c] * turns.of({kLuma, 0, k.ky}, 0, (j - 1) * step);
      columns[k.kx][j].re += term.re, columns[k.kx][j].im += term.im;
    }
  }
  Candidate best;
  best.spectrum = spectrum;
  for (int i = 0; i < nu; ++i) {
    float sums[kMostAlong] = {};
    for (int kx = 0; kx <= kHighest; ++kx) {
      const Complex w = turns.of({kLuma, kx, 0}, (i - 1) * step, 0);
      for (int j = 0; j < nv; ++j) sums[j] += columns[kx][j].re * w.re - columns[kx][j].im * w.im;
    }
    for (int j = 0; j < nv; ++j)
      if (sums[j] > best.sync) best.sync = sums[j], best.u = (i - 1) * step, best.v = (j - 1) * step;
  }
  best.sync /= std::sqrt(float(kSyncChips));
  return best;
}

// Climbs from the grid's point in ever smaller steps.
void refine(const std::vector<Complex>& d, Candidate& c) {
  for (int step = kFine * kPlaceStep / 2; step >= 1; step /= 2)
    for (int round = 0; round < 2; ++round) {
      const Candidate from = c;
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx)
          if (const float sync = sync_at(d, from.u + dx * step, from.v + dy * step); sync > c.sync)
            c.sync = sync, c.u = from.u + dx * step, c.v = from.v + dy * step;
    }
}

// What a chip says: its correlation with what was written over the rest of its variance, as half size with
// CRF 28 leaves them (about the mean of 18 clips). Where less is lost, chips are sure enough with any weights. A picture's
// own colours, or the codec, may leave little of one channel: tried with each at less than a half, too.
constexpr int kProfiles = 3;
float trust(const Coefficient& k, int profile) {
  constexpr float kOfChannel[kProfiles][kChannels] = {{1, 1}, {1, 0.4f}, {0.4f, 1}};
  return kOfChannel[profile][k.channel] * (k.channel == kLuma ? 1.3f - 0.1f * float(k.cycles()) : 0.75f);
}

// The payload's chips at a place, each with its sign undone.
std::vector<float> chips_at(const WatermarkDetector::Spectrum& s, const Layout& layout, int u, int v) {
  std::vector<float> chips(layout.bit.size());
  for (size_t c = 0; c < coefficients().size(); ++c) {
    const Complex value = Complex{s.real[c], s.imaginary[c]} * turns.of(coefficients()[c], u, v);
    chips[2 * c] = value.re * layout.sign[2 * c];
    chips[2 * c + 1] = -value.im * layout.sign[2 * c + 1];
  }
  return chips;
}

bool decode(const WatermarkDetector::Spectrum& s, const Layout& layout, const Candidate& c,
            int profile, WatermarkReading& reading) {
  const std::vector<float> chips = chips_at(s, layout, c.u, c.v);
  std::vector<float> soft(kMessageBits * kCodeRate);
  for (size_t i = 0; i < chips.size(); ++i)
    if (layout.bit[i] != kSync) soft[size_t(layout.bit[i])] += trust(coefficients()[i / 2], profile) * chips[i];
  const std::vector<uint8_t> message = convolutional_decode(soft);
  ++reading.decoded;
  if (!read_message(message, reading.payload)) return false;
  const std::vector<uint8_t> coded = convolutional_encode(message);
  int wrong = 0, all = 0;
  for (size_t i = 0; i < chips.size(); ++i)
    if (layout.bit[i] != kSync) ++all, wrong += (chips[i] < 0) != (coded[size_t(layout.bit[i])] == 1);
  reading.found = true;
  reading.chip_errors = double(wrong) / all;
  return true;
}

}  // namespace

void WatermarkDetector::add(const Frame& frame) {
  if (frames_ == 0) {
    if (frame.height > kTallest * frame.width)
      fail("cannot look for a watermark: frames of {}x{} are more than {} times as high as wide", frame.width,
           frame.height, kTallest);
    frame_width_ = frame.width, frame_height_ = frame.height;
    width_ = kWidth, height_ = std::max(1, int(std::lround(double(frame.height) * kWidth / frame.width)));
    for (std::vector<float>& sum : sums_) sum.assign(size_t(width_) * size_t(height_), 0);
  }
  if (frame.width != frame_width_ || frame.height != frame_height_)
    fail("cannot look for a watermark: a frame is {}x{}, the first was {}x{}", frame.width, frame.height,
         frame_width_, frame_height_);
  const Frame seen = resize(frame, width_, height_);
  for (const Channel channel : {kLuma, kBlue}) {
    const std::vector<float> level = channel_of(seen, channel), mean = box_mean(level, width_, height_, kFlattenRadius);
    for (size_t i = 0; i < level.size(); ++i)
      sums_[channel][i] += std::clamp(level[i] - mean[i], -kMostDetail, kMostDetail);
  }
  ++frames_;
}

std::vector<float> WatermarkDetector::weighted(int channel) const {
  const std::vector<float>& sum = sums_[size_t(channel)];
  std::vector<float> image(sum.size()), square(sum.size());
  for (size_t i = 0; i < image.size(); ++i)
    image[i] = sum[i] / float(frames_), square[i] = image[i] * image[i];
  const std::vector<float> variance = box_mean(square, width_, height_, kVarianceRadius);
  for (size_t i = 0; i < image.size(); ++i) image[i] /= std::max(0.f, variance[i]) + kLeastVariance;
  return image;
}

std::vector<WatermarkDetector::Spectrum> WatermarkDetector::spectra() const {
  if (frames_ == 0) fail("cannot look for a watermark: no frames");
  const std::vector<float> images[kChannels] = {weighted(kLuma), weighted(kBlue)};
  std::vector<Spectrum> all;
  for (int i = 0; i < kScales; ++i) {
    const double scale = 1 - i * kScaleStep;
    const Waves across(scale, width_, kTileWidth);
    const std::vector<Complex> rows[kChannels] = {along_rows(images[kLuma], width_, height_, across),
                                                  along_rows(images[kBlue], width_, height_, across)};
    for (int a = 0; a < kAspects; ++a) {
      Spectrum s{scale, scale + kScaleStep * (a == 0 ? 0 : a == 1 ? 1 : -1), 0, 0, {}, {}};
      s.places_x = places_along((1 - s.scale_x) * kWidth);
      s.places_y = places_along((1 / kLeastScale - 1) * s.scale_y * height_);
      const Waves waves(s.scale_y, height_, kTileHeight);
      for (const Coefficient& k : coefficients()) {
        const Complex value = down_column(&rows[k.channel][size_t(k.kx * height_)], waves, k.ky);
        s.real.push_back(value.re), s.imaginary.push_back(value.im);
      }
      whiten(s);
      all.push_back(std::move(s));
    }
  }
  static_assert(kLeastScale == 1 - (kScales - 1) * kScaleStep);
  return all;
}

WatermarkReading WatermarkDetector::read(const std::vector<Spectrum>& spectra, WatermarkKey key) {
  const Layout layout(key);
  WatermarkReading reading;
  std::vector<Candidate> candidates;
  std::vector<std::vector<Complex>> known;
  for (size_t i = 0; i < spectra.size(); ++i) {
    known.push_back(known_part(spectra[i], layout));
    candidates.push_back(best_place(known[i], spectra[i], int(i)));
    reading.searched += spectra[i].places_x * spectra[i].places_y;
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.sync > b.sync; });
  candidates.resize(std::min<size_t>(candidates.size(), kMostDecoded - 2));
  for (Candidate& c : candidates) refine(known[size_t(c.spectrum)], c);
  // As it is first: after strong compression a few known chips point a pixel away from where most pictures still are.
  const Candidate origin{sync_at(known[0], 0, 0), 0, 0, 0};
  Candidate near_origin = origin;
  refine(known[0], near_origin);
  candidates.insert(candidates.begin(), {origin, near_origin});
  for (const Candidate& c : candidates) {
    const Spectrum& s = spectra[size_t(c.spectrum)];
    bool found = false;
    for (int profile = 0; profile < kProfiles && !found; ++profile) found = decode(s, layout, c, profile, reading);
    if (!found && c.sync <= reading.sync) continue;
    reading.sync = c.sync;
    reading.scale_x = s.scale_x, reading.scale_y = s.scale_y, reading.shift_x = double(c.u) / kFine,
    reading.shift_y = double(c.v) / kFine;
    if (found) break;
  }
  reading.false_positive_bound = kMostDecoded * kProfiles * std::exp2(-16 - kCrcBits);
  return reading;
}

WatermarkReading WatermarkDetector::read(WatermarkKey key) const { return read(spectra(), key); }

}  // namespace orrery
