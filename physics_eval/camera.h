// A camera that moves: every frame is mapped onto one reference by the homography of what stands still.
#pragma once
#include <opencv2/core.hpp>
#include <vector>

namespace orrery::physics_eval {

struct CameraMotion {
  double largest = 0;   // px of the working image: how far a corner of the picture went
  double residual = 0;  // px: median distance of matched features after the mapping, over the frames
  bool compensated = false;
};

// `reference` and images: CV_8UC3 of one size. Where the camera moved, the images are replaced by what the
// reference camera would have seen; what it did not see is filled from the reference. Features: ORB (Rublee
// et al. 2011), homography by RANSAC. A mapping counts only if it makes the pictures more alike: a large
// object that moves across a bare wall also carries features.
CameraMotion steady(const cv::Mat& reference, std::vector<cv::Mat>& images);

}  // namespace orrery::physics_eval
