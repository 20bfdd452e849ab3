#include "codecs/gif_palette.h"

#include <algorithm>

namespace orrery {
namespace {

constexpr int kBits = 5, kBins = 1 << (3 * kBits);

// Sums over the pixels of a bin, and of a box of bins.
struct Moments {
  int64_t count = 0;
  std::array<int64_t, 3> sum{};
  std::array<int64_t, 3> square{};
  void add(const Moments& other) {
    count += other.count;
    for (int c = 0; c < 3; ++c) sum[c] += other.sum[c], square[c] += other.square[c];
  }
  double mean(int c) const { return double(sum[c]) / double(count); }
  double variance_total(int c) const { return double(square[c]) - double(sum[c]) * mean(c); }
};

// A run of bins in the sorted list.
struct Box {
  size_t begin = 0, end = 0;
  Moments moments;
  int axis = 0;         // of the largest variance
  double variance = 0;  // total along that axis
};

std::vector<Moments> filled_bins(std::span<const uint8_t> rgb) {
  std::vector<Moments> histogram(kBins);
  for (size_t i = 0; i + 2 < rgb.size(); i += 3) {
    constexpr int shift = 8 - kBits;
    Moments& bin =
        histogram[(rgb[i] >> shift) << (2 * kBits) | (rgb[i + 1] >> shift) << kBits | rgb[i + 2] >> shift];
    ++bin.count;
    for (int c = 0; c < 3; ++c) bin.sum[c] += rgb[i + c], bin.square[c] += int(rgb[i + c]) * rgb[i + c];
  }
  std::vector<Moments> bins;
  for (const Moments& moments : histogram)
    if (moments.count) bins.push_back(moments);
  return bins;
}

Box make_box(std::span<const Moments> bins, size_t begin, size_t end) {
  Box box{begin, end, {}, 0, -1};
  for (size_t i = begin; i < end; ++i) box.moments.add(bins[i]);
  for (int c = 0; c < 3; ++c) {
    const double variance = box.moments.variance_total(c);
    if (variance > box.variance) box.variance = variance, box.axis = c;
  }
  if (end - begin < 2) box.variance = -1;  // cannot be split
  return box;
}

// Splits at the mean of the longest axis; both halves hold at least one bin.
size_t split_point(std::span<Moments> bins, const Box& box) {
  const int axis = box.axis;
  std::sort(bins.begin() + box.begin, bins.begin() + box.end,
            [axis](const Moments& a, const Moments& b) { return a.mean(axis) < b.mean(axis); });
  const double mean = box.moments.mean(axis);
  size_t middle = box.begin + 1;
  while (middle + 1 < box.end && bins[middle].mean(axis) < mean) ++middle;
  return middle;
}

// (index + 0.5) / 64 - 0.5 of the 8x8 Bayer matrix, in [-0.5, 0.5).
double bayer(int x, int y) {
  int value = 0;
  for (int bit = 0; bit < 3; ++bit) {
    const int bx = x >> bit & 1, by = y >> bit & 1;
    value |= ((bx ^ by) << 1 | by) << (2 * (2 - bit));
  }
  return (value + 0.5) / 64 - 0.5;
}

constexpr int kDitherAmplitude =
    6;  // levels, peak to peak: about the spacing of 255 colours in these pictures

}  // namespace

GifPalette make_palette(std::span<const uint8_t> rgb) {
  std::vector<Moments> bins = filled_bins(rgb);
  std::vector<Box> boxes = {make_box(bins, 0, bins.size())};
  while (boxes.size() < kGifColors) {
    auto widest = std::max_element(boxes.begin(), boxes.end(),
                                   [](const Box& a, const Box& b) { return a.variance < b.variance; });
    if (widest->variance <= 0) break;
    const Box box = *widest;
    const size_t middle = split_point(bins, box);
    *widest = make_box(bins, box.begin, middle);
    boxes.push_back(make_box(bins, middle, box.end));
  }
  GifPalette palette;
  palette.fill(0xff000000u);
  for (size_t i = 0; i < boxes.size(); ++i)
    for (int c = 0; c < 3; ++c) palette[i] |= uint32_t(boxes[i].moments.mean(c) + 0.5) << (8 * (2 - c));
  palette[kGifColors] = 0x00000000u;
  return palette;
}

void GifQuantizer::adopt_palette(const Frame& frame) {
  palette_ = make_palette(frame.rgb);
  nearest_.assign(size_t(1) << 18, int16_t(-1));
}

int GifQuantizer::nearest(int r, int g, int b) {
  int16_t& slot = nearest_[size_t(r >> 2) << 12 | (g >> 2) << 6 | b >> 2];
  if (slot >= 0) return slot;
  r = (r & ~3) + 2, g = (g & ~3) + 2, b = (b & ~3) + 2;
  int best = 0, best_distance = 1 << 30;
  for (int i = 0; i < kGifColors; ++i) {
    const int dr = int(palette_[i] >> 16 & 255) - r, dg = int(palette_[i] >> 8 & 255) - g,
              db = int(palette_[i] & 255) - b;
    const int distance = dr * dr + dg * dg + db * db;
    if (distance < best_distance) best_distance = distance, best = i;
  }
  return slot = int16_t(best);
}

double GifQuantizer::map_frame(const Frame& frame, uint8_t* indices, int stride) {
  std::array<int, 64> offsets;
  for (int i = 0; i < 64; ++i) offsets[i] = int(kDitherAmplitude * bayer(i & 7, i >> 3));
  int64_t error = 0;
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x) {
      const uint8_t* p = frame.at(x, y);
      const uint32_t plain = palette_[nearest(p[0], p[1], p[2])];
      for (int c = 0; c < 3; ++c) {
        const int d = int(plain >> (8 * (2 - c)) & 255) - p[c];
        error += d * d;
      }
      const int offset = offsets[(y & 7) * 8 + (x & 7)];
      indices[size_t(y) * stride + x] =
          uint8_t(nearest(std::clamp(p[0] + offset, 0, 255), std::clamp(p[1] + offset, 0, 255),
                          std::clamp(p[2] + offset, 0, 255)));
    }
  }
  return double(error) / double(frame.rgb.size());
}

void GifQuantizer::quantize(const Frame& frame, uint8_t* indices, int stride) {
  if (birth_error_ >= 0 && map_frame(frame, indices, stride) <= 1.5 * birth_error_ + 0.5) return;
  adopt_palette(frame);
  birth_error_ = map_frame(frame, indices, stride);
}

}  // namespace orrery
