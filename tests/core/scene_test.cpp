#include "core/scene.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace orrery
