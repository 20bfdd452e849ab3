// What people call a colour: one of kColorNames (core/scene.h), from the pixels of a shaded, striped, shiny thing.
#pragma once
#include <opencv2/core.hpp>
#include <string_view>

namespace orrery::physics_eval {

struct ColorVote {
  int color = 0;         // index into kColorNames
  double confidence = 0;  // share of the votes
};

// pixels: CV_8UC3 RGB; mask: CV_8U, 255 where the thing is. Its rim (one pixel, mixed with the background) is left
// out where enough remains.
ColorVote name_color(const cv::Mat& pixels, const cv::Mat& mask);

// Hue in degrees [0, 360), saturation and value in [0, 1].
struct Hsv {
  float h, s, v;
};
Hsv hsv_of(const uint8_t* rgb);

}  // namespace orrery::physics_eval
