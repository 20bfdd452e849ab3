#include "physics_eval/still_objects.h"

#include <Eigen/Dense>
#include <opencv2/imgproc.hpp>

#include "physics_eval/color_name.h"
#include "physics_eval/detect.h"
#include "physics_eval/outline.h"
#include "physics_eval/statistics.h"

namespace orrery::physics_eval {
namespace {

constexpr int kRowSamples = 80;       // columns looked at in a row
constexpr double kStandsOut = 16;     // levels beyond which a pixel is not backdrop
constexpr double kClearlyOut = 30;    // levels that half of an object's pixels exceed: floor tiles differ by 20
constexpr int kMinPixels = 40;

// Wood: low saturation between orange and yellow. None of the colour words of kColorNames means it.
bool is_wood(const uint8_t* rgb) {
  const Hsv c = hsv_of(rgb);
  return c.s > 0.12f && c.s < 0.45f && c.h > 14 && c.h < 46 && c.v < 0.93f;
}

// Tukey-weighted quadratic through one row, one set of weights for the three channels. The scale follows the lower
// third of the residuals: a wedge may cover half of a row.
void fit_row(const cv::Mat& image, int y, cv::Vec3f* out) {
  const int n = image.cols, step = std::max(1, n / kRowSamples);
  std::vector<Eigen::RowVector3d> values;
  std::vector<double> places;
  std::array<std::vector<float>, 3> channels;
  int wood = 0;
  for (int x = step / 2; x < n; x += step) wood += is_wood(image.ptr<uint8_t>(y) + 3 * x);
  const bool wooden = wood > 0.6 * n / step;  // a wooden floor, and not a wedge in front of another one
  for (int x = step / 2; x < n; x += step) {
    if (!wooden && is_wood(image.ptr<uint8_t>(y) + 3 * x)) continue;
    const auto p = image.at<cv::Vec3b>(y, x);
    values.push_back({double(p[0]), double(p[1]), double(p[2])});
    places.push_back(2.0 * x / n - 1);
    for (int c = 0; c < 3; ++c) channels[c].push_back(p[c]);
  }
  Eigen::Matrix3d fit = Eigen::Matrix3d::Zero();  // [power][channel]
  for (int c = 0; c < 3; ++c) fit(0, c) = median(channels[c]);
  std::vector<float> residuals(values.size());
  for (int pass = 0; pass < 8; ++pass) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double u = places[i];
      residuals[i] = float((values[i] - fit.row(0) - u * fit.row(1) - u * u * fit.row(2)).cwiseAbs().maxCoeff());
    }
    const double scale = std::max(8.0, 5.0 * double(quantile(residuals, 0.35)));
    // A weak pull of slope and curvature to zero, worth three samples: half a row does not fix a parabola.
    Eigen::Matrix3d normal = Eigen::Vector3d(1e-3, 3, 3).asDiagonal(), right = Eigen::Matrix3d::Zero();
    for (size_t i = 0; i < values.size(); ++i) {
      const double r = residuals[i] / scale;
      if (r >= 1) continue;
      const double u = places[i], w = (1 - r * r) * (1 - r * r);
      const Eigen::Vector3d basis(1, u, u * u);
      normal += w * basis * basis.transpose();
      right += w * basis * values[i];
    }
    fit = normal.ldlt().solve(right);
  }
  for (int x = 0; x < n; ++x) {
    const double u = 2.0 * x / n - 1;
    for (int c = 0; c < 3; ++c) out[x][c] = float(fit(0, c) + u * (fit(1, c) + u * fit(2, c)));
  }
}

int pixel_difference(const uint8_t* p, const uint8_t* q) {
  return std::max({std::abs(int(p[0]) - int(q[0])), std::abs(int(p[1]) - int(q[1])), std::abs(int(p[2]) - int(q[2]))});
}

cv::Mat standing_out(const cv::Mat& image, const cv::Mat& backdrop) {
  cv::Mat mask = cv::Mat::zeros(image.size(), CV_8U);
  for (int y = 0; y < image.rows; ++y) {
    const uint8_t *p = image.ptr<uint8_t>(y), *q = backdrop.ptr<uint8_t>(y);
    for (int x = 0; x < image.cols; ++x, p += 3, q += 3) {
      if (pixel_difference(p, q) > kStandsOut && !is_wood(p)) mask.at<uint8_t>(y, x) = 255;
    }
  }
  return mask;
}

bool stands_clearly_out(const cv::Mat& image, const cv::Mat& backdrop, const cv::Mat& piece, const cv::Rect& box) {
  std::vector<int> differences;
  for (int y = box.y; y < box.y + box.height; ++y)
    for (int x = box.x; x < box.x + box.width; ++x)
      if (piece.at<uint8_t>(y, x)) differences.push_back(pixel_difference(image.ptr<uint8_t>(y) + 3 * x, backdrop.ptr<uint8_t>(y) + 3 * x));
  return median(differences) > kClearlyOut;
}

// A stripe of the backdrop's own colour cuts a thing in two: pieces of one colour that together make one compact
// outline are joined.
void join_halves(const cv::Mat& image, std::vector<cv::Mat>& pieces) {
  for (size_t i = 0; i < pieces.size(); ++i)
    for (size_t k = i + 1; k < pieces.size(); ++k) {
      const cv::Rect a = cv::boundingRect(pieces[i]), b = cv::boundingRect(pieces[k]);
      const cv::Rect near(a.x - 5, a.y - 5, a.width + 10, a.height + 10);
      if ((near & b).area() == 0) continue;
      if (name_color(image(a), pieces[i](a)).color != name_color(image(b), pieces[k](b)).color) continue;
      cv::Mat whole = pieces[i] | pieces[k];
      if (!fill_if_compact(whole)) continue;
      pieces[i] = whole;
      pieces.erase(pieces.begin() + long(k));
      k = i;
    }
}

StillObject describe(const cv::Mat& image, const cv::Mat& mask, const cv::Rect& box) {
  StillObject out;
  out.box = box;
  out.mask = mask(box).clone();
  const cv::Moments m = cv::moments(out.mask, true);
  out.area = m.m00;
  out.x = box.x + m.m10 / m.m00;
  out.y = box.y + m.m01 / m.m00;
  out.clipped = box.x <= 0 || box.y <= 0 || box.x + box.width >= image.cols || box.y + box.height >= image.rows;
  const ShapeVote shape = name_shape(out.mask);
  out.shape = shape.shape;
  out.shape_confidence = shape.confidence;
  const ColorVote color = name_color(image(box), out.mask);
  out.color = color.color;
  out.color_confidence = color.confidence;
  return out;
}

}  // namespace

cv::Mat row_backdrop(const cv::Mat& image) {
  cv::Mat smooth(image.size(), CV_32FC3), out;
  for (int y = 0; y < image.rows; ++y) fit_row(image, y, smooth.ptr<cv::Vec3f>(y));
  smooth.convertTo(out, CV_8UC3);
  return out;
}

std::vector<StillObject> find_still_objects(const cv::Mat& image) {
  const cv::Mat backdrop = row_backdrop(image);
  cv::Mat mask = standing_out(image, backdrop);
  remove_shadows(image, backdrop, mask);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3}));
  cv::morphologyEx(mask, mask, cv::MORPH_CLOSE, cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3}));
  fill_holes(mask);
  std::vector<cv::Mat> pieces = convex_pieces(mask, kMinPixels / 2);
  std::erase_if(pieces, [&](const cv::Mat& piece) { return !stands_clearly_out(image, backdrop, piece, cv::boundingRect(piece)); });
  join_halves(image, pieces);
  std::vector<StillObject> objects;
  for (const cv::Mat& piece : pieces)
    if (cv::countNonZero(piece) >= kMinPixels) objects.push_back(describe(image, piece, cv::boundingRect(piece)));
  return objects;
}

}  // namespace orrery::physics_eval
