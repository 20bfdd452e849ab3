#include "physics_eval/overlay.h"

#include <algorithm>
#include <cstdlib>
#include <opencv2/imgproc.hpp>

namespace orrery::physics_eval {

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
    if (now)
      cv::circle(image, path.back(), int(0.25 * (now->width + now->height) * scale) + 3, color, thickness,
                 cv::LINE_AA);
  }
  const bool broken = std::any_of(e.violations.begin(), e.violations.end(),
                                  [&](const Violation& v) { return std::abs(v.frame - index) <= 3; });
  if (broken)
    cv::rectangle(image, cv::Rect(0, 0, frame.width, frame.height), cv::Scalar(200, 30, 30), 4 * thickness);
}

}  // namespace orrery::physics_eval
