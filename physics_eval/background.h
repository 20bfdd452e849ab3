// The picture without what moves. Things that rest for a part of the clip belong to what moves.
#pragma once
#include <opencv2/core.hpp>
#include <vector>

namespace orrery::physics_eval {

inline constexpr int kMaxBackgroundSamples = 31;  // votes per pixel fit a 32-bit mask

struct Background {
  cv::Mat plate;      // CV_8UC3
  cv::Mat noise;      // CV_8U: typical deviation of a still pixel, levels of the largest channel
  cv::Mat low, high;  // CV_8U: differences above them are the foreground's, and its surest part
};

// Temporal median, then ghosts resolved: where the median shows a thing that rested (its outline is an edge
// of the median and not of the sample that differs), the samples without it take its place. samples: 1 to
// kMaxBackgroundSamples frames of one size, evenly over the window. `previous` (may be null): the plate of
// the window before, one more sample that is known to be clean.
Background estimate_background(std::vector<cv::Mat> samples, const Background* previous);

// CV_8U: largest channel difference, averaged over 3x3 pixels.
cv::Mat difference(const cv::Mat& image, const Background& background);

// CV_8U, 255 where the difference exceeds the low threshold in a region that somewhere exceeds the high one.
cv::Mat foreground(const cv::Mat& diff, const Background& background);

}  // namespace orrery::physics_eval
