// The stages one by one, each against what is known exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "physics_eval/assignment.h"
#include "physics_eval/background.h"
#include "physics_eval/detect.h"
#include "physics_eval/outline.h"
#include "physics_eval/phases.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

double cost_of(const std::vector<std::vector<double>>& cost, const std::vector<int>& columns) {
  double sum = 0;
  for (size_t i = 0; i < columns.size(); ++i) sum += columns[i] < 0 ? kForbidden : cost[i][columns[i]];
  return sum;
}

TEST(Assignment, EqualsExhaustiveSearch) {
  Rng rng(3);
  for (int trial = 0; trial < 50; ++trial) {
    const int n = 1 + rng.below(5);
    std::vector<std::vector<double>> cost(n, std::vector<double>(n));
    for (auto& row : cost)
      for (double& c : row) c = rng.chance(0.2) ? kForbidden : rng.uniform();
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    double best = 1e30;
    do best = std::min(best, cost_of(cost, order));
    while (std::next_permutation(order.begin(), order.end()));
    EXPECT_NEAR(cost_of(cost, assign(cost)), best, 1e-9);
  }
}

TEST(Assignment, TakesAnyShape) {
  EXPECT_TRUE(assign({}).empty());
  EXPECT_EQ(assign({{}, {}}), (std::vector<int>{-1, -1}));
  EXPECT_EQ(assign({{5.0, 1.0, 3.0}}), (std::vector<int>{1}));
  EXPECT_EQ(assign({{5.0}, {1.0}, {3.0}}), (std::vector<int>{-1, 0, -1}));
}

Track bouncing_track(double noise) {
  Track track;
  Rng rng(11);
  for (int i = 0; i < 60; ++i) {
    const double t = i / 24.0, hit = 1.013, y = t < hit ? 20 + 150 * t * t : 20 + 150 * hit * hit - 210 * (t - hit) + 150 * (t - hit) * (t - hit);
    TrackPoint p;
    p.frame = i;
    p.t = t;
    p.x = 50 + 40 * t + noise * rng.normal();
    p.y = y + noise * rng.normal();
    p.area = 300;
    p.width = p.height = 20;
    track.points.push_back(p);
  }
  return track;
}

TEST(Phases, OneBounceIsTwoPiecesMeetingAtTheImpact) {
  const Track track = bouncing_track(0.1);
  const auto phases = segment(track, 0, 0.12, 1);
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_NEAR(phases[0].a[1], 300, 2);
  EXPECT_NEAR(phases[1].a[1], 300, 2);
  EXPECT_EQ(phases[0].kind, PhaseKind::kFlight);
  const auto events = find_events({track}, phases, {0.12});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::kBounce);
  EXPECT_NEAR(events[0].t, 1.013, 0.006);
  EXPECT_NEAR(events[0].v_in[1], 300 * 1.013, 3);
  EXPECT_NEAR(events[0].v_out[1], -210, 3);
}

TEST(Phases, NoiseIsEstimatedFromThirdDifferences) {
  EXPECT_NEAR(centroid_noise(bouncing_track(0.5).points, 0.01), 0.5, 0.15);
  EXPECT_EQ(centroid_noise(bouncing_track(0).points, 0.12), 0.12);
}

TEST(Background, AnObjectThatRestsMostOfTheTimeIsNotBackground) {
  std::vector<cv::Mat> samples;
  for (int i = 0; i < 20; ++i) {
    cv::Mat image(60, 100, CV_8UC3, cv::Scalar(120, 130, 140));
    image(cv::Rect(i < 5 ? 5 + 6 * i : 60, 20, 18, 18)).setTo(cv::Scalar(200, 40, 30));
    samples.push_back(image);
  }
  const Background background = estimate_background(samples, nullptr);
  double worst = 0;
  cv::minMaxLoc(difference(cv::Mat(60, 100, CV_8UC3, cv::Scalar(120, 130, 140)), background), nullptr, &worst);
  EXPECT_LE(worst, 2);
}

// A disc with a soft outline, dark below, before a light wall: the mask reaches farther out where the contrast
// is large, the centroid must not follow.
TEST(Detect, CentroidsDoNotLeanToTheContrast) {
  const cv::Mat wall(80, 100, CV_8UC3, cv::Scalar(190, 195, 200));
  const Background background = estimate_background({wall, wall, wall}, nullptr);
  for (const double x : {50.0, 50.3, 50.6}) {
    const double y = 40.2, radius = 11;
    cv::Mat image = wall.clone();
    for (int py = 0; py < image.rows; ++py)
      for (int px = 0; px < image.cols; ++px) {
        const double a = std::clamp(0.5 - (std::hypot(px - x, py - y) - radius) / 2.5, 0.0, 1.0);
        const cv::Vec3b own = py < y ? cv::Vec3b(190, 195, 120) : cv::Vec3b(10, 10, 60);  // no shadow
        for (int c = 0; c < 3; ++c) {
          uint8_t& v = image.at<cv::Vec3b>(py, px)[c];
          v = uint8_t((1 - a) * v + a * own[c] + 0.5);
        }
      }
    const FrameDetections found = detect(image, background);
    ASSERT_EQ(found.objects.size(), 1u);
    EXPECT_NEAR(found.objects[0].x, x, 0.1);
    EXPECT_NEAR(found.objects[0].y, y, 0.15);
  }
}

TEST(Outline, DiscsAndTurnedSquaresAreToldApart) {
  for (int radius : {6, 9, 14})
    for (int angle = 0; angle < 90; angle += 15) {
      cv::Mat disc = cv::Mat::zeros(60, 60, CV_8U), square = cv::Mat::zeros(60, 60, CV_8U);
      for (int y = 0; y < 60; ++y)
        for (int x = 0; x < 60; ++x) {
          const double dx = x - 30.3, dy = y - 29.8, c = std::cos(angle * M_PI / 180), s = std::sin(angle * M_PI / 180);
          disc.at<uint8_t>(y, x) = std::hypot(dx, dy) < radius ? 255 : 0;
          square.at<uint8_t>(y, x) = std::max(std::abs(c * dx + s * dy), std::abs(c * dy - s * dx)) < radius ? 255 : 0;
        }
      EXPECT_EQ(name_shape(disc).shape, Shape::kBall) << radius;
      EXPECT_EQ(name_shape(square).shape, Shape::kBox) << radius << " at " << angle;
      EXPECT_GT(roundness(disc), kRound.value);
      EXPECT_LT(roundness(square), kRound.value);
    }
}

TEST(Outline, TouchingDiscsAreTwoPieces) {
  cv::Mat mask = cv::Mat::zeros(60, 90, CV_8U);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 90; ++x)
      if (std::hypot(x - 30, y - 30) < 14 || std::hypot(x - 54, y - 34) < 11) mask.at<uint8_t>(y, x) = 255;
  EXPECT_EQ(convex_pieces(mask, 20).size(), 2u);
}

}  // namespace
}  // namespace orrery::physics_eval
