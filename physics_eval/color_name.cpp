#include "physics_eval/color_name.h"

#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/scene.h"

namespace orrery::physics_eval {
namespace {

// Hues of the words, degrees: the middle of the range that English speakers give them. Order of kColorNames.
constexpr std::array<float, 8> kHues = {0, 28, 52, 125, 186, 225, 278, 330};
constexpr int kRed = 0, kPink = 7, kWhite = 8, kBlack = 9;
static_assert(kColorNames[kRed] == "red" && kColorNames[kPink] == "pink" && kColorNames[kWhite] == "white" &&
              kColorNames[kBlack] == "black" && kColorNames[2] == "yellow" && kColorNames[6] == "purple");

float hue_distance(float a, float b) {
  const float d = std::abs(a - b);
  return std::min(d, 360 - d);
}

int nearest_hue(float h) {
  int best = 0;
  for (int i = 1; i < int(kHues.size()); ++i)
    if (hue_distance(h, kHues[i]) < hue_distance(h, kHues[best])) best = i;
  return best;
}

}  // namespace

Hsv hsv_of(const uint8_t* rgb) {
  const float r = rgb[0] / 255.0f, g = rgb[1] / 255.0f, b = rgb[2] / 255.0f;
  const float high = std::max({r, g, b}), low = std::min({r, g, b}), chroma = high - low;
  float h = 0;
  if (chroma > 0) {
    if (high == r) h = 60 * (g - b) / chroma;
    else if (high == g) h = 60 * (b - r) / chroma + 120;
    else h = 60 * (r - g) / chroma + 240;
  }
  return {h < 0 ? h + 360 : h, high > 0 ? chroma / high : 0, high};
}

// A thing is chromatic when its mean chroma (max - min of RGB) is: highlights and dark sides of coloured things are
// grey, but a white or black thing has no vivid part. Chromatic: pixels vote for the nearest hue with their chroma as
// weight. Achromatic: white if its bright half is light.
ColorVote name_color(const cv::Mat& pixels, const cv::Mat& mask) {
  ORRERY_ASSERT(pixels.size() == mask.size() && pixels.type() == CV_8UC3);
  cv::Mat inner;
  cv::erode(mask, inner, cv::Mat::ones(3, 3, CV_8U), {-1, -1}, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  if (cv::countNonZero(inner) < 20) inner = mask;
  std::array<double, 10> votes{};
  double chroma_sum = 0, count = 0, light = 0, pale_red = 0;
  for (int y = 0; y < pixels.rows; ++y)
    for (int x = 0; x < pixels.cols; ++x) {
      if (!inner.at<uint8_t>(y, x)) continue;
      const Hsv c = hsv_of(pixels.ptr<uint8_t>(y) + 3 * x);
      const double chroma = c.s * c.v;
      chroma_sum += chroma;
      light += c.v;
      ++count;
      if (chroma < 0.12) continue;
      const int hue = nearest_hue(c.h);
      votes[hue] += chroma;
      if (hue == kRed && c.s < 0.5 && c.v > 0.6) pale_red += chroma;
    }
  if (count == 0) return {kBlack, 0};
  if (chroma_sum / count < 0.17) return {light / count > 0.42 ? kWhite : kBlack, 1 - chroma_sum / count / 0.17};
  // Pink is also what pale red is called.
  if (pale_red > 0.6 * votes[kRed]) votes[kPink] += votes[kRed], votes[kRed] = 0;
  int best = 0;
  double total = 0;
  for (int i = 0; i < 8; ++i) {
    total += votes[i];
    if (votes[i] > votes[best]) best = i;
  }
  return {best, total > 0 ? votes[best] / total : 0};
}

}  // namespace orrery::physics_eval
