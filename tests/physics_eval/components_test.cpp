#include "physics_eval/components.h"

#include <gtest/gtest.h>

#include <map>
#include <opencv2/imgproc.hpp>

#include "core/rng.h"

namespace orrery::physics_eval {
namespace {

cv::Mat speckled(int rows, int columns, double share, uint64_t seed) {
  Rng rng(seed, 0);
  cv::Mat mask = cv::Mat::zeros(rows, columns, CV_8U);
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x) mask.at<uint8_t>(y, x) = rng.chance(share) ? 255 : 0;
  return mask;
}

// Every component is one of OpenCV's, pixel by pixel, and none is missing.
TEST(Components, AreThoseOfOpenCv) {
  for (const auto& [rows, columns, share] : {std::tuple{1, 1, 1.0}, {7, 9, 0.5}, {40, 61, 0.1}, {64, 64, 0.35}, {33, 130, 0.6}, {5, 8, 1.0}}) {
    const cv::Mat mask = speckled(rows, columns, share, uint64_t(rows));
    cv::Mat labels, stats, centroids;
    const int n = cv::connectedComponentsWithStats(mask, labels, stats, centroids, 8, CV_32S);
    const Components components(mask);
    ASSERT_EQ(int(components.all().size()), n - 1);
    std::map<int, int> seen;
    for (const Component& component : components.all()) {
      const int label = labels.at<int>(component.runs[0].y, component.runs[0].first);
      ++seen[label];
      EXPECT_EQ(component.area, stats.at<int>(label, cv::CC_STAT_AREA));
      EXPECT_EQ(component.box, cv::Rect(stats.at<int>(label, 0), stats.at<int>(label, 1), stats.at<int>(label, 2), stats.at<int>(label, 3)));
      EXPECT_EQ(cv::countNonZero(mask_of(component, {{}, mask.size()}) != (labels == label)), 0);
    }
    EXPECT_EQ(int(seen.size()), n - 1);
  }
}

TEST(Components, AreInReadingOrderAndCanBePaintedElsewhere) {
  cv::Mat mask = cv::Mat::zeros(12, 20, CV_8U);
  EXPECT_EQ(Components(mask).largest(), nullptr);
  mask(cv::Rect(15, 2, 2, 2)) = 255;
  mask(cv::Rect(1, 3, 4, 5)) = 255;
  mask.at<uint8_t>(8, 5) = 255;  // touches the corner of the second
  const Components components(mask);
  ASSERT_EQ(components.all().size(), 2u);
  EXPECT_EQ(components.all()[0].box, cv::Rect(15, 2, 2, 2));
  EXPECT_EQ(components.largest(), &components.all()[1]);
  EXPECT_EQ(components.all()[1].area, 21);
  cv::Mat small = cv::Mat::zeros(6, 5, CV_8U);
  paint(components.all()[1], small, 7, {1, 3});
  EXPECT_EQ(cv::countNonZero(small == 7), 21);
  EXPECT_EQ(small.at<uint8_t>(5, 4), 7);
  EXPECT_EQ(mask_of(components.all()[0]).size(), cv::Size(2, 2));
}

}  // namespace
}  // namespace orrery::physics_eval
