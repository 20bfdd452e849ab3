#include "physics_eval/outline.h"

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "physics_eval/components.h"

namespace orrery::physics_eval {
namespace {

std::vector<cv::Point> outline_of(const cv::Mat& mask) {
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(mask, contours, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  size_t largest = 0;
  for (size_t i = 1; i < contours.size(); ++i)
    if (contours[i].size() > contours[largest].size()) largest = i;
  return contours.empty() ? std::vector<cv::Point>{} : contours[largest];
}

// Pixels are squares: an outline through their centres is half a pixel too small all around.
double solidity(const cv::Mat& region, int area) {
  std::vector<cv::Point> hull;
  const auto outline = outline_of(region);
  if (outline.size() < 3) return 1;
  cv::convexHull(outline, hull);
  const double full = cv::contourArea(hull) + 0.5 * cv::arcLength(hull, true) + 1;
  return area / full;
}

struct Disc {
  cv::Point2f center;
  double radius;
};

// Largest inscribed discs, greedily: the next one where the distance to the outline is largest outside the ones before.
std::vector<Disc> inscribed_discs(const cv::Mat& region) {
  cv::Mat padded, distance;
  cv::copyMakeBorder(region, padded, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::distanceTransform(padded, distance, cv::DIST_L2, 5);
  distance = distance(cv::Rect(1, 1, region.cols, region.rows)).clone();
  std::vector<Disc> discs;
  for (int k = 0; k < 6; ++k) {
    double radius = 0;
    cv::Point at;
    cv::minMaxLoc(distance, nullptr, &radius, nullptr, &at);
    if (radius < 3.5 || (!discs.empty() && radius < 0.3 * discs[0].radius)) break;
    discs.push_back({at, radius});
    cv::circle(distance, at, int(1.25 * radius + 1), cv::Scalar(0), cv::FILLED);
  }
  return discs;
}

// Each pixel to the disc that it is nearest to in units of... the disc's own outline: distance minus radius.
std::vector<cv::Mat> cut(const cv::Mat& region, const std::vector<Disc>& discs) {
  std::vector<cv::Mat> pieces(discs.size());
  for (cv::Mat& piece : pieces) piece = cv::Mat::zeros(region.size(), CV_8U);
  for (int y = 0; y < region.rows; ++y)
    for (int x = 0; x < region.cols; ++x) {
      if (!region.at<uint8_t>(y, x)) continue;
      size_t best = 0;
      double least = 1e30;
      for (size_t k = 0; k < discs.size(); ++k) {
        const double d = std::hypot(x - discs[k].center.x, y - discs[k].center.y) - discs[k].radius;
        if (d < least) least = d, best = k;
      }
      pieces[best].at<uint8_t>(y, x) = 255;
    }
  return pieces;
}

}  // namespace

void fill_holes(cv::Mat mask) {
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(mask, contours, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  cv::drawContours(mask, contours, -1, cv::Scalar(255), cv::FILLED);
}

double elongation(const cv::Mat& mask) {
  std::vector<cv::Point> points;
  cv::findNonZero(mask, points);
  if (points.empty()) return 1;
  const cv::RotatedRect rect = cv::minAreaRect(points);
  const double w = rect.size.width + 1, h = rect.size.height + 1;
  return std::max(w, h) / std::min(w, h);
}

bool fill_if_compact(cv::Mat& mask, double least) {
  std::vector<cv::Point> points, hull;
  cv::findNonZero(mask, points);
  if (points.size() < 8) return false;
  if (elongation(mask) > 1.25) return false;
  cv::convexHull(points, hull);
  cv::Mat filled = cv::Mat::zeros(mask.size(), CV_8U);
  cv::fillConvexPoly(filled, hull, cv::Scalar(255));
  if (double(points.size()) < least * cv::countNonZero(filled)) return false;
  mask = filled;
  return true;
}

double roundness(const cv::Mat& mask) {
  const auto outline = outline_of(mask);
  if (outline.size() < 3) return 0;
  std::vector<cv::Point> hull;  // has the same enclosing circle and a tenth of the points
  cv::convexHull(outline, hull);
  cv::Point2f center;
  float radius = 0;
  cv::minEnclosingCircle(hull, center, radius);
  return cv::countNonZero(mask) / (CV_PI * (radius + 0.5) * (radius + 0.5));
}

ShapeVote name_shape(const cv::Mat& mask) {
  std::vector<cv::Point> points, hull;
  cv::findNonZero(mask, points);
  if (points.size() < 12) return {Shape::kBall, 0};
  cv::convexHull(points, hull);
  // Balls and boxes are convex; the half pixel around the centres of the outline's pixels is added.
  const double area = cv::contourArea(hull) + 0.5 * cv::arcLength(hull, true) + 1;
  const cv::RotatedRect rect = cv::minAreaRect(hull);
  const double in_rect = area / ((rect.size.width + 1.0) * (rect.size.height + 1.0));
  cv::Point2f center;
  float radius = 0;
  cv::minEnclosingCircle(hull, center, radius);
  const double in_circle = area / (CV_PI * (radius + 0.5) * (radius + 0.5));
  // 0 at the disc's values, 1 at the square's.
  const double boxness = 0.5 * (in_rect - 0.80) / (0.98 - 0.80) + 0.5 * (0.97 - in_circle) / (0.97 - 0.66);
  return {boxness > 0.5 ? Shape::kBox : Shape::kBall, std::min(1.0, std::abs(boxness - 0.5) * 2)};
}

std::vector<cv::Mat> convex_pieces(const cv::Mat& mask, int min_area) {
  const Components components(mask);
  std::vector<cv::Mat> out;
  for (const Component& component : components.all()) {
    if (component.area < min_area) continue;
    const cv::Mat region = mask_of(component, {{}, mask.size()});
    const std::vector<Disc> discs = solidity(region, component.area) < 0.92 ? inscribed_discs(region) : std::vector<Disc>{};
    if (discs.size() < 2) {
      out.push_back(region);
      continue;
    }
    for (cv::Mat& piece : cut(region, discs))
      if (cv::countNonZero(piece) >= min_area) out.push_back(piece);
  }
  return out;
}

}  // namespace orrery::physics_eval
