#include "physics_eval/detect.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "physics_eval/components.h"
#include "physics_eval/outline.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kSmallestOpened = 9;  // px: smaller regions do not outlive the opening by 3x3 that follows

float luma(const uint8_t* p) { return 0.2126f * p[0] + 0.7152f * p[1] + 0.0722f * p[2]; }

// Ratio of brightness to the background's; +4 levels keep black backgrounds finite. Only within two pixels of
// the mask (box-sized), 1 elsewhere. CV_32F.
cv::Mat brightness_ratio(const cv::Mat& image, const cv::Mat& plate, const cv::Mat& mask,
                         const cv::Rect& box) {
  cv::Mat ratio(box.size(), CV_32F, cv::Scalar(1)), near;
  cv::dilate(mask, near, cv::Mat::ones(5, 5, CV_8U));
  for (int y = 0; y < box.height; ++y) {
    const uint8_t* f = image.ptr<uint8_t>(box.y + y) + 3 * box.x;
    const uint8_t* b = plate.ptr<uint8_t>(box.y + y) + 3 * box.x;
    float* r = ratio.ptr<float>(y);
    const uint8_t* m = near.ptr<uint8_t>(y);
    for (int x = 0; x < box.width; ++x)
      if (m[x]) r[x] = (luma(f + 3 * x) + 4) / (luma(b + 3 * x) + 4);
  }
  return ratio;
}

// Pixels of the mask (box-sized) that are darker, of the same chromaticity, and without an edge through them.
cv::Mat shadow_candidates(const cv::Mat& image, const cv::Mat& plate, const cv::Mat& mask,
                          const cv::Rect& box) {
  constexpr float kSlope = float(kShadowSlope.value);
  const cv::Mat sharp = brightness_ratio(image, plate, mask, box);
  cv::Mat ratio, out = cv::Mat::zeros(box.size(), CV_8U);
  cv::blur(sharp, ratio, {3, 3});
  for (int y = 0; y < box.height; ++y) {
    const uint8_t* f = image.ptr<uint8_t>(box.y + y) + 3 * box.x;
    const uint8_t* b = plate.ptr<uint8_t>(box.y + y) + 3 * box.x;
    const float* above = ratio.ptr<float>(std::max(y - 1, 0));
    const float* row = ratio.ptr<float>(y);
    const float* below = ratio.ptr<float>(std::min(y + 1, box.height - 1));
    const uint8_t* m = mask.ptr<uint8_t>(y);
    for (int x = 0; x < box.width; ++x) {
      const float r = row[x];
      if (!m[x] || r >= 1.02f || r < float(kShadowDarkest.value)) continue;
      const float own = sharp.at<float>(y, x);  // on a slope the mean is another shade
      float chroma = 0;
      for (int c = 0; c < 3; ++c) chroma = std::max(chroma, std::abs(f[3 * x + c] - own * b[3 * x + c]));
      const float gx = 0.5f * (row[std::min(x + 1, box.width - 1)] - row[std::max(x - 1, 0)]);
      const float gy = 0.5f * (below[x] - above[x]);
      if (chroma < kShadowChroma.value && gx * gx + gy * gy < kSlope * kSlope) out.at<uint8_t>(y, x) = 255;
    }
  }
  return out;
}

// Flood from outside the mask through `passable` pixels, clearing the mask.
void flood_from_outside(const cv::Mat& passable, cv::Mat mask) {
  std::vector<cv::Point> queue;
  const auto open = [&](int x, int y) { return mask.at<uint8_t>(y, x) && passable.at<uint8_t>(y, x); };
  const auto outside = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < mask.cols && y < mask.rows && !mask.at<uint8_t>(y, x);
  };
  for (int y = 0; y < mask.rows; ++y) {
    const uint8_t *m = mask.ptr<uint8_t>(y), *p = passable.ptr<uint8_t>(y);
    for (int x = 0; x < mask.cols; ++x)
      if (m[x] && p[x] && (outside(x - 1, y) || outside(x + 1, y) || outside(x, y - 1) || outside(x, y + 1)))
        queue.push_back({x, y});
  }
  for (const cv::Point& p : queue) mask.at<uint8_t>(p) = 0;
  static constexpr int kSteps[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
  for (size_t i = 0; i < queue.size(); ++i)
    for (const auto& step : kSteps) {
      const int x = queue[i].x + step[0], y = queue[i].y + step[1];
      if (x < 0 || y < 0 || x >= mask.cols || y >= mask.rows || !open(x, y)) continue;
      mask.at<uint8_t>(y, x) = 0;
      queue.push_back({x, y});
    }
}

// Morphological opening by a disc of radius r, from two distance transforms: the time does not grow with r.
// `distance`: of the mask's pixels to its outside.
cv::Mat opened_by_disc(const cv::Mat& distance, int r) {
  cv::Mat outside, reach;
  cv::compare(distance, r, outside, cv::CMP_LE);  // 0 where the disc fits
  cv::distanceTransform(outside, reach, cv::DIST_L2, 5);
  return reach <= r;
}

// Opens the region by a disc of a part of its largest inscribed circle; only where that removes a substantial
// part: the corners of a box stay. What is left falls into bodies that touch and crumbs; the bodies are
// returned.
std::vector<Detection> bodies_of(const cv::Mat& image, const cv::Mat& mask, const cv::Rect& box) {
  cv::Mat own, distance;
  cv::copyMakeBorder(mask(box), own, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::distanceTransform(own, distance, cv::DIST_L2, 5);
  double radius = 0;
  cv::minMaxLoc(distance, nullptr, &radius);
  const int r = int(kAppendage.value * radius), area = cv::countNonZero(own);
  // About as compact as a square: nothing hangs on it.
  if (r < 1 || area < 1.4 * CV_PI * radius * radius) return {measure(image, mask, box)};
  const cv::Mat opened = opened_by_disc(distance, r);
  if (cv::countNonZero(opened) > 0.93 * area) return {measure(image, mask, box)};
  const Components parts(opened);
  const double least = std::max(0.3 * parts.largest_area(), kMinArea.value);
  std::vector<Detection> bodies;
  for (const Component& part : parts.all()) {
    if (part.area < least) continue;
    const cv::Point shift = box.tl() - cv::Point(1, 1);  // of the border
    cv::Mat body = cv::Mat::zeros(mask.size(), CV_8U);
    paint(part, body, 255, -shift);
    bodies.push_back(measure(image, body, part.box + shift));
  }
  return bodies;
}

// The mask reaches to where the least contrast is left, so farther out on the side that stands out more, and
// its centroid leans there: by half a pixel between a wall and a floor. The two outermost pixels count by how
// much of them the body covers: their contrast over the largest within two pixels.
void weigh_edge(const cv::Mat& diff, Detection& body) {
  cv::Mat padded, inside, contrast = cv::Mat::zeros(body.box.size(), CV_8U), most;
  cv::copyMakeBorder(body.mask, padded, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::erode(padded, inside, cv::Mat::ones(5, 5, CV_8U), {-1, -1}, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  diff(body.box).copyTo(contrast, body.mask);
  cv::dilate(contrast, most, cv::Mat::ones(5, 5, CV_8U));
  double weights = 0, sx = 0, sy = 0;
  for (int y = 0; y < body.box.height; ++y)
    for (int x = 0; x < body.box.width; ++x) {
      if (!body.mask.at<uint8_t>(y, x)) continue;
      const bool edge = !inside.at<uint8_t>(y + 1, x + 1) && most.at<uint8_t>(y, x);
      const double w = edge ? double(contrast.at<uint8_t>(y, x)) / most.at<uint8_t>(y, x) : 1;
      weights += w, sx += w * x, sy += w * y;
    }
  if (weights <= 0) return;
  body.x = body.box.x + sx / weights;
  body.y = body.box.y + sy / weights;
}

// Centroid of the body's strong part, holes filled: coding noise, halos and the last of a shadow pull that of
// the whole mask to their side. Only where one body of most of the mask is left.
void find_core(const cv::Mat& diff, Detection& body) {
  std::vector<uint8_t> values;
  for (int y = 0; y < body.box.height; ++y)
    for (int x = 0; x < body.box.width; ++x)
      if (body.mask.at<uint8_t>(y, x)) values.push_back(diff.at<uint8_t>(body.box.y + y, body.box.x + x));
  const double limit = kStrongPart.value * median(values);
  if (limit <= kContrastLow.value) return;
  cv::Mat core = (diff(body.box) > limit) & body.mask;
  cv::morphologyEx(core, core, cv::MORPH_OPEN, cv::Mat::ones(3, 3, CV_8U));
  const Components parts(core);
  if (!parts.largest()) return;
  core = mask_of(*parts.largest(), {{}, core.size()});
  fill_holes(core);
  const cv::Moments m = cv::moments(core, true);
  if (m.m00 < 0.75 * double(values.size())) return;
  body.core_x = body.box.x + m.m10 / m.m00;
  body.core_y = body.box.y + m.m01 / m.m00;
}

// Keeps the largest connected region and those at least a tenth of its size.
void drop_crumbs(cv::Mat& mask) {
  const Components parts(mask);
  const int most = parts.largest_area();
  for (const Component& part : parts.all())
    if (10 * part.area < most) paint(part, mask, 0);
}

// The convex hull of a mask's pixels, filled. The ends of its rows have the same hull.
cv::Mat filled_hull(const cv::Mat& mask) {
  std::vector<cv::Point> ends, hull;
  for (int y = 0; y < mask.rows; ++y) {
    const uint8_t *row = mask.ptr<uint8_t>(y), *end = row + mask.cols;
    const uint8_t* first = std::find_if(row, end, [](uint8_t v) { return v != 0; });
    if (first == end) continue;
    while (!end[-1]) --end;
    ends.push_back({int(first - row), y});
    ends.push_back({int(end - row) - 1, y});
  }
  cv::Mat filled = cv::Mat::zeros(mask.size(), CV_8U);
  if (ends.empty()) return filled;
  cv::convexHull(ends, hull);
  cv::fillConvexPoly(filled, hull, cv::Scalar(255));
  return filled;
}

// A dark body is flooded from its contact shadow; its outline stays. Where the convex hull of what is left of
// the region lies inside the region, the hull is the body.
void restore_flooded(const cv::Mat& before, cv::Mat& after) {
  const int area = cv::countNonZero(before), left_over = cv::countNonZero(after);
  if (area < kMinArea.value || left_over > 0.9 * area || left_over < 0.15 * area) return;
  cv::Mat left = after.clone();
  drop_crumbs(left);
  const int kept = cv::countNonZero(left);
  if (kept < 0.15 * area) return;
  const cv::Mat filled = filled_hull(left), inside = filled & before;
  const int full = cv::countNonZero(filled);
  if (kept < 0.85 * full && cv::countNonZero(inside) > 0.95 * full) after |= inside;
}

}  // namespace

// Region by region: together they span most of the picture, alone little of it.
void remove_shadows(const cv::Mat& image, const cv::Mat& plate, cv::Mat& mask) {
  const Components regions(mask);
  for (const Component& region : regions.all()) {
    if (region.area < kSmallestOpened) continue;
    const cv::Rect place = grown(region.box, 2, mask.size());
    const cv::Mat before = mask_of(region, place);
    cv::Mat after = before.clone();
    flood_from_outside(shadow_candidates(image, plate, before, place), after);
    restore_flooded(before, after);
    mask(place).setTo(0, before & ~after);
  }
}

Detection measure(const cv::Mat& image, const cv::Mat& mask, const cv::Rect& box) {
  Detection d;
  d.box = box;
  d.mask = mask(box).clone();
  double sx = 0, sy = 0, rgb[3] = {};
  int n = 0;
  for (int y = 0; y < box.height; ++y)
    for (int x = 0; x < box.width; ++x) {
      if (!d.mask.at<uint8_t>(y, x)) continue;
      const auto pixel = image.at<cv::Vec3b>(box.y + y, box.x + x);
      sx += x, sy += y, ++n;
      for (int c = 0; c < 3; ++c) rgb[c] += pixel[c];
    }
  d.area = n;
  const double inverse = n ? 1.0 / n : 0;
  d.x = box.x + sx * inverse;
  d.y = box.y + sy * inverse;
  d.core_x = d.x, d.core_y = d.y;
  for (int c = 0; c < 3; ++c) d.rgb[c] = float(rgb[c] * inverse);
  d.round = roundness(d.mask);
  d.clipped = box.x <= 0 || box.y <= 0 || box.x + box.width >= image.cols || box.y + box.height >= image.rows;
  return d;
}

bool FrameDetections::usable() const {
  return changed <= kMaxForeground.value && objects.size() <= size_t(kMaxRegions.value);
}

FrameDetections detect(const cv::Mat& image, const Background& background) {
  FrameDetections out;
  out.image = image;
  const cv::Mat diff = difference(image, background);
  out.mask = foreground(diff, background);
  out.changed = double(cv::countNonZero(out.mask)) / double(out.mask.total());
  if (out.changed <= 0 || out.changed > kMaxForeground.value) return out;
  const cv::Rect box = grown(cv::boundingRect(out.mask), 4, image.size());
  remove_shadows(image, background.plate, out.mask);
  cv::Mat inside = out.mask(box);
  cv::morphologyEx(inside, inside, cv::MORPH_OPEN, cv::Mat::ones(3, 3, CV_8U));
  cv::morphologyEx(inside, inside, cv::MORPH_CLOSE, cv::Mat::ones(3, 3, CV_8U));
  fill_holes(inside);  // a highlight of the wall's colour belongs to the body
  const Components regions(inside);
  cv::Mat own = cv::Mat::zeros(image.size(), CV_8U);
  for (const Component& region : regions.all()) {
    if (region.area < kMinArea.value) continue;
    paint(region, own, 255, -box.tl());
    for (Detection& body : bodies_of(image, own, region.box + box.tl())) {
      weigh_edge(diff, body);
      find_core(diff, body);
      out.objects.push_back(std::move(body));
    }
    paint(region, own, 0, -box.tl());
  }
  return out;
}

}  // namespace orrery::physics_eval
