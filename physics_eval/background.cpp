#include "physics_eval/background.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/parallel.h"
#include "core/scene.h"
#include "physics_eval/components.h"
#include "physics_eval/image.h"
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
  const size_t pick = size_t(q * double(samples.size() - 1) + 0.5);
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(8, int64_t(total) / kBlock));
  parallel_for(parts, [&](int64_t part) {
    std::vector<std::vector<uint8_t>> rows(samples.size(), std::vector<uint8_t>(kBlock));
    const size_t end = total * size_t(part + 1) / size_t(parts);
    for (size_t start = total * size_t(part) / size_t(parts); start < end; start += kBlock) {
      const int count = int(std::min<size_t>(kBlock, end - start));
      for (size_t i = 0; i < samples.size(); ++i) std::copy_n(samples[i].data + start, count, rows[i].data());
      sort_lanes(rows, count);
      std::copy_n(rows[pick].data(), count, out.data + start);
    }
  });
  return out;
}

cv::Mat noise_of(const std::vector<cv::Mat>& samples, const cv::Mat& plate) {
  std::vector<cv::Mat> deviations(samples.size());
  parallel_for(int64_t(samples.size()), [&](int64_t i) {
    deviations[size_t(i)] = largest_channel_difference(samples[size_t(i)], plate);
  });
  // A low quantile, doubled: the middle one where things move is their contrast. Capped by what the rest of
  // the picture shows, for places that something covers most of the time.
  cv::Mat noise = quantile_image(deviations, 0.35) * 2;
  cv::blur(noise, noise, {7, 7});
  std::vector<uint8_t> sparse;
  for (size_t i = 0; i < noise.total(); i += 7) sparse.push_back(noise.data[i]);
  cv::min(noise, std::max(6.0, 2.0 * quantile(sparse, 0.75)), noise);
  return noise;
}

// Is the difference above the limit anywhere in the run?
bool exceeds(const cv::Mat& diff, const cv::Mat& limit, const Span& run) {
  const uint8_t *d = diff.ptr<uint8_t>(run.y), *l = limit.ptr<uint8_t>(run.y);
  for (int x = run.first; x < run.end; ++x)
    if (d[x] > l[x]) return true;
  return false;
}

struct Votes {
  cv::Mat ghost, object, lit;  // CV_32S: bit s: sample s says so
};

// What one sample says: CV_8U in `box`.
struct Ballot {
  cv::Rect box;
  cv::Mat ghost, object, lit;
};

// Pixels of the mask that are reached from outside it without crossing an edge of the image, CV_8U. `step`:
// colour difference of neighbours that is an edge.
cv::Mat reached_from_outside(const cv::Mat& image, const cv::Mat& mask, int step) {
  static constexpr int kSteps[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
  cv::Mat reached = cv::Mat::zeros(mask.size(), CV_8U);
  std::vector<cv::Point> queue;
  const auto inside = [&](int x, int y) { return x >= 0 && y >= 0 && x < mask.cols && y < mask.rows; };
  const auto smooth = [&](int x, int y, int x2, int y2) {
    const uint8_t *a = image.ptr<uint8_t>(y) + 3 * x, *b = image.ptr<uint8_t>(y2) + 3 * x2;
    return std::abs(a[0] - b[0]) < step && std::abs(a[1] - b[1]) < step && std::abs(a[2] - b[2]) < step;
  };
  const auto enter = [&](int x, int y) {
    reached.at<uint8_t>(y, x) = 255;
    queue.push_back({x, y});
  };
  for (int y = 0; y < mask.rows; ++y) {
    const uint8_t* row = mask.ptr<uint8_t>(y);
    for (int x = 0; x < mask.cols; ++x) {
      if (!row[x]) continue;
      for (const auto& d : kSteps) {
        const int x2 = x + d[0], y2 = y + d[1];
        if (!inside(x2, y2) || mask.at<uint8_t>(y2, x2) || !smooth(x, y, x2, y2)) continue;
        enter(x, y);
        break;
      }
    }
  }
  for (size_t i = 0; i < queue.size(); ++i)
    for (const auto& d : kSteps) {
      const cv::Point p = queue[i];
      const int x = p.x + d[0], y = p.y + d[1];
      if (inside(x, y) && mask.at<uint8_t>(y, x) && !reached.at<uint8_t>(y, x) && smooth(p.x, p.y, x, y))
        enter(x, y);
    }
  return reached;
}

// Sum of the channels at least 3 % and 6 levels above.
cv::Mat lighter(const cv::Mat& a, const cv::Mat& b) {
  cv::Mat out(a.size(), CV_8U);
  for (int y = 0; y < a.rows; ++y)
    for (int x = 0; x < a.cols; ++x) {
      const auto p = a.at<cv::Vec3b>(y, x), q = b.at<cv::Vec3b>(y, x);
      const int above = p[0] + p[1] + p[2], below = q[0] + q[1] + q[2];
      out.at<uint8_t>(y, x) = above > below + 6 + below / 32 ? 255 : 0;
    }
  return out;
}

// Where sample s differs from the plate: which of the two shows a thing there? What continues the
// surroundings without an edge is background. In the plate alone: the sample shows an object. In the sample
// alone: the plate shows one that rested, a ghost. In both: a shadow, in the plate if the sample is lighter
// there.
Ballot vote(const cv::Mat& sample, const Background& background) {
  const cv::Mat mask = foreground(difference(sample, background), background);
  cv::Rect box = cv::boundingRect(mask);
  if (box.empty()) return {};
  box = grown(box, 3, sample.size());
  const int step = int(std::max(kEdgeStep.value, 1.5 * cv::mean(background.noise)[0]));
  const cv::Mat in_sample = reached_from_outside(sample(box), mask(box), step);
  const cv::Mat in_plate = reached_from_outside(background.plate(box), mask(box), step);
  const cv::Mat square = cv::Mat::ones(3, 3, CV_8U);
  const auto cleaned = [&](cv::Mat region) {
    cv::morphologyEx(region, region, cv::MORPH_OPEN, square);  // no crumbs
    cv::dilate(region, region, cv::Mat::ones(5, 5, CV_8U));    // the mixed pixels of the outline too
    return region;
  };
  return {box, cleaned(in_sample & ~in_plate), cleaned(in_plate & ~in_sample),
          cleaned(in_plate & in_sample & lighter(sample(box), background.plate(box)))};
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
  const auto none = [&] { return cv::Mat(cv::Mat::zeros(background.plate.size(), CV_32S)); };
  Votes votes{none(), none(), none()};
  std::vector<Ballot> ballots(samples.size());
  parallel_for_dynamic(int64_t(samples.size()),
                       [&](int64_t s) { ballots[size_t(s)] = vote(samples[size_t(s)], background); });
  for (size_t s = 0; s < samples.size(); ++s) {
    const Ballot& ballot = ballots[s];
    const auto add = [&](const cv::Mat& region, cv::Mat& to) {
      if (!ballot.box.empty()) cv::bitwise_or(to(ballot.box), cv::Scalar(1 << s), to(ballot.box), region);
    };
    add(ballot.ghost, votes.ghost), add(ballot.object, votes.object), add(ballot.lit, votes.lit);
  }
  return votes;
}

// Sum of neighbour differences over `where`: how many edges there are.
double edge_energy(const cv::Mat& image, const cv::Mat& where, const cv::Rect& box) {
  double sum = 0;
  for (int y = box.y; y < box.y + box.height; ++y) {
    const uint8_t *row = image.ptr<uint8_t>(y), *below = image.ptr<uint8_t>(std::min(y + 1, image.rows - 1));
    for (int x = box.x; x < box.x + box.width; ++x) {
      if (!where.at<uint8_t>(y - box.y, x - box.x)) continue;
      const int here = 3 * x, right = 3 * std::min(x + 1, image.cols - 1);
      for (int c = 0; c < 3; ++c)
        sum += std::abs(int(row[right + c]) - int(row[here + c])) +
               std::abs(int(below[here + c]) - int(row[here + c]));
    }
  }
  return sum;
}

// The plate with each region of `change` taken over from `candidate` where that makes the plate smoother: a
// clean plate has the fewest edges. Whether anything changed.
bool adopt_smoother(const cv::Mat& candidate, const cv::Mat& change, cv::Mat& plate) {
  const Components regions(change);
  bool changed = false;
  for (const Component& region : regions.all()) {
    const cv::Rect box = grown(region.box, 2, plate.size());
    const cv::Mat own = mask_of(region, box);
    cv::Mat around;
    cv::dilate(own, around, cv::Mat::ones(3, 3, CV_8U));
    if (edge_energy(candidate, around, box) > 0.9 * edge_energy(plate, around, box)) continue;
    candidate(box).copyTo(plate(box), own);
    changed = true;
  }
  return changed;
}

bool resolve_ghosts(const std::vector<cv::Mat>& samples, const Votes& votes, Background& background) {
  const int needed = samples.size() >= 12 ? 2 : 1;
  cv::Mat candidate = background.plate.clone(), change = cv::Mat::zeros(background.plate.size(), CV_8U);
  for (int y = 0; y < background.plate.rows; ++y)
    for (int x = 0; x < background.plate.cols; ++x) {
      const uint32_t ghost = uint32_t(votes.ghost.at<int>(y, x)),
                     object = uint32_t(votes.object.at<int>(y, x));
      const uint32_t lit = uint32_t(votes.lit.at<int>(y, x));
      const int enough = std::max(needed, std::popcount(object));
      const uint32_t clean = std::popcount(ghost) >= enough ? ghost : std::popcount(lit) >= enough ? lit : 0;
      if (!clean) continue;
      candidate.at<cv::Vec3b>(y, x) = median_of(samples, clean, y, x);
      change.at<uint8_t>(y, x) = 255;
    }
  return adopt_smoother(candidate, change, background.plate);
}

// In a room with a plain wall and floor the rows say what is bare: where the plate stands out from them, the
// samples that do not are taken instead.
void prefer_plain(const std::vector<cv::Mat>& samples, const cv::Mat& backdrop, const cv::Mat& out,
                  cv::Mat& plate) {
  for (int y = 0; y < plate.rows; ++y)
    for (int x = 0; x < plate.cols; ++x) {
      if (!out.at<uint8_t>(y, x)) continue;
      const auto bare = backdrop.at<cv::Vec3b>(y, x);
      uint32_t plain = 0;
      for (size_t s = 0; s < samples.size(); ++s) {
        const auto p = samples[s].at<cv::Vec3b>(y, x);
        const int d =
            std::max({std::abs(p[0] - bare[0]), std::abs(p[1] - bare[1]), std::abs(p[2] - bare[2])});
        if (d <= kPlainRoom.value) plain |= 1u << s;
      }
      if (plain) plate.at<cv::Vec3b>(y, x) = median_of(samples, plain, y, x);
    }
}

// What never moves far, or not at all, stays in the plate: a thing nudged by less than its own size never
// uncovers its middle. In a plain room things are known by sight; the row's backdrop takes their place, and
// they are followed as objects that rest.
void erase_things(const cv::Mat& backdrop, cv::Mat& plate) {
  const std::vector<cv::Mat> pieces = still_pieces(plate, backdrop);
  if (pieces.size() > size_t(kMaxObjects)) return;  // no plain room after all
  for (const cv::Mat& piece : pieces) {
    if (cv::countNonZero(piece) > 0.05 * double(piece.total())) continue;
    cv::Mat grown;
    cv::dilate(piece, grown, cv::Mat::ones(7, 7, CV_8U));
    backdrop.copyTo(plate, grown);
  }
}

}  // namespace

Background estimate_background(std::vector<cv::Mat> samples, const Background* previous) {
  ORRERY_ASSERT(!samples.empty() && samples.size() <= size_t(kMaxBackgroundSamples));
  Background background;
  background.plate = quantile_image(samples, 0.5);
  background.noise = noise_of(samples, background.plate);
  // The 3x3 mean divides independent noise by about two; the factors are in units of the raw noise.
  cv::max(background.noise * (kNoiseFactorLow.value / 2), kContrastLow.value, background.low);
  cv::max(background.noise * (kNoiseFactorHigh.value / 2), kContrastHigh.value, background.high);
  if (previous && samples.size() < size_t(kMaxBackgroundSamples)) samples.push_back(previous->plate);
  const cv::Mat backdrop = row_backdrop(background.plate);
  const cv::Mat out = largest_channel_difference(background.plate, backdrop) > kPlainRoom.value;
  const bool plain_room =
      cv::countNonZero(out) < 0.15 * double(out.total());  // twelve objects and a ramp cover less
  if (plain_room) prefer_plain(samples, backdrop, out, background.plate);
  for (int pass = 0; pass < 3; ++pass)
    if (!resolve_ghosts(samples, collect_votes(samples, background), background)) break;
  if (plain_room) erase_things(backdrop, background.plate);
  return background;
}

cv::Mat difference(const cv::Mat& image, const Background& background) {
  cv::Mat diff = largest_channel_difference(image, background.plate);
  cv::blur(diff, diff, {3, 3});
  return diff;
}

cv::Mat foreground(const cv::Mat& diff, const Background& background) {
  cv::Mat out = cv::Mat::zeros(diff.size(), CV_8U);
  const Components regions(diff > background.low);
  for (const Component& region : regions.all())
    if (std::ranges::any_of(region.runs, [&](const Span& r) { return exceeds(diff, background.high, r); }))
      paint(region, out, 255);
  return out;
}

}  // namespace orrery::physics_eval
