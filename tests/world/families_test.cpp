#include "world/families.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kSeeds = 60;  // times nine families

std::vector<Sample> samples(Split split, int per_family = kSeeds) {
  std::vector<Sample> result;
  for (std::string_view family : family_names())
    for (int seed = 0; seed < per_family; ++seed) result.push_back(make_sample(uint64_t(seed), split, std::string(family)));
  return result;
}

bool same_scene(const Scene& a, const Scene& b) {
  const auto items = prologue_of(a), others = prologue_of(b);
  if (items.size() != others.size()) return false;
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].coarse != others[i].coarse || items[i].fine != others[i].fine) return false;
  return true;
}

double speed_of(const ObjectSpec& o) { return std::hypot(o.vx, o.vy); }

TEST(Families, NothingOverlapsAtTheStart) {
  for (Split split : {Split::kTrain, Split::kOod, Split::kCombo})
    for (const Sample& sample : samples(split)) EXPECT_GE(smallest_gap(sample.scene), -1e-6) << sample.family << " " << sample.seed;
}

TEST(Families, ScenesAreOnTheGridAlready) {
  for (const Sample& sample : samples(Split::kTrain)) {
    const Scene again = quantized(sample.scene);
    EXPECT_TRUE(same_scene(sample.scene, again)) << sample.family << " " << sample.seed;
    for (size_t i = 0; i < again.objects.size(); ++i) {
      EXPECT_EQ(sample.scene.objects[i].x, again.objects[i].x);
      EXPECT_EQ(sample.scene.objects[i].y, again.objects[i].y);
      EXPECT_EQ(sample.scene.objects[i].vx, again.objects[i].vx);
      EXPECT_EQ(sample.scene.objects[i].angle, again.objects[i].angle);
    }
  }
}

TEST(Families, ASeedGivesOneSampleAndSplitsShareNone) {
  const Sample first = make_sample(7, Split::kTrain, "drop");
  EXPECT_TRUE(same_scene(first.scene, make_sample(7, Split::kTrain, "drop").scene));
  EXPECT_FALSE(same_scene(first.scene, make_sample(8, Split::kTrain, "drop").scene));
  EXPECT_FALSE(same_scene(first.scene, make_sample(7, Split::kId, "drop").scene));
}

TEST(Families, TrainingNeverShowsAHeldOutCombination) {
  for (Split split : {Split::kTrain, Split::kId, Split::kOod})
    for (const Sample& sample : samples(split))
      for (const ObjectSpec& o : sample.scene.objects) EXPECT_FALSE(is_held_out(sample.family, o.color, o.shape)) << sample.family;
  for (const Sample& sample : samples(Split::kCombo)) {
    int held = 0;
    for (const ObjectSpec& o : sample.scene.objects) held += is_held_out(sample.family, o.color, o.shape);
    EXPECT_GE(held, 1) << sample.family << " " << sample.seed;
  }
}

TEST(Families, EveryColourIsTaughtInSomeFamilyWithEveryShape) {
  for (Shape shape : {Shape::kBall, Shape::kBox})
    for (int color = 0; color < int(kColorNames.size()); ++color) {
      int taught = 0;
      for (std::string_view family : family_names()) taught += !is_held_out(family, color, shape);
      EXPECT_GE(taught, 4) << kColorNames[color];
    }
}

TEST(Families, TrainingStaysInItsRanges) {
  for (const Sample& sample : samples(Split::kTrain))
    for (const ObjectSpec& o : sample.scene.objects) {
      EXPECT_GE(o.size, kMinSize - 0.002);
      EXPECT_LE(o.size, kMaxSize + 0.002);
      EXPECT_LE(speed_of(o), kMaxSpeed + 0.01);
      EXPECT_LE(std::abs(o.omega), 20.1);
    }
}

TEST(Families, TrainingKeepsMassRatiosDown) {
  for (const char* family : {"collision", "mixed"})
    for (uint64_t seed = 0; seed < 150; ++seed)
      for (const Scene scene = make_sample(seed, Split::kTrain, family).scene; const ObjectSpec& a : scene.objects)
        for (const ObjectSpec& b : scene.objects) EXPECT_LE(mass_of(a) / mass_of(b), kMaxMassRatio * 1.03);
}

TEST(Families, OodLeavesTrainingsRangeOnItsAxis) {
  std::map<std::string, double> fastest;
  for (const Sample& sample : samples(Split::kTrain))
    for (const ObjectSpec& o : sample.scene.objects) fastest[sample.family] = std::max(fastest[sample.family], speed_of(o));
  std::set<OodAxis> seen;
  for (const Sample& sample : samples(Split::kOod)) {
    seen.insert(sample.ood_axis);
    double top = 0;
    for (const ObjectSpec& o : sample.scene.objects) {
      top = std::max(top, speed_of(o));
      const bool outside = o.size < kMinSize - 0.005 || o.size > kMaxSize + 0.005;
      EXPECT_EQ(outside, sample.ood_axis == OodAxis::kSize) << sample.family;
    }
    if (sample.ood_axis == OodAxis::kMassRatio) {
      const double a = mass_of(sample.scene.objects[0]), b = mass_of(sample.scene.objects[1]);
      EXPECT_GT(std::max(a, b) / std::min(a, b), kMaxMassRatio * 0.97);  // the size's grid
    }
    if (sample.ood_axis == OodAxis::kSpeed && sample.family == "roll") {
      EXPECT_GT(top, fastest["roll"]);
    }
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST(Families, LookLikeTheirNames) {
  for (const Sample& sample : samples(Split::kId, 25)) {
    const Trajectory t = simulate(sample.scene, 97);
    const ObjectSpec& o = sample.scene.objects[0];
    const ObjectState &start = t.at(0, 0), &end = t.at(96, 0);
    const std::string where = sample.family + " " + std::to_string(sample.seed);
    if (sample.family == "rest") {
      EXPECT_EQ(o.vx, 0) << where;
      EXPECT_EQ(o.omega, 0) << where;
      EXPECT_NEAR(end.x, start.x, 1e-4) << where;
    }
    if (sample.family == "drop") {
      EXPECT_GE(gap_to_floor(o), 1.45) << where;
    }
    if (sample.family == "bounce") {
      int hits = 0;
      for (const ContactEvent& event : t.contacts) hits += event.normal_speed > 1;
      EXPECT_GE(hits, sample.scene.gravity > 5 ? 2 : 1) << where;
    }
    if (sample.family == "roll") {
      EXPECT_GT(std::abs(end.x - start.x), 5) << where;
    }
    if (sample.family == "slide" || sample.family == "ramp") {
      EXPECT_GT(std::abs(end.x - start.x), 1.0) << where;
    }
    if (sample.family == "collision") {
      bool hit = false;
      for (const ContactEvent& event : t.contacts) hit |= event.b >= 0 && event.frame <= 44;
      EXPECT_TRUE(hit) << where;
    }
  }
}

TEST(Families, SlidingAndRampBoxesDoNotTumble) {
  for (const char* family : {"slide", "ramp"})
    for (uint64_t seed = 0; seed < 30; ++seed) {
      const Sample sample = make_sample(seed, Split::kId, family);
      if (sample.scene.objects[0].shape != Shape::kBox) continue;
      const Trajectory t = simulate(sample.scene, 25);
      EXPECT_NEAR(t.at(20, 0).angle, sample.scene.objects[0].angle, 0.8) << family << seed;
    }
}

TEST(Families, ATenthOfTrainingHasPushesOfSensibleSize) {
  int pushed = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Sample sample = make_sample(seed, Split::kTrain);
    pushed += !sample.pushes.empty();
    for (const Push& push : sample.pushes) {
      const double dv = std::hypot(push.jx, push.jy) / mass_of(sample.scene.objects.at(push.object));
      EXPECT_GE(dv, 0.49);
      EXPECT_LE(dv, 4.01);
    }
    EXPECT_TRUE(make_sample(seed, Split::kId, "rest").pushes.empty());
  }
  EXPECT_GT(pushed, 20);
  EXPECT_LT(pushed, 65);
}

// Colour is independent of the motion: over many samples each colour has about the same mean speed.
TEST(Families, ColourTellsNothingAboutTheMotion) {
  std::array<double, 10> sum{}, count{};
  double total = 0, all = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const Sample sample = make_sample(seed, Split::kId, "slide");
    const ObjectSpec& o = sample.scene.objects[0];
    sum[o.color] += speed_of(o), count[o.color] += 1;
    total += speed_of(o), all += 1;
  }
  for (int color = 0; color < 10; ++color) {
    if (count[color] == 0) continue;
    EXPECT_NEAR(sum[color] / count[color], total / all, 0.35) << kColorNames[color];
  }
}

TEST(Families, GravityVariesInATenth) {
  int other = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) other += std::abs(make_sample(seed, Split::kTrain, "drop").scene.gravity - 9.81) > 0.01;
  EXPECT_GT(other, 25);
  EXPECT_LT(other, 80);
}

TEST(Families, UnknownNamesAreUsageErrors) {
  Rng rng(1);
  EXPECT_THROW(build_scene("levitate", rng, Split::kTrain), UsageError);
  EXPECT_THROW(make_sample(1, Split::kTrain, "levitate"), UsageError);
  EXPECT_THROW(parse_split("test"), UsageError);
  EXPECT_EQ(parse_split("combo"), Split::kCombo);
}

TEST(Scenes, GapsAreExactWhereTheyCanBeChecked) {
  ObjectSpec ball, box;
  ball.size = 0.3, ball.x = 2, ball.y = 3;
  box.shape = Shape::kBox, box.size = 0.4, box.x = 3, box.y = 3;
  EXPECT_NEAR(gap_between(ball, box), 0.3, 1e-12);
  box.angle = std::atan(1.0);
  EXPECT_NEAR(gap_between(ball, box), 1 - 0.3 - 0.4 * std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(gap_to_floor(ball), 3 - 0.3 - kFloorY, 1e-12);
  ObjectSpec other = ball;
  other.x = 2.5;
  EXPECT_NEAR(gap_between(ball, other), -0.1, 1e-12);
  const Ramp ramp{true, 6, 3, 3};  // 45 degrees, descending to the right
  other.x = 4.5, other.y = kFloorY + 1.5 + 1;
  EXPECT_NEAR(gap_to_ramp(other, ramp), std::sqrt(0.5) - 0.3, 1e-12);
}

TEST(Scenes, MirroringTwiceIsNothing) {
  const Scene scene = make_sample(3, Split::kTrain, "ramp").scene;
  EXPECT_TRUE(same_scene(scene, quantized(mirrored(mirrored(scene)))));
}

}  // namespace
}  // namespace orrery
