#include "physics_eval/camera.h"

#include <algorithm>
#include <cmath>
#include <opencv2/calib3d.hpp>
#include <opencv2/features2d.hpp>
#include <opencv2/imgproc.hpp>

#include "core/parallel.h"
#include "physics_eval/image.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kFeatures = 500, kLeastInliers = 30,
              kProbe = 12;               // kProbe: frames looked at to see whether it moves at all
constexpr double kInlierDistance = 1.5;  // px

struct Corners {
  std::vector<cv::KeyPoint> points;
  cv::Mat descriptors;
};

Corners features_of(const cv::Mat& gray) {
  Corners out;
  cv::ORB::create(kFeatures, 1.2f, 4, 15, 0, 2, cv::ORB::HARRIS_SCORE, 31, 10)
      ->detectAndCompute(gray, cv::noArray(), out.points, out.descriptors);
  return out;
}

struct Mapping {
  cv::Mat h;  // image -> reference; empty: not found
  double shift = 0, residual = 0;
};

double corner_shift(const cv::Mat& h, cv::Size size) {
  const std::vector<cv::Point2f> corners{
      {0, 0}, {float(size.width), 0}, {0, float(size.height)}, {float(size.width), float(size.height)}};
  std::vector<cv::Point2f> moved;
  cv::perspectiveTransform(corners, moved, h);
  double out = 0;
  for (size_t i = 0; i < 4; ++i) out = std::max(out, double(cv::norm(moved[i] - corners[i])));
  return out;
}

// Inliers must be spread over the picture: one object's are not.
bool spread(const std::vector<cv::Point2f>& points, const cv::Mat& inlier, cv::Size size) {
  float x0 = 1e9f, x1 = 0, y0 = 1e9f, y1 = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    if (!inlier.at<uint8_t>(int(i))) continue;
    x0 = std::min(x0, points[i].x), x1 = std::max(x1, points[i].x);
    y0 = std::min(y0, points[i].y), y1 = std::max(y1, points[i].y);
  }
  return x1 - x0 > 0.4f * float(size.width) && y1 - y0 > 0.3f * float(size.height);
}

Mapping map_onto(const Corners& reference, const cv::Mat& image) {
  Mapping out;
  const Corners own = features_of(gray_of(image));
  if (int(own.points.size()) < kLeastInliers || int(reference.points.size()) < kLeastInliers) return out;
  std::vector<cv::DMatch> matches;
  cv::BFMatcher(cv::NORM_HAMMING, true).match(own.descriptors, reference.descriptors, matches);
  std::vector<cv::Point2f> from, to;
  for (const cv::DMatch& m : matches)
    from.push_back(own.points[m.queryIdx].pt), to.push_back(reference.points[m.trainIdx].pt);
  if (int(from.size()) < kLeastInliers) return out;
  cv::setRNGSeed(1);
  cv::Mat inlier;
  const cv::Mat h = cv::findHomography(from, to, cv::RANSAC, kInlierDistance, inlier);
  const int count = h.empty() ? 0 : cv::countNonZero(inlier);
  if (count < kLeastInliers || 3 * count < int(from.size()) || !spread(from, inlier, image.size()))
    return out;
  std::vector<cv::Point2f> mapped;
  cv::perspectiveTransform(from, mapped, h);
  std::vector<double> residuals;
  for (size_t i = 0; i < from.size(); ++i)
    if (inlier.at<uint8_t>(int(i))) residuals.push_back(cv::norm(mapped[i] - to[i]));
  out.h = h;
  out.shift = corner_shift(h, image.size());
  out.residual = median(residuals);
  return out;
}

cv::Mat mapped_image(const cv::Mat& image, const cv::Mat& h, const cv::Mat& reference) {
  cv::Mat out = reference.clone();
  cv::warpPerspective(image, out, h, image.size(), cv::INTER_LINEAR, cv::BORDER_TRANSPARENT);
  return out;
}

double unlike(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_L1) / double(a.total() * 3);
}

// Does the camera move? A few frames tell.
bool camera_moves(const Corners& features, const cv::Mat& reference, const std::vector<cv::Mat>& images) {
  const size_t step = std::max<size_t>(1, images.size() / kProbe), count = (images.size() + step - 1) / step;
  std::vector<uint8_t> known(count), shifted(count);
  parallel_for_dynamic(int64_t(count), [&](int64_t k) {
    const cv::Mat& image = images[size_t(k) * step];
    const Mapping m = map_onto(features, image);
    known[size_t(k)] = !m.h.empty();
    shifted[size_t(k)] = m.shift > kCameraShift.value && unlike(mapped_image(image, m.h, reference),
                                                                reference) < 0.8 * unlike(image, reference);
  });
  const auto seen = std::count(known.begin(), known.end(), 1),
             moved = std::count(shifted.begin(), shifted.end(), 1);
  return seen >= 3 && 4 * moved >= seen;
}

}  // namespace

CameraMotion steady(const cv::Mat& reference, std::vector<cv::Mat>& images) {
  CameraMotion out;
  if (images.size() < 6 || reference.cols < 64 || reference.rows < 64) return out;
  const Corners features = features_of(gray_of(reference));
  if (!camera_moves(features, reference, images)) return out;
  out.compensated = true;
  std::vector<double> residuals;
  cv::Mat last = cv::Mat::eye(3, 3, CV_64F);
  std::vector<Mapping> mappings(images.size());
  parallel_for_dynamic(int64_t(images.size()),
                       [&](int64_t i) { mappings[size_t(i)] = map_onto(features, images[size_t(i)]); });
  for (size_t i = 0; i < images.size(); ++i) {
    const Mapping& m = mappings[i];
    cv::Mat& image = images[i];
    if (!m.h.empty()) {
      last = m.h;  // a blurred frame is mapped as the one before
      out.largest = std::max(out.largest, m.shift);
      residuals.push_back(m.residual);
    }
    image = mapped_image(image, last, reference);
  }
  out.residual = median(residuals);
  return out;
}

}  // namespace orrery::physics_eval
