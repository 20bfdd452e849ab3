#include "core/scene.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace orrery {
namespace {

Scene example() {
  Scene scene;
  scene.ramp = {true, 2.0, 5.0, 1.2};
  ObjectSpec ball{Shape::kBall, 3, 1, 0.35, 6.1, 2.0, 0.4, 1.0, -2.0, 0.5};
  ObjectSpec box{Shape::kBox, 5, 2, 0.4, 1.1, 1.0, 0.0, 0.0, 0.0, 0.0};
  scene.objects = {ball, box};
  return scene;
}

TEST(Scene, QuantisingTwiceChangesNothing) {
  const Scene once = quantized(example()), twice = quantized(once);
  const auto a = prologue_of(once), b = prologue_of(twice);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].value(), b[i].value()) << i;
}

TEST(Scene, CanonicalOrderIsByX) {
  const Scene scene = quantized(example());
  EXPECT_EQ(scene.objects[0].shape, Shape::kBox);
  EXPECT_NEAR(scene.objects[1].x, 6.1, 0.0016);
  EXPECT_NEAR(scene.objects[1].y, 2.0, 0.0031);
}

TEST(Scene, RestOnTheFloorIsExact) {
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 0, 0, 0.333, 5, kFloorY + 0.333}};
  EXPECT_DOUBLE_EQ(quantized(scene).objects[0].foot(), kFloorY);
}

TEST(Scene, IncompletePrologueIsRefused) {
  auto items = prologue_of(example());
  items.pop_back();
  EXPECT_THROW(scene_of(items), Error);
  items.erase(items.begin() + 3);
  EXPECT_THROW(scene_of(items), Error);
}

TEST(Scene, WhatTheGridCannotHoldIsNamed) {
  Scene scene = quantized(example());
  scene.objects[1].vx = 11;
  try {
    prologue_of(scene);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("vx of object 1 is 11"), std::string::npos) << error.what();
  }
  EXPECT_NEAR(quantized(scene).objects[1].vx, 10.235, 1e-9);  // to the nearest end
  scene.objects[1].vx = 0;
  scene.objects[0].color = 10;
  EXPECT_THROW(prologue_of(scene), Error);
  scene.objects.assign(kMaxObjects + 1, ObjectSpec{});
  EXPECT_THROW(prologue_of(scene), Error);
}

TEST(Scene, EveryNumberIsWithinHalfAStep) {
  const Scene scene = example(), grid = quantized(scene);
  const ObjectSpec &a = scene.objects[0], &b = grid.objects[1];
  EXPECT_NEAR(b.size, a.size, 0.0015001);
  EXPECT_NEAR(b.x, a.x, 0.0015001);
  EXPECT_NEAR(b.foot(), a.foot(), 0.0015001);
  EXPECT_NEAR(b.angle, a.angle, 0.00077);
  EXPECT_NEAR(b.vx, a.vx, 0.0025001);
  EXPECT_NEAR(b.vy, a.vy, 0.0025001);
  EXPECT_NEAR(b.omega, a.omega, 0.0050001);
  EXPECT_NEAR(grid.ramp.height, scene.ramp.height, 0.0015001);
  EXPECT_EQ(b.color, a.color);
  EXPECT_EQ(b.material, a.material);
}

TEST(Scene, HalfATurnHasOneName) {
  Scene scene = example();
  for (double angle : {3.14159265, -3.14159265, 3 * 3.14159265}) {
    scene.objects[0].angle = angle;
    EXPECT_NEAR(quantized(scene).objects[1].angle, -3.14159265, 1e-6) << angle;
  }
}

TEST(Scene, StepsOutsideTheGridAreRefused) {
  const auto items = prologue_of(quantized(example()));
  for (size_t i = 0; i < items.size(); ++i)
    for (int coarse : {-1, 64}) {
      auto changed = items;
      changed[i].coarse = coarse;
      EXPECT_THROW(scene_of(changed), Error) << i;
    }
}

TEST(Scene, ItemsAfterTheEndAreRefused) {
  auto items = prologue_of(example());
  items.push_back(items.back());
  EXPECT_THROW(scene_of(items), Error);
}

}  // namespace
}  // namespace orrery
