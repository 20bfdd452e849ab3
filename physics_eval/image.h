// Frames as the detector wants them: small, and with the light of the whole picture held constant.
#pragma once
#include <array>
#include <opencv2/core.hpp>

#include "core/frame.h"

namespace orrery::physics_eval {

// OpenCV would start a thread pool of its own beside OpenMP's, for pictures too small to gain from it.
void use_one_thread();

// CV_8UC3 RGB, at most `max_width` wide, averaged over areas; a copy. `factor` = original / reduced, both axes.
cv::Mat reduced(const Frame& frame, int max_width, double& factor);

// Per channel, the factor by which `image` is brighter than `reference`: median ratio over a grid of pixels, so
// that what moves does not count. Exposure and white balance of cameras and generators drift.
std::array<double, 3> gain_against(const cv::Mat& image, const cv::Mat& reference);
void divide_by_gain(cv::Mat& image, const std::array<double, 3>& gain);

cv::Mat gray_of(const cv::Mat& rgb);  // CV_8U

// CV_8U: per pixel, the largest of the three channels' differences. CV_8UC3 of one size.
cv::Mat largest_channel_difference(const cv::Mat& a, const cv::Mat& b);

}  // namespace orrery::physics_eval
