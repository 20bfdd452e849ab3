#include "physics_eval/image.h"

#include <cmath>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "physics_eval/statistics.h"

namespace orrery::physics_eval {

void use_one_thread() {
  if (cv::getNumThreads() != 1) cv::setNumThreads(1);
}

cv::Mat reduced(const Frame& frame, int max_width, double& factor) {
  ORRERY_ASSERT(frame.width > 0 && frame.height > 0);
  const cv::Mat view(frame.height, frame.width, CV_8UC3, const_cast<uint8_t*>(frame.rgb.data()));
  if (frame.width <= max_width) {
    factor = 1;
    return view.clone();
  }
  // A whole factor keeps INTER_AREA on its fast path and pixels equal; the rest of the row is dropped.
  const int k = (frame.width + max_width - 1) / max_width;
  const cv::Size size(frame.width / k, std::max(1, frame.height / k));
  const cv::Rect used(0, 0, size.width * k, std::min(frame.height, size.height * k));
  cv::Mat small;
  cv::resize(view(used), small, size, 0, 0, cv::INTER_AREA);
  factor = k;
  return small;
}

std::array<double, 3> gain_against(const cv::Mat& image, const cv::Mat& reference) {
  const int step_x = std::max(1, image.cols / 40), step_y = std::max(1, image.rows / 24);
  std::array<std::vector<float>, 3> ratios;
  for (int y = step_y / 2; y < image.rows; y += step_y)
    for (int x = step_x / 2; x < image.cols; x += step_x) {
      const auto a = image.at<cv::Vec3b>(y, x), b = reference.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c)
        if (a[c] > 20 && b[c] > 20 && a[c] < 250 && b[c] < 250)
          ratios[c].push_back(float(a[c]) / float(b[c]));
    }
  std::array<double, 3> gain{1, 1, 1};
  for (int c = 0; c < 3; ++c)
    if (ratios[c].size() >= 30) gain[c] = median(ratios[c]);
  return gain;
}

void divide_by_gain(cv::Mat& image, const std::array<double, 3>& gain) {
  // Under one level at mid grey: rounding would add more than it removes.
  if (std::abs(gain[0] - 1) < 0.008 && std::abs(gain[1] - 1) < 0.008 && std::abs(gain[2] - 1) < 0.008) return;
  cv::Mat table(1, 256, CV_8UC3);
  for (int i = 0; i < 256; ++i)
    for (int c = 0; c < 3; ++c) table.at<cv::Vec3b>(0, i)[c] = cv::saturate_cast<uint8_t>(i / gain[c]);
  cv::LUT(image, table, image);
}

cv::Mat gray_of(const cv::Mat& rgb) {
  cv::Mat gray;
  cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
  return gray;
}

cv::Mat largest_channel_difference(const cv::Mat& a, const cv::Mat& b) {
  cv::Mat difference, channels[3], out;
  cv::absdiff(a, b, difference);
  cv::split(difference, channels);
  cv::max(channels[0], channels[1], out);
  cv::max(out, channels[2], out);
  return out;
}

}  // namespace orrery::physics_eval
