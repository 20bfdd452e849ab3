// The simulator against mathematics, not against its own old output. h is the step, 1/192 s.
#include "world/simulate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "world/families.h"
#include "world/materials.h"
#include "world/scenes.h"

namespace orrery {
namespace {

constexpr double kGravity = 9.81;
enum { kRubber, kWood, kSteel, kIce, kClay };

ObjectSpec body(Shape shape, int material, double size, double x, double y) {
  ObjectSpec o;
  o.shape = shape;
  o.material = material;
  o.size = size;
  o.x = x;
  o.y = y;
  return o;
}

Scene scene_with(std::initializer_list<ObjectSpec> objects) {
  Scene scene;
  scene.objects = objects;
  return quantized(scene);
}

TEST(Simulate, FreeFallDiffersFromTheClosedFormByTheKnownStepErrorOnly) {
  const Scene scene = scene_with({body(Shape::kBall, kRubber, 0.3, 5, 5.7)});
  const Trajectory trajectory = simulate(scene, 23);
  const double y0 = scene.objects[0].y;
  for (int frame = 0; frame < 23; ++frame) {
    const double t = frame / kFramesPerSecond;
    const double closed = y0 - 0.5 * kGravity * t * t, step_error = 0.5 * kGravity * t * kTimeStep;
    EXPECT_NEAR(trajectory.at(frame, 0).y, closed - step_error, 2e-5) << frame;
    EXPECT_NEAR(trajectory.at(frame, 0).vy, -kGravity * t, 2e-5) << frame;
  }
  EXPECT_NEAR(0.5 * kGravity * 1.0 * kTimeStep, 0.0255, 1e-4);  // what simulate.h promises after 1 s
}

TEST(Simulate, ProjectileKeepsItsHorizontalSpeedAndSpin) {
  ObjectSpec o = body(Shape::kBox, kWood, 0.3, 2, 3);
  o.vx = 3;
  o.vy = 2;
  o.omega = 4;
  const Scene scene = scene_with({o});
  const Trajectory trajectory = simulate(scene, 15);
  for (int frame = 1; frame < 15; ++frame) {
    const double t = frame / kFramesPerSecond;
    EXPECT_NEAR(trajectory.at(frame, 0).x, scene.objects[0].x + 3 * t, 1e-4);
    EXPECT_NEAR(trajectory.at(frame, 0).angle, 4 * t, 1e-4);
  }
}

// Rebound speed = restitution times approach speed; 0.06 m/s: one step of gravity.
TEST(Simulate, EveryMaterialReboundsWithItsRestitution) {
  for (int material = 0; material < int(kMaterialNames.size()); ++material) {
    const Scene scene = scene_with({body(Shape::kBall, material, 0.3, 5, 4.2)});
    const Trajectory trajectory = simulate(scene, 40);
    ASSERT_FALSE(trajectory.contacts.empty());
    const ContactEvent& hit = trajectory.contacts.front();
    EXPECT_EQ(hit.b, -1);
    const double fall = scene.objects[0].y - scene.objects[0].size - kFloorY;
    EXPECT_NEAR(hit.normal_speed, std::sqrt(2 * kGravity * fall), 0.06);
    // The hit was some time during the frame: up to 1/24 s of gravity since.
    const double after = trajectory.at(hit.frame, 0).vy, expected = kMaterials[material].restitution * hit.normal_speed;
    EXPECT_LE(after, expected + 0.06) << kMaterialNames[material];
    EXPECT_GE(after, expected - kGravity / kFramesPerSecond - 0.06) << kMaterialNames[material];
  }
}

TEST(Simulate, BounceHeightIsRestitutionSquaredOfTheDrop) {
  const Scene scene = scene_with({body(Shape::kBall, kRubber, 0.3, 5, 4.2)});
  const Trajectory trajectory = simulate(scene, 60);
  const int first = trajectory.contacts.at(0).frame, second = trajectory.contacts.at(1).frame;
  double top = 0;
  for (int frame = first; frame < second; ++frame) top = std::max<double>(top, trajectory.at(frame, 0).y);
  const double drop = scene.objects[0].y - 0.3 - kFloorY, e = kMaterials[kRubber].restitution;
  EXPECT_NEAR(top - 0.3 - kFloorY, e * e * drop, 0.06);  // one step at the approach speed is 4 cm
}

TEST(Simulate, FlatCollisionKeepsMomentumAndHasTheMixedRestitution) {
  ObjectSpec left = body(Shape::kBall, kSteel, 0.3, 3, 4), right = body(Shape::kBall, kSteel, 0.42, 5, 4);
  left.vx = 4;
  right.vx = -1;
  Scene scene = scene_with({left, right});
  scene.gravity = 0;
  const Trajectory trajectory = simulate(scene, 30);
  const double m1 = mass_of(scene.objects[0]), m2 = mass_of(scene.objects[1]);
  const ObjectState &a = trajectory.at(29, 0), &b = trajectory.at(29, 1);
  EXPECT_NEAR(m1 * a.vx + m2 * b.vx, m1 * 4 - m2 * 1, 1e-3 * m1 * 4);
  const double e = kMaterials[kSteel].restitution;  // sqrt(e e)
  EXPECT_NEAR(b.vx - a.vx, e * 5, 0.01);
  ASSERT_EQ(trajectory.contacts.size(), 1u);
  EXPECT_EQ(trajectory.contacts[0].a, 0);
  EXPECT_EQ(trajectory.contacts[0].b, 1);
  EXPECT_NEAR(trajectory.contacts[0].normal_speed, 5, 1e-3);
}

TEST(Simulate, RestitutionBetweenBodiesIsTheGeometricMean) {
  ObjectSpec left = body(Shape::kBall, kRubber, 0.3, 3, 4), right = body(Shape::kBall, kClay, 0.3, 5, 4);
  left.vx = 4;
  Scene scene = scene_with({left, right});
  scene.gravity = 0;
  const Trajectory trajectory = simulate(scene, 30);
  const double e = std::sqrt(kMaterials[kRubber].restitution * kMaterials[kClay].restitution);
  EXPECT_NEAR(trajectory.at(29, 1).vx - trajectory.at(29, 0).vx, e * 4, 0.01);
}

TEST(Simulate, SlidingBoxDeceleratesByFrictionTimesGravity) {
  for (int material : {kWood, kSteel, kIce}) {
    ObjectSpec o = body(Shape::kBox, material, 0.3, 2, kFloorY + 0.3);
    o.vx = 4;
    const Trajectory trajectory = simulate(scene_with({o}), 20);
    const double t = 19 / kFramesPerSecond;
    const double measured = (4 - trajectory.at(19, 0).vx) / t;
    EXPECT_NEAR(measured, kMaterials[material].friction * kGravity, 0.02) << kMaterialNames[material];
    EXPECT_NEAR(trajectory.at(19, 0).angle, 0, 1e-3);
  }
}

TEST(Simulate, BallRollsWithoutSlip) {
  ObjectSpec o = body(Shape::kBall, kRubber, 0.3, 2, kFloorY + 0.3);
  o.vx = 2.4;
  o.omega = -2.4 / 0.3;
  const Trajectory trajectory = simulate(scene_with({o}), 60);
  for (int frame = 0; frame < 60; ++frame) {
    const ObjectState& s = trajectory.at(frame, 0);
    EXPECT_NEAR(s.x - trajectory.at(0, 0).x, -0.3 * s.angle, 2e-3);
    EXPECT_NEAR(s.y, kFloorY + 0.3, 1e-3);
  }
}

// a = 5/7 g sin(slope) for a solid sphere that does not slip.
TEST(Simulate, BallRollsDownARampLikeASolidSphere) {
  Scene scene;
  scene.ramp = {true, 6.0, 1.5, 1.8};
  const double slope = std::atan2(1.8, 4.5), x = 2.4, r = 0.3;
  ObjectSpec o = body(Shape::kBall, kRubber, r, x, kFloorY + (6.0 - x) / 4.5 * 1.8 + r / std::cos(slope));
  scene.objects = {o};
  const Trajectory trajectory = simulate(scene, 25);
  const double dx = trajectory.at(24, 0).x - x, along = dx / std::cos(slope);
  EXPECT_NEAR(2 * along, 5.0 / 7.0 * kGravity * std::sin(slope), 0.06);  // t = 1 s
}

TEST(Simulate, IceBoxSlidesDownARampWithFriction) {
  Scene scene;
  scene.ramp = {true, 6.0, 1.5, 1.8};
  const double slope = std::atan2(1.8, 4.5), x = 2.4, s = 0.3;
  ObjectSpec o = body(Shape::kBox, kIce, s, x, kFloorY + (6.0 - x) / 4.5 * 1.8 + s / std::cos(slope));
  o.angle = -slope;
  scene.objects = {o};
  const Trajectory trajectory = simulate(scene, 21);
  const double t = 20 / kFramesPerSecond;
  const double expected = kGravity * (std::sin(slope) - kMaterials[kIce].friction * std::cos(slope));
  EXPECT_NEAR(2 * (trajectory.at(20, 0).x - x) / std::cos(slope) / (t * t), expected, 0.08);
  EXPECT_NEAR(trajectory.at(20, 0).angle, -slope, 5e-3);
}

TEST(Simulate, WhatStandsStaysWhereItStands) {
  const Trajectory trajectory = simulate(scene_with({body(Shape::kBox, kWood, 0.402, 3, kFloorY + 0.402), body(Shape::kBall, kSteel, 0.3, 6, kFloorY + 0.3)}), 240);
  for (int frame = 0; frame < 240; ++frame)
    for (int i = 0; i < 2; ++i) {
      const ObjectState &now = trajectory.at(frame, i), &start = trajectory.at(0, i);
      EXPECT_NEAR(now.x, start.x, 1e-5);
      EXPECT_NEAR(now.y, start.y, 1e-5);
      EXPECT_NEAR(now.angle, start.angle, 1e-5);
      EXPECT_TRUE(now.contact);
    }
}

TEST(Simulate, NothingStaysInsideTheFloorOrAnotherBody) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Sample sample = make_sample(seed, Split::kId, "mixed");
    const Trajectory trajectory = simulate(sample.scene, 97);
    for (size_t i = 0; i < sample.scene.objects.size(); ++i) {
      ObjectSpec o = sample.scene.objects[i];
      const ObjectState& s = trajectory.at(96, int(i));
      o.x = s.x, o.y = s.y, o.angle = s.angle;
      EXPECT_GT(gap_to_floor(o), -0.04) << seed;
    }
  }
}

TEST(Simulate, APushChangesTheVelocityByImpulseOverMass) {
  Scene scene = scene_with({body(Shape::kBall, kWood, 0.3, 5, 3)});
  scene.gravity = 0;
  const double m = mass_of(scene.objects[0]);
  const Push push{0, 5, 2 * m, -1 * m, scene.objects[0].x, scene.objects[0].y};
  const Trajectory trajectory = simulate(scene, 10, std::span(&push, 1));
  EXPECT_EQ(trajectory.at(5, 0).vx, 0);
  EXPECT_NEAR(trajectory.at(6, 0).vx, 2, 1e-5);
  EXPECT_NEAR(trajectory.at(6, 0).vy, -1, 1e-5);
  EXPECT_NEAR(trajectory.at(6, 0).x - trajectory.at(5, 0).x, 2 / kFramesPerSecond, 1e-5);
  EXPECT_EQ(trajectory.pushes.size(), 1u);
}

TEST(Simulate, APushOffCentreTurns) {
  Scene scene = scene_with({body(Shape::kBox, kWood, 0.3, 5, 3)});
  scene.gravity = 0;
  const ObjectSpec& o = scene.objects[0];
  const Push push{0, 0, 3, 0, o.x, o.y + 0.1};
  const Trajectory trajectory = simulate(scene, 2, std::span(&push, 1));
  EXPECT_NEAR(trajectory.at(1, 0).omega, -0.1 * 3 / inertia_of(o), 1e-3);
}

TEST(Simulate, RefusesAPushOnNothing) {
  const Scene scene = scene_with({body(Shape::kBall, kWood, 0.3, 5, 3)});
  const Push push{1, 0, 1, 0, 5, 3};
  EXPECT_THROW(simulate(scene, 10, std::span(&push, 1)), Error);
  const Push late{0, 50, 1, 0, 5, 3};
  EXPECT_EQ(simulate(scene, 10, std::span(&late, 1)).at(9, 0).vx, 0);
}

TEST(Simulate, SameSeedSameBits) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Sample a = make_sample(seed, Split::kTrain), b = make_sample(seed, Split::kTrain);
    const Trajectory first = simulate(a.scene, 97, a.pushes), second = simulate(b.scene, 97, b.pushes);
    ASSERT_EQ(first.states.size(), second.states.size());
    for (size_t i = 0; i < first.states.size(); ++i) {
      EXPECT_EQ(std::memcmp(&first.states[i], &second.states[i], 6 * sizeof(float)), 0);
      EXPECT_EQ(first.states[i].contact, second.states[i].contact);
    }
  }
}

TEST(Simulate, SpeedFigure) {
  const auto start = std::chrono::steady_clock::now();
  constexpr int kScenes = 100;
  for (uint64_t seed = 0; seed < kScenes; ++seed) simulate(make_sample(seed, Split::kTrain).scene, 97);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("scenes_of_4_s_per_second", int(kScenes / seconds));
  EXPECT_GT(kScenes / seconds, 20);
}

}  // namespace
}  // namespace orrery
