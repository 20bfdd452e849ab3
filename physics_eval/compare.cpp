#include "physics_eval/compare.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "physics_eval/image.h"

namespace orrery::physics_eval {
namespace {

constexpr double kRunningAlpha = 0.3, kMaskThreshold = 10;  // Physics-IQ's

cv::Mat view_of(const Frame& frame) {
  return {frame.height, frame.width, CV_8UC3, const_cast<uint8_t*>(frame.rgb.data())};
}

// What differs from a running average: blurred grey, difference above the threshold, opened and closed by
// 5x5.
class MotionMask {
 public:
  // CV_8U, 255 where something moves; the first one is empty.
  cv::Mat next(const cv::Mat& rgb) {
    cv::Mat gray = gray_of(rgb), blurred, mean, mask;
    cv::GaussianBlur(gray, blurred, {5, 5}, 0);
    if (average_.empty()) {
      blurred.convertTo(average_, CV_64F);
      return cv::Mat::zeros(gray.size(), CV_8U);
    }
    cv::accumulateWeighted(blurred, average_, kRunningAlpha);
    cv::convertScaleAbs(average_, mean);
    cv::absdiff(blurred, mean, mask);
    cv::threshold(mask, mask, kMaskThreshold, 255, cv::THRESH_BINARY);
    const cv::Mat square = cv::Mat::ones(5, 5, CV_8U);
    cv::morphologyEx(mask, mask, cv::MORPH_OPEN, square);
    cv::morphologyEx(mask, mask, cv::MORPH_CLOSE, square);
    return mask;
  }

 private:
  cv::Mat average_;
};

double intersection_over_union(const cv::Mat& a, const cv::Mat& b) {
  const int all = cv::countNonZero(a | b);
  return all ? double(cv::countNonZero(a & b)) / all : 1;
}

cv::Mat smoothed(const cv::Mat& image) {
  cv::Mat out;
  cv::GaussianBlur(image, out, {11, 11}, 1.5);
  return out;
}

double ssim_of(const cv::Mat& rgb_a, const cv::Mat& rgb_b) {
  constexpr double kC1 = 6.5025, kC2 = 58.5225;  // (0.01 * 255)^2, (0.03 * 255)^2
  cv::Mat a, b;
  gray_of(rgb_a).convertTo(a, CV_64F);
  gray_of(rgb_b).convertTo(b, CV_64F);
  const cv::Mat ma = smoothed(a), mb = smoothed(b), ab = ma.mul(mb), aa = ma.mul(ma), bb = mb.mul(mb);
  const cv::Mat va = smoothed(a.mul(a)) - aa, vb = smoothed(b.mul(b)) - bb, vab = smoothed(a.mul(b)) - ab;
  const cv::Mat top = (2 * ab + kC1).mul(2 * vab + kC2), bottom = (aa + bb + kC1).mul(va + vb + kC2);
  cv::Mat ratio;
  cv::divide(top, bottom, ratio);
  return cv::mean(ratio)[0];
}

Frame frame_of(const cv::Mat& mask) {
  Frame out(mask.cols, mask.rows);
  cv::Mat rgb = view_of(out);
  cv::cvtColor(mask, rgb, cv::COLOR_GRAY2RGB);
  return out;
}

struct Sums {
  cv::Mat ever_a, ever_b, often_a, often_b;
  void add(const cv::Mat& a, const cv::Mat& b) {
    if (ever_a.empty()) {
      ever_a = cv::Mat::zeros(a.size(), CV_8U), ever_b = ever_a.clone();
      often_a = cv::Mat::zeros(a.size(), CV_32F), often_b = often_a.clone();
    }
    ever_a |= a, ever_b |= b;
    cv::add(often_a, 1, often_a, a);
    cv::add(often_b, 1, often_b, b);
  }
  double weighted() const {
    const double all = cv::sum(cv::max(often_a, often_b))[0];
    return all > 0 ? cv::sum(cv::min(often_a, often_b))[0] / all : 1;
  }
};

Eigen::MatrixXd matrix_of(const Features& features, size_t length) {
  Eigen::MatrixXd out(Eigen::Index(features.size()), Eigen::Index(length));
  for (size_t i = 0; i < features.size(); ++i) {
    if (features[i].size() != length)
      fail("frechet distance: feature vectors of length {} and {}", length, features[i].size());
    for (size_t k = 0; k < length; ++k) out(Eigen::Index(i), Eigen::Index(k)) = features[i][k];
  }
  return out;
}

struct Gaussian {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

Gaussian gaussian_of(const Eigen::MatrixXd& x) {
  const Eigen::RowVectorXd mean = x.colwise().mean();
  const Eigen::MatrixXd centred = x.rowwise() - mean;
  return {mean.transpose(), centred.transpose() * centred / double(x.rows() - 1)};
}

Eigen::MatrixXd root_of(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
  return solver.eigenvectors() * solver.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal() *
         solver.eigenvectors().transpose();
}

}  // namespace

Comparison compare(FrameSource& generated, FrameSource& reference, const CompareOptions& options) {
  use_one_thread();
  Comparison out;
  MotionMask moving_a, moving_b;
  Sums sums;
  Frame a, b;
  while ((options.max_frames == 0 || out.frames < options.max_frames) && generated.next(a) &&
         reference.next(b)) {
    if (out.frames == 0) out.width = b.width, out.height = b.height;
    if (b.width != out.width || b.height != out.height)
      fail("compare: the reference changes its size at frame {}; re-encode it to one size", out.frames);
    cv::Mat image = view_of(a);
    if (a.width != out.width || a.height != out.height)
      cv::resize(view_of(a), image, {out.width, out.height}, 0, 0, cv::INTER_AREA);
    const cv::Mat other = view_of(b);
    const double error = cv::norm(image, other, cv::NORM_L2SQR) / (65025.0 * double(image.total()) * 3);
    out.mse += error;
    out.ssim += ssim_of(image, other);
    const cv::Mat mask_a = moving_a.next(image), mask_b = moving_b.next(other);
    out.spatiotemporal_iou += intersection_over_union(mask_a, mask_b);
    out.empty_frames += cv::countNonZero(mask_a | mask_b) == 0;
    sums.add(mask_a, mask_b);
    if (options.masks) options.masks(frame_of(mask_a), frame_of(mask_b));
    ++out.frames;
  }
  if (out.frames == 0) fail("compare: one of the clips has no frame");
  out.mse /= out.frames, out.ssim /= out.frames, out.spatiotemporal_iou /= out.frames;
  out.psnr = out.mse > 0 ? std::min(100.0, -10 * std::log10(out.mse)) : 100;
  out.spatial_iou = intersection_over_union(sums.ever_a, sums.ever_b);
  out.weighted_spatial_iou = sums.weighted();
  return out;
}

PhysicsIq physics_iq(const Comparison& c, const Comparison& takes) {
  constexpr double kTiny = 1e-8;
  const double ratios[] = {c.spatial_iou / (takes.spatial_iou + kTiny),
                           c.spatiotemporal_iou / (takes.spatiotemporal_iou + kTiny),
                           c.weighted_spatial_iou / (takes.weighted_spatial_iou + kTiny)};
  PhysicsIq out;
  out.original = std::clamp((ratios[0] + ratios[1] + ratios[2]) / 3 - (c.mse - takes.mse), 0.0, 1.0);
  for (double r : ratios) out.verified += std::clamp(r, 0.0, 1.0) / 4;
  out.verified += std::clamp((takes.mse + kTiny) / (c.mse + kTiny), 0.0, 1.0) / 4;
  return out;
}

Json comparison_json(const Comparison& c) {
  return {{"frames", c.frames},
          {"width", c.width},
          {"height", c.height},
          {"psnr_db", c.psnr},
          {"ssim", c.ssim},
          {"mse", c.mse},
          {"spatial_iou", c.spatial_iou},
          {"spatiotemporal_iou", c.spatiotemporal_iou},
          {"weighted_spatial_iou", c.weighted_spatial_iou},
          {"frames_without_motion", c.empty_frames}};
}

double frechet_distance(const Features& a, const Features& b) {
  if (a.size() < 2 || b.size() < 2)
    fail("frechet distance: {} and {} clips; two or more of each are needed", a.size(), b.size());
  const Gaussian p = gaussian_of(matrix_of(a, a[0].size())), q = gaussian_of(matrix_of(b, a[0].size()));
  // trace((C1 C2)^1/2) = trace((R C2 R)^1/2), R = C1^1/2, which is symmetric.
  const Eigen::MatrixXd r = root_of(p.covariance);
  const double cross = root_of(r * q.covariance * r).trace();
  return std::max(0.0,
                  (p.mean - q.mean).squaredNorm() + p.covariance.trace() + q.covariance.trace() - 2 * cross);
}

}  // namespace orrery::physics_eval
