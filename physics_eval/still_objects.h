// Things in a single picture, whether they move or not: what stands out from a backdrop that changes slowly along
// each row (a wall, a floor with a fine texture). A wooden wedge on the floor is part of the backdrop.
#pragma once
#include <opencv2/core.hpp>
#include <vector>

#include "core/scene.h"

namespace orrery::physics_eval {

struct StillObject {
  cv::Rect box;
  cv::Mat mask;               // CV_8U, box-sized
  double x = 0, y = 0, area = 0;
  Shape shape = Shape::kBall;
  double shape_confidence = 0;  // 0 to 1
  int color = 0;                // index into kColorNames
  double color_confidence = 0;
  bool clipped = false;         // touches the border of the picture
};

// The backdrop's colour at every pixel: a robust quadratic along each row, per channel.
cv::Mat row_backdrop(const cv::Mat& image);

// Their masks alone, CV_8U of the picture's size.
std::vector<cv::Mat> still_pieces(const cv::Mat& image, const cv::Mat& backdrop);

std::vector<StillObject> find_still_objects(const cv::Mat& image);

}  // namespace orrery::physics_eval
