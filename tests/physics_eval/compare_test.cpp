// Measures between clips, against values that are known exactly.
#include "physics_eval/compare.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "drawn_clip.h"

namespace orrery::physics_eval {
namespace {

using test::Frames;

// A bright square of 20 px that moves by `step` px a frame on black, from x = `from`.
Frames square_clip(int from, int step, int count = 12, int width = 160) {
  return Frames(count, [=](int i) {
    Frame frame(width, 96);
    for (int y = 30; y < 50; ++y)
      for (int x = from + step * i; x < from + step * i + 20; ++x)
        if (x >= 0 && x < width) std::fill_n(frame.at(x, y), 3, uint8_t(200));
    return frame;
  });
}

TEST(Compare, EqualClipsAreEqual) {
  Frames a = square_clip(10, 6), b = square_clip(10, 6);
  const Comparison c = compare(a, b);
  EXPECT_EQ(c.frames, 12);
  EXPECT_EQ(c.psnr, 100);
  EXPECT_NEAR(c.ssim, 1, 1e-9);
  EXPECT_EQ(c.mse, 0);
  EXPECT_EQ(c.spatial_iou, 1);
  EXPECT_EQ(c.spatiotemporal_iou, 1);
  EXPECT_EQ(c.weighted_spatial_iou, 1);
  EXPECT_EQ(c.empty_frames, 1);  // the first mask is empty by definition
}

TEST(Compare, AConstantOffsetHasTheErrorOfItsSquare) {
  const auto flat = [](uint8_t v) {
    return Frames(3, [v](int) {
      Frame f(32, 32);
      std::fill(f.rgb.begin(), f.rgb.end(), v);
      return f;
    });
  };
  Frames a = flat(100), b = flat(151);  // 51 levels: a fifth
  const Comparison c = compare(a, b);
  EXPECT_NEAR(c.mse, 0.04, 1e-9);
  EXPECT_NEAR(c.psnr, -10 * std::log10(0.04), 1e-6);
  // Of two flat pictures SSIM is its term of luminance.
  EXPECT_NEAR(c.ssim, (2 * 100 * 151 + 6.5025) / (100.0 * 100 + 151 * 151 + 6.5025), 1e-6);
}

TEST(Compare, MotionElsewhereDoesNotOverlap) {
  Frames a = square_clip(10, 3), b = square_clip(110, 2);
  const Comparison c = compare(a, b);
  EXPECT_EQ(c.spatial_iou, 0);
  EXPECT_EQ(c.weighted_spatial_iou, 0);
  EXPECT_NEAR(c.spatiotemporal_iou, 1.0 / 12, 1e-9);  // the first, empty in both
}

TEST(Compare, AFrozenPairWinsByEmptyMasksAndItIsSaid) {
  Frames a = square_clip(10, 0), b = square_clip(90, 0);
  const Comparison c = compare(a, b);
  EXPECT_EQ(c.spatiotemporal_iou, 1);
  EXPECT_EQ(c.empty_frames, 12);
}

TEST(Compare, SizesMayDifferAndNoFramesAreAnError) {
  Frames a = square_clip(10, 6, 12, 320), b = square_clip(10, 6);
  EXPECT_EQ(compare(a, b).width, 160);
  Frames none(0, [](int) { return Frame(8, 8); }), some = square_clip(10, 6);
  EXPECT_THROW(compare(none, some), Error);
}

TEST(Compare, PhysicsIqOfATakeAgainstItselfIsOne) {
  Comparison takes;
  takes.spatial_iou = 0.6, takes.spatiotemporal_iou = 0.4, takes.weighted_spatial_iou = 0.5, takes.mse = 0.01;
  EXPECT_NEAR(physics_iq(takes, takes).original, 1, 1e-6);
  EXPECT_NEAR(physics_iq(takes, takes).verified, 1, 1e-6);
  Comparison half = takes;
  half.spatial_iou /= 2, half.spatiotemporal_iou /= 2, half.weighted_spatial_iou /= 2, half.mse = 0.02;
  EXPECT_NEAR(physics_iq(half, takes).original, 0.5 - 0.01, 1e-6);
  EXPECT_NEAR(physics_iq(half, takes).verified, 0.5, 1e-5);
}

TEST(Frechet, EqualsTheClosedFormOfTwoGaussians) {
  // Independent dimensions: (m1 - m2)^2 + (s1 - s2)^2, summed.
  Features a, b;
  Rng rng(5);
  for (int i = 0; i < 4000; ++i) {
    a.push_back({rng.normal(), 2 * rng.normal()});
    b.push_back({1 + 3 * rng.normal(), 2 * rng.normal()});
  }
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-9);
  EXPECT_NEAR(frechet_distance(a, b), 1 + 4, 0.35);
  EXPECT_THROW(frechet_distance({{1.0}}, a), Error);
  EXPECT_THROW(frechet_distance({{1.0}, {2.0}}, a), Error);
}

}  // namespace
}  // namespace orrery::physics_eval
