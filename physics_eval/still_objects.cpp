#include "physics_eval/still_objects.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "physics_eval/color_name.h"
#include "physics_eval/components.h"
#include "physics_eval/detect.h"
#include "physics_eval/outline.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kRowSamples = 80;     // columns looked at in a row
constexpr double kStandsOut = 16;   // levels beyond which a pixel is not backdrop
constexpr double kClearlyOut = 30;  // levels that half of an object's pixels exceed: floor tiles differ by 20
constexpr int kMinPixels = 40;
constexpr double kBodyStep = 40;    // levels: a black body's outline on a wall; shadows end softly
constexpr double kStrip = 1.4;      // elongation: of no ball or box, so strips beside each other are parts of one body
constexpr double kFringe = 4;       // px, inscribed radius: the smallest bodies have 5
constexpr double kThinnest = 6;     // area over the square of the inscribed radius: disc 3.1, square 4
constexpr double kAlongWood = 0.25;  // of what lies around a piece
constexpr double kPaleFringe = 0.3;  // saturation between wood's, 0.25, and a wall's; an orange ball's edge is wood-coloured too

// Wood: low saturation between orange and yellow, and not dark: the hue of black is noise. None of the colour
// words of kColorNames means it.
bool is_wood(const uint8_t* rgb) {
  const Hsv c = hsv_of(rgb);
  return c.s > 0.12f && c.s < 0.45f && c.h > 14 && c.h < 46 && c.v > 0.25f && c.v < 0.93f;
}

// The samples of one row that may be backdrop.
struct RowSamples {
  int count = 0;
  std::array<float, kRowSamples + 1> u;  // place, -1 to 1
  std::array<std::array<float, kRowSamples + 1>, 3> value;
};

RowSamples sample_row(const cv::Mat& image, int y) {
  const int n = image.cols, step = (n + kRowSamples - 1) / kRowSamples;
  const uint8_t* row = image.ptr<uint8_t>(y);
  int wood = 0;
  for (int x = step / 2; x < n; x += step) wood += is_wood(row + 3 * x);
  const bool wooden = wood > 0.6 * n / step;  // a wooden floor, and not a wedge in front of another one
  RowSamples out;
  for (int x = step / 2; x < n; x += step) {
    if (!wooden && is_wood(row + 3 * x)) continue;
    out.u[out.count] = 2.0f * float(x) / float(n) - 1;
    for (int c = 0; c < 3; ++c) out.value[c][out.count] = row[3 * x + c];
    ++out.count;
  }
  return out;
}

using RowFit = Eigen::Matrix3f;  // [power][channel]

// Largest residual over the channels.
void residuals_of(const RowSamples& row, const RowFit& fit, std::vector<float>& out) {
  out.assign(size_t(row.count), 0);
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < row.count; ++i)
      out[i] = std::max(
          out[i], std::abs(row.value[c][i] - fit(0, c) - row.u[i] * (fit(1, c) + row.u[i] * fit(2, c))));
}

// Tukey-weighted quadratic through one row, one set of weights for the three channels. The scale follows the
// lower third of the residuals: a wedge may cover half of a row.
void fit_row(const cv::Mat& image, int y, cv::Vec3f* out) {
  const RowSamples row = sample_row(image, y);
  RowFit fit = RowFit::Zero();
  std::vector<float> residuals;
  for (int c = 0; c < 3; ++c)
    fit(0, c) = median(std::vector<float>(row.value[c].begin(), row.value[c].begin() + row.count));
  for (int pass = 0; pass < 6; ++pass) {
    residuals_of(row, fit, residuals);
    const float scale = std::max(8.0f, 5.0f * quantile(residuals, 0.35));
    // A weak pull of slope and curvature to zero, worth three samples: half a row does not fix a parabola.
    RowFit normal = Eigen::Vector3f(1e-3f, 3, 3).asDiagonal(), right = RowFit::Zero();
    for (int i = 0; i < row.count; ++i) {
      const float r = residuals[i] / scale;
      if (r >= 1) continue;
      const float w = (1 - r * r) * (1 - r * r);
      const Eigen::Vector3f basis(1, row.u[i], row.u[i] * row.u[i]);
      normal += w * basis * basis.transpose();
      right += w * basis * Eigen::RowVector3f(row.value[0][i], row.value[1][i], row.value[2][i]);
    }
    fit = normal.ldlt().solve(right);
  }
  for (int x = 0; x < image.cols; ++x) {
    const float u = 2.0f * float(x) / float(image.cols) - 1;
    for (int c = 0; c < 3; ++c) out[x][c] = fit(0, c) + u * (fit(1, c) + u * fit(2, c));
  }
}

int pixel_difference(const uint8_t* p, const uint8_t* q) {
  return std::max(
      {std::abs(int(p[0]) - int(q[0])), std::abs(int(p[1]) - int(q[1])), std::abs(int(p[2]) - int(q[2]))});
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

bool stands_clearly_out(const cv::Mat& image, const cv::Mat& backdrop, const cv::Mat& piece,
                        const cv::Rect& box) {
  std::vector<int> differences;
  for (int y = box.y; y < box.y + box.height; ++y)
    for (int x = box.x; x < box.x + box.width; ++x)
      if (piece.at<uint8_t>(y, x))
        differences.push_back(
            pixel_difference(image.ptr<uint8_t>(y) + 3 * x, backdrop.ptr<uint8_t>(y) + 3 * x));
  return median(differences) > kClearlyOut;
}

// Three pixels further out the picture is another colour, for half of the outline: floor that only the
// backdrop's fit misses, and soft shadows, go on beyond their outline.
bool has_outline(const cv::Mat& image, const cv::Mat& piece, double step) {
  static constexpr int kReach = 3, kSteps[4][2] = {{kReach, 0}, {-kReach, 0}, {0, kReach}, {0, -kReach}};
  const cv::Rect frame(0, 0, image.cols, image.rows), box = cv::boundingRect(piece);
  std::vector<int> differences;
  for (int y = box.y; y < box.y + box.height; ++y)
    for (int x = box.x; x < box.x + box.width; ++x) {
      if (!piece.at<uint8_t>(y, x)) continue;
      int largest = -1;
      for (const auto& step : kSteps) {
        const cv::Point out(x + step[0], y + step[1]);
        if (!frame.contains(out) || piece.at<uint8_t>(out)) continue;
        largest = std::max(
            largest, pixel_difference(image.ptr<uint8_t>(y) + 3 * x, image.ptr<uint8_t>(out.y) + 3 * out.x));
      }
      if (largest >= 0) differences.push_back(largest);
    }
  return median(differences) > step;
}

double inscribed_radius(const cv::Mat& piece) {
  cv::Mat padded, depth;
  cv::copyMakeBorder(piece(cv::boundingRect(piece)), padded, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::distanceTransform(padded, depth, cv::DIST_L2, 5);
  double radius = 0;
  cv::minMaxLoc(depth, nullptr, &radius);
  return radius;
}

// A black body whose stripe is of the wall's hue is taken for a shadow from there on. What was taken off is put back if it
// is as thick as half a body and ends as sharply; the shadow below a ball is thin.
void restore_bodies(const cv::Mat& image, const cv::Mat& before, cv::Mat& mask) {
  cv::Mat removed = before & ~mask;
  cv::morphologyEx(removed, removed, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3}));
  const Components parts(removed);
  for (const Component& part : parts.all()) {
    if (part.area < kMinPixels / 2) continue;
    const cv::Mat piece = mask_of(part, {{}, mask.size()});
    if (inscribed_radius(piece) > kFringe && has_outline(image, piece, kBodyStep)) mask |= piece;
  }
}

// The blurred edge of a wedge is of no wood colour and of no backdrop's: a thin piece that lies along wood. Balls and boxes
// are as thick as they are long, but for those that the border of the picture cuts.
bool is_fringe_of_wood(const cv::Mat& image, const cv::Mat& backdrop, const cv::Mat& piece) {
  const cv::Rect box = cv::boundingRect(piece);
  cv::Mat around;
  const double radius = inscribed_radius(piece);
  if (radius > kFringe || cv::countNonZero(piece) < kThinnest * radius * radius) return false;
  cv::dilate(piece, around, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  int rim = 0, wood = 0;
  std::vector<float> saturations;
  for (int y = std::max(0, box.y - 2); y < std::min(image.rows, box.y + box.height + 2); ++y)
    for (int x = std::max(0, box.x - 2); x < std::min(image.cols, box.x + box.width + 2); ++x) {
      const uint8_t* p = image.ptr<uint8_t>(y) + 3 * x;
      if (piece.at<uint8_t>(y, x)) saturations.push_back(hsv_of(p).s);
      if (!around.at<uint8_t>(y, x) || piece.at<uint8_t>(y, x)) continue;
      ++rim;
      wood += is_wood(p) && !is_wood(backdrop.ptr<uint8_t>(y) + 3 * x);  // walls may be tan
    }
  return wood > kAlongWood * rim && median(saturations) < kPaleFringe;
}

bool near(const cv::Rect& a, const cv::Rect& b) {
  return !(cv::Rect(a.x - 5, a.y - 5, a.width + 10, a.height + 10) & b).empty();
}

// `from` and all pieces of its colour that are reached through near ones, as indices.
std::vector<size_t> neighbours_of_colour(const std::vector<cv::Rect>& boxes, const std::vector<int>& colors,
                                         size_t from) {
  std::vector<size_t> group{from};
  for (size_t g = 0; g < group.size(); ++g)
    for (size_t k = 0; k < boxes.size(); ++k)
      if (colors[k] == colors[from] && near(boxes[group[g]], boxes[k]) &&
          std::ranges::find(group, k) == group.end())
        group.push_back(k);
  return group;
}

// Stripes of the backdrop's own colour cut a thing into pieces: those of one colour that together make one
// compact outline are joined, all neighbours at once first, then two by two.
void join_halves(const cv::Mat& image, std::vector<cv::Mat>& pieces) {
  std::vector<cv::Rect> boxes;
  std::vector<int> colors;
  for (const cv::Mat& piece : pieces) {
    boxes.push_back(cv::boundingRect(piece));
    colors.push_back(name_color(image(boxes.back()), piece(boxes.back())).color);
  }
  const auto join = [&](const std::vector<size_t>& group) {
    if (group.size() < 2) return false;
    cv::Mat whole = pieces[group[0]].clone();
    for (size_t k : group) whole |= pieces[k];
    const bool strips = std::ranges::all_of(group, [&](size_t k) { return elongation(pieces[k]) > kStrip; });
    if (!fill_if_compact(whole, strips ? 0.45 : 0.7)) return false;
    for (size_t k : group) pieces[k].setTo(0), colors[k] = -1;
    pieces.push_back(whole);
    boxes.push_back(cv::boundingRect(whole));
    colors.push_back(name_color(image(boxes.back()), whole(boxes.back())).color);
    return true;
  };
  for (size_t i = 0; i < pieces.size(); ++i)
    if (colors[i] >= 0) join(neighbours_of_colour(boxes, colors, i));
  for (size_t i = 0; i < pieces.size(); ++i)
    for (size_t k = i + 1; k < pieces.size() && colors[i] >= 0; ++k)
      if (colors[k] == colors[i] && near(boxes[i], boxes[k])) join({i, k});
  std::erase_if(pieces, [](const cv::Mat& piece) { return cv::countNonZero(piece) == 0; });
}

// The part of the piece that differs by more than half of its usual difference: the outline at half height
// does not move under blur, and the corners of a small box stay corners.
cv::Mat half_height(const cv::Mat& image, const cv::Mat& backdrop, const cv::Mat& piece,
                    const cv::Rect& box) {
  std::vector<int> differences;
  cv::Mat diff = cv::Mat::zeros(box.size(), CV_32S);
  for (int y = 0; y < box.height; ++y)
    for (int x = 0; x < box.width; ++x) {
      if (!piece.at<uint8_t>(box.y + y, box.x + x)) continue;
      diff.at<int>(y, x) = pixel_difference(image.ptr<uint8_t>(box.y + y) + 3 * (box.x + x),
                                            backdrop.ptr<uint8_t>(box.y + y) + 3 * (box.x + x));
      differences.push_back(diff.at<int>(y, x));
    }
  cv::Mat out = diff > median(differences) / 2;
  cv::morphologyEx(out, out, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
  return out;
}

StillObject describe(const cv::Mat& image, const cv::Mat& backdrop, const cv::Mat& mask,
                     const cv::Rect& box) {
  StillObject out;
  out.box = box;
  out.mask = mask(box).clone();
  const cv::Moments m = cv::moments(out.mask, true);
  out.area = m.m00;
  out.x = box.x + m.m10 / m.m00;
  out.y = box.y + m.m01 / m.m00;
  out.clipped =
      box.x <= 0 || box.y <= 0 || box.x + box.width >= image.cols || box.y + box.height >= image.rows;
  const ShapeVote shape = name_shape(half_height(image, backdrop, mask, box));
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

std::vector<cv::Mat> still_pieces(const cv::Mat& image, const cv::Mat& backdrop) {
  cv::Mat mask = standing_out(image, backdrop);
  const cv::Mat before = mask.clone();
  remove_shadows(image, backdrop, mask);
  restore_bodies(image, before, mask);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3}));
  cv::morphologyEx(mask, mask, cv::MORPH_CLOSE, cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3}));
  fill_holes(mask);
  std::vector<cv::Mat> pieces = convex_pieces(mask, kMinPixels / 2);
  std::erase_if(pieces, [&](const cv::Mat& piece) {
    return !stands_clearly_out(image, backdrop, piece, cv::boundingRect(piece));
  });
  join_halves(image, pieces);
  std::erase_if(pieces, [&](const cv::Mat& piece) {
    return cv::countNonZero(piece) < kMinPixels || !has_outline(image, piece, kEdgeStep.value) || is_fringe_of_wood(image, backdrop, piece);
  });
  return pieces;
}

std::vector<StillObject> find_still_objects(const cv::Mat& image) {
  std::vector<StillObject> objects;
  const cv::Mat backdrop = row_backdrop(image);
  for (const cv::Mat& piece : still_pieces(image, backdrop))
    objects.push_back(describe(image, backdrop, piece, cv::boundingRect(piece)));
  return objects;
}

}  // namespace orrery::physics_eval
