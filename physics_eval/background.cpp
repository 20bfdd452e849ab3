#include "physics_eval/background.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "physics_eval/statistics.h"
#include "physics_eval/still_objects.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kBlock = 2048;  // bytes sorted at a time: n rows of a block stay in the first-level caches

// Odd-even transposition sort of n bytes in each of `count` lanes, rows[i][lane]: branch-free, so that the
// compiler makes it min/max on vectors. 61,440 pixels x 3 channels x 31 samples take about 6 ms.
void sort_lanes(std::vector<std::vector<uint8_t>>& rows, int count) {
  const int n = int(rows.size());
  for (int pass = 0; pass < n; ++pass)
    for (int i = pass & 1; i + 1 < n; i += 2) {
      uint8_t* a = rows[i].data();
      uint8_t* b = rows[i + 1].data();
      for (int k = 0; k < count; ++k) {
        const uint8_t low = std::min(a[k], b[k]), high = std::max(a[k], b[k]);
        a[k] = low;
        b[k] = high;
      }
    }
}

// The q-quantile over samples of every byte; all continuous and of one size.
cv::Mat quantile_image(const std::vector<cv::Mat>& samples, double q) {
  cv::Mat out(samples[0].size(), samples[0].type());
  const size_t total = out.total() * out.elemSize();
  std::vector<std::vector<uint8_t>> rows(samples.size(), std::vector<uint8_t>(kBlock));
  const size_t pick = size_t(q * double(samples.size() - 1) + 0.5);
  for (size_t start = 0; start < total; start += kBlock) {
    const int count = int(std::min<size_t>(kBlock, total - start));
    for (size_t i = 0; i < samples.size(); ++i) std::copy_n(samples[i].data + start, count, rows[i].data());
    sort_lanes(rows, count);
    std::copy_n(rows[pick].data(), count, out.data + start);
  }
  return out;
}

cv::Mat largest_channel_difference(const cv::Mat& a, const cv::Mat& b) {
  cv::Mat out(a.size(), CV_8U);
  const uint8_t *p = a.data, *q = b.data;
  uint8_t* o = out.data;
  const size_t n = out.total();
  for (size_t i = 0; i < n; ++i) {
    int d = 0;
    for (int c = 0; c < 3; ++c) d = std::max(d, std::abs(int(p[3 * i + c]) - int(q[3 * i + c])));
    o[i] = uint8_t(d);
  }
  return out;
}

cv::Mat noise_of(const std::vector<cv::Mat>& samples, const cv::Mat& plate) {
  std::vector<cv::Mat> deviations;
  for (const cv::Mat& sample : samples) deviations.push_back(largest_channel_difference(sample, plate));
  // A low quantile, doubled: the middle one where things move is their contrast. Capped by what the rest of the
  // picture shows, for places that something covers most of the time.
  cv::Mat noise = quantile_image(deviations, 0.35) * 2;
  cv::blur(noise, noise, {7, 7});
  std::vector<uint8_t> sparse;
  for (size_t i = 0; i < noise.total(); i += 7) sparse.push_back(noise.data[i]);
  cv::min(noise, std::max(6.0, 2.0 * quantile(sparse, 0.75)), noise);
  return noise;
}

// Sum of neighbour differences (all channels) over the band, a measure of how much of an outline is there.
double edge_energy(const cv::Mat& image, const cv::Mat& band, const cv::Rect& box) {
  double sum = 0;
  for (int y = 0; y < box.height; ++y) {
    const uint8_t* row = image.ptr<uint8_t>(box.y + y);
    const uint8_t* below = image.ptr<uint8_t>(std::min(box.y + y + 1, image.rows - 1));
    for (int x = 0; x < box.width; ++x) {
      if (!band.at<uint8_t>(y, x)) continue;
      const int here = 3 * (box.x + x), right = 3 * std::min(box.x + x + 1, image.cols - 1);
      for (int c = 0; c < 3; ++c)
        sum += std::abs(int(row[right + c]) - int(row[here + c])) + std::abs(int(below[here + c]) - int(row[here + c]));
    }
  }
  return sum;
}

struct Votes {
  cv::Mat ghost, object;  // CV_32S: bit s: sample s says so
};

// For each region in which sample s differs from the plate: whose outline is it?
void vote(const cv::Mat& sample, int s, const Background& background, Votes& votes) {
  const cv::Mat mask = foreground(difference(sample, background), background);
  cv::Mat labels, stats, centroids;
  const int n = cv::connectedComponentsWithStats(mask, labels, stats, centroids, 8, CV_32S);
  const cv::Rect frame(0, 0, sample.cols, sample.rows);
  for (int label = 1; label < n; ++label) {
    if (stats.at<int>(label, cv::CC_STAT_AREA) < kMinArea.value) continue;
    cv::Rect box(stats.at<int>(label, 0), stats.at<int>(label, 1), stats.at<int>(label, 2), stats.at<int>(label, 3));
    box = cv::Rect(box.x - 3, box.y - 3, box.width + 6, box.height + 6) & frame;
    const cv::Mat own = labels(box) == label;
    cv::Mat grown, shrunk;
    cv::dilate(own, grown, cv::Mat::ones(5, 5, CV_8U));
    cv::erode(own, shrunk, cv::Mat::ones(3, 3, CV_8U));
    const cv::Mat band = grown & ~shrunk;
    const double in_sample = edge_energy(sample, band, box), in_plate = edge_energy(background.plate, band, box);
    if (in_plate > 1.3 * in_sample)
      cv::bitwise_or(votes.ghost(box), cv::Scalar(1 << s), votes.ghost(box), grown);
    else if (in_sample > 1.3 * in_plate)
      cv::bitwise_or(votes.object(box), cv::Scalar(1 << s), votes.object(box), grown);
  }
}

// Median over the samples in `which`, per channel.
cv::Vec3b median_of(const std::vector<cv::Mat>& samples, uint32_t which, int y, int x) {
  std::array<std::array<uint8_t, 32>, 3> values;
  int n = 0;
  for (; which; which &= which - 1, ++n) {
    const auto pixel = samples[std::countr_zero(which)].at<cv::Vec3b>(y, x);
    for (int c = 0; c < 3; ++c) values[c][n] = pixel[c];
  }
  cv::Vec3b out;
  for (int c = 0; c < 3; ++c) {
    std::nth_element(values[c].begin(), values[c].begin() + n / 2, values[c].begin() + n);
    out[c] = values[c][n / 2];
  }
  return out;
}

Votes collect_votes(const std::vector<cv::Mat>& samples, const Background& background) {
  Votes votes{cv::Mat::zeros(background.plate.size(), CV_32S), cv::Mat::zeros(background.plate.size(), CV_32S)};
  for (size_t s = 0; s < samples.size(); ++s) vote(samples[s], int(s), background, votes);
  return votes;
}

bool resolve_ghosts(const std::vector<cv::Mat>& samples, const Votes& votes, Background& background) {
  const int needed = samples.size() >= 12 ? 2 : 1;
  bool changed = false;
  for (int y = 0; y < background.plate.rows; ++y)
    for (int x = 0; x < background.plate.cols; ++x) {
      const uint32_t ghost = uint32_t(votes.ghost.at<int>(y, x)), object = uint32_t(votes.object.at<int>(y, x));
      if (std::popcount(ghost) < std::max(needed, std::popcount(object))) continue;
      background.plate.at<cv::Vec3b>(y, x) = median_of(samples, ghost, y, x);
      changed = true;
    }
  return changed;
}

// Mean colour of what the samples show at the pixels of `where` for which they voted, and how many pixels that were.
std::array<float, 3> voted_color(const std::vector<cv::Mat>& samples, const cv::Mat& votes, const cv::Mat& where, int& count) {
  std::array<float, 3> sum{};
  count = 0;
  for (int y = 0; y < where.rows; ++y)
    for (int x = 0; x < where.cols; ++x) {
      const uint32_t which = uint32_t(votes.at<int>(y, x));
      if (!where.at<uint8_t>(y, x) || !which) continue;
      const auto pixel = samples[std::countr_zero(which)].at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) sum[c] += pixel[c];
      ++count;
    }
  for (float& v : sum) v /= float(std::max(1, count));
  return sum;
}

// A thing that moves by less than its own size never uncovers its middle: the plate keeps that. Where a compact thing
// in the plate touches what changed and has its colour, the row's backdrop takes its place.
void erase_resting_cores(const std::vector<cv::Mat>& samples, const Votes& votes, Background& background) {
  if (cv::countNonZero(votes.object) == 0) return;
  const cv::Mat backdrop = row_backdrop(background.plate);
  for (const cv::Mat& piece : still_pieces(background.plate, backdrop)) {
    if (cv::countNonZero(piece) > 0.05 * double(piece.total())) continue;
    cv::Mat grown;
    cv::dilate(piece, grown, cv::Mat::ones(7, 7, CV_8U));
    int count = 0;
    const auto moving = voted_color(samples, votes.object, grown, count);
    const cv::Scalar still = cv::mean(background.plate, piece);
    double distance = 0;
    for (int c = 0; c < 3; ++c) distance += (moving[c] - still[c]) * (moving[c] - still[c]);
    if (count >= kMinArea.value && distance < 60 * 60) backdrop.copyTo(background.plate, grown);
  }
}

}  // namespace

Background estimate_background(std::vector<cv::Mat> samples, const Background* previous) {
  ORRERY_ASSERT(!samples.empty() && samples.size() <= size_t(kMaxBackgroundSamples));
  Background background;
  background.plate = quantile_image(samples, 0.5);
  background.noise = noise_of(samples, background.plate);
  if (previous && samples.size() < size_t(kMaxBackgroundSamples)) samples.push_back(previous->plate);
  Votes votes;
  for (int pass = 0; pass < 2; ++pass) {
    votes = collect_votes(samples, background);
    if (!resolve_ghosts(samples, votes, background)) break;
  }
  erase_resting_cores(samples, votes, background);
  return background;
}

cv::Mat difference(const cv::Mat& image, const Background& background) {
  cv::Mat diff = largest_channel_difference(image, background.plate);
  cv::blur(diff, diff, {3, 3});
  return diff;
}

cv::Mat foreground(const cv::Mat& diff, const Background& background) {
  // The 3x3 mean divides independent noise by about two; the factors are in units of the raw noise.
  cv::Mat low, high, limit;
  cv::max(background.noise * (kNoiseFactorLow.value / 2), kContrastLow.value, limit);
  low = diff > limit;
  cv::max(background.noise * (kNoiseFactorHigh.value / 2), kContrastHigh.value, limit);
  high = diff > limit;
  if (cv::countNonZero(high) == 0) return cv::Mat::zeros(diff.size(), CV_8U);
  cv::Mat labels;
  const int n = cv::connectedComponents(low, labels, 8, CV_32S);
  std::vector<uint8_t> kept(n, 0);
  const int* label = labels.ptr<int>();
  const uint8_t* strong = high.ptr<uint8_t>();
  const size_t total = labels.total();
  for (size_t i = 0; i < total; ++i)
    if (strong[i]) kept[label[i]] = 255;
  kept[0] = 0;
  uint8_t* out = low.ptr<uint8_t>();
  for (size_t i = 0; i < total; ++i) out[i] = kept[label[i]];
  return low;
}

}  // namespace orrery::physics_eval
