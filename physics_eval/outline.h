// Outlines: ball or box, and regions that are several things side by side.
#pragma once
#include <opencv2/core.hpp>
#include <vector>

#include "core/scene.h"

namespace orrery::physics_eval {

struct ShapeVote {
  Shape shape = Shape::kBall;
  double confidence = 0;
};

// From how much of its smallest enclosing rectangle (disc 0.785, square 1) and circle (disc 1, square 0.64) the
// region fills.
ShapeVote name_shape(const cv::Mat& mask);

// Area over the area of the smallest enclosing circle: 1 for a disc, 0.64 for a square.
double roundness(const cv::Mat& mask);

// The mask's connected regions of at least `min_area` pixels, those that are not convex cut at their waists. Each
// CV_8U of the mask's size.
std::vector<cv::Mat> convex_pieces(const cv::Mat& mask, int min_area);

void fill_holes(cv::Mat mask);

// Fills the convex hull of all regions of the mask if they cover `least` of it and it is about as wide as high, as of
// one ball or box; otherwise leaves the mask and returns false.
bool fill_if_compact(cv::Mat& mask, double least = 0.7);

// Length over width of the smallest enclosing rectangle, at least 1.
double elongation(const cv::Mat& mask);

}  // namespace orrery::physics_eval
