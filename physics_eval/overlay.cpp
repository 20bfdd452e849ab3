#include "physics_eval/overlay.h"

#include <algorithm>
#include <cstdlib>
#include <opencv2/imgproc.hpp>
#include <string>

namespace orrery::physics_eval {

namespace {

constexpr int kShown = 3;  // frames before and after a violation

void write(cv::Mat& image, const std::string& text, cv::Point at, const cv::Scalar& color, int thickness) {
  const double size = 0.4 * thickness;
  cv::putText(image, text, at, cv::FONT_HERSHEY_SIMPLEX, size, cv::Scalar(0, 0, 0), 3 * thickness,
              cv::LINE_AA);
  cv::putText(image, text, at, cv::FONT_HERSHEY_SIMPLEX, size, color, thickness, cv::LINE_AA);
}

// Around the object, with its number as in report and table.
void draw_ring(cv::Mat& image, const TrackPoint& p, int id, cv::Point at, const cv::Scalar& color,
               double scale) {
  const int thickness = std::max(1, image.cols / 320), radius = int(0.25 * (p.width + p.height) * scale) + 3;
  cv::circle(image, at, radius, color, thickness, cv::LINE_AA);
  write(image, std::to_string(id), at + cv::Point(radius, -radius / 2), color, thickness);
}

}  // namespace

void draw_overlay(const Evaluation& e, int index, Frame& frame) {
  static const cv::Scalar kColors[] = {{228, 87, 46},  {23, 190, 187}, {255, 201, 20},
                                       {118, 176, 65}, {155, 93, 229}, {241, 91, 181}};
  cv::Mat image(frame.height, frame.width, CV_8UC3, frame.rgb.data());
  const double scale = double(frame.width) / std::max(1, e.width);
  const int thickness = std::max(1, frame.width / 320);
  for (const Track& track : e.tracks) {
    std::vector<cv::Point> path;
    const TrackPoint* now = nullptr;
    for (const TrackPoint& p : track.points) {
      if (p.frame > index) break;
      path.emplace_back(int((p.x + 0.5) * scale), int((p.y + 0.5) * scale));
      if (p.frame == index) now = &p;
    }
    if (path.empty()) continue;
    const cv::Scalar color = kColors[track.id % 6];
    cv::polylines(image, path, false, color, thickness, cv::LINE_AA);
    if (now) draw_ring(image, *now, track.id, path.back(), color, scale);
  }
  std::string broken;
  for (const Violation& v : e.violations)
    if (std::abs(v.frame - index) <= kShown)
      broken += (broken.empty() ? "" : ", ") + v.kind + " (object " + std::to_string(v.track) + ")";
  if (broken.empty()) return;
  const cv::Scalar red(200, 30, 30);
  cv::rectangle(image, cv::Rect(0, 0, frame.width, frame.height), red, 4 * thickness);
  write(image, broken, {8 * thickness, 18 * thickness}, red, thickness);
}

}  // namespace orrery::physics_eval
