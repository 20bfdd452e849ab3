// Objects in one frame: what differs from the background, without its shadow.
#pragma once
#include <vector>

#include "physics_eval/background.h"
#include "physics_eval/types.h"

namespace orrery::physics_eval {

struct FrameDetections {
  std::vector<Detection> objects;  // working-resolution pixels
  cv::Mat image;                   // the frame, CV_8UC3
  cv::Mat mask;                    // CV_8U, 255 where an object is
  double changed = 0;              // share of the frame that differs
  bool usable() const;             // false: a cut or a moving camera, no evidence either way
};

FrameDetections detect(const cv::Mat& image, const Background& background);

// Clears from `mask` what is reached from outside through soft, merely darker pixels: a cast shadow has a penumbra,
// a body has an outline. (Rejected: thresholds on darkness alone, which also cut grey bodies on grey walls.)
void remove_shadows(const cv::Mat& image, const cv::Mat& plate, cv::Mat& mask);

// Centroid, area, colour and box of the mask's pixels inside `box`.
Detection measure(const cv::Mat& image, const cv::Mat& mask, const cv::Rect& box);

}  // namespace orrery::physics_eval
