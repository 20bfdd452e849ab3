#include "world/renderer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "world/families.h"
#include "world/renderer_palette.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

std::span<const ObjectState> states_at(const Trajectory& t, int frame) { return {&t.at(frame, 0), size_t(t.num_objects)}; }

TEST(Renderer, ACropHasTheBytesOfTheWholeFrame) {
  for (Style style : {Style::kTrain, Style::kEvaluation})
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const Sample sample = make_sample(seed, Split::kTrain);
      const Trajectory t = simulate(sample.scene, 97, sample.pushes);
      const Renderer whole(sample.scene, style, 5);
      const Frame frame = whole.frame(states_at(t, 30), 1.25);
      Rng rng(seed);
      const Rect rect{rng.below(320 - 64), rng.below(192 - 64), 64, 64};
      const Renderer part(sample.scene, style, 5, rect);
      for (const Renderer* renderer : {&whole, &part}) {
        std::vector<uint8_t> crop(64 * 64 * 3);
        renderer->draw(states_at(t, 30), rect, crop.data(), 1.25);
        for (int y = 0; y < 64; ++y)
          ASSERT_EQ(std::memcmp(&crop[y * 64 * 3], frame.at(rect.x0, rect.y0 + y), 64 * 3), 0) << seed << " row " << y;
      }
    }
}

TEST(Renderer, SameStatesSamePicture) {
  const Sample sample = make_sample(4, Split::kTrain, "mixed");
  const Trajectory t = simulate(sample.scene, 3);
  EXPECT_EQ(Renderer(sample.scene).frame(states_at(t, 2)).rgb, Renderer(sample.scene).frame(states_at(t, 2)).rgb);
}

// Colour changes well inside the mask; outside mask and shadow the picture is the background's.
TEST(Renderer, MaskAgreesWithWhatIsDrawn) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Sample sample = make_sample(seed, Split::kTrain, "projectile");
    const Trajectory t = simulate(sample.scene, 2);
    Scene other = sample.scene;
    other.objects[0].color = (other.objects[0].color + 1 + int(seed % 9)) % 10;
    const Frame drawn = Renderer(sample.scene).frame(states_at(t, 0)), repainted = Renderer(other).frame(states_at(t, 0));
    std::vector<uint8_t> ids(320 * 192);
    Renderer(sample.scene).mask(states_at(t, 0), Rect{}, ids.data());
    int inside = 0, changed_outside = 0;
    for (int i = 0; i < 320 * 192; ++i) {
      const bool differs = std::memcmp(&drawn.rgb[3 * i], &repainted.rgb[3 * i], 3) != 0;
      inside += ids[i] == 1;
      if (ids[i] != 1) changed_outside += differs;
    }
    const ObjectSpec& o = sample.scene.objects[0];
    const double side = o.size * kPixelsPerMeter, area = o.shape == Shape::kBall ? 3.14159 * side * side : 4 * side * side;
    EXPECT_NEAR(inside, area, 0.05 * area + 6) << seed;
    // Only pixels that the silhouette shares with the background, less than half covered.
    EXPECT_LT(changed_outside, 10 * side) << seed;
  }
}

TEST(Renderer, MaskNamesEveryObjectAndTheRamp) {
  const Sample sample = make_sample(2, Split::kTrain, "ramp");
  const Trajectory t = simulate(sample.scene, 2);
  std::vector<uint8_t> ids(320 * 192);
  Renderer(sample.scene).mask(states_at(t, 0), Rect{}, ids.data());
  const ObjectState& s = t.at(0, 0);
  auto id_at = [&](double x, double y) { return ids[size_t((kViewHeight - y) * 32) * 320 + size_t(x * 32)]; };
  EXPECT_EQ(id_at(s.x, s.y), 1);
  const Ramp& ramp = sample.scene.ramp;
  EXPECT_EQ(id_at(std::clamp(0.3 * ramp.x_low + 0.7 * ramp.x_high, 0.1, 9.9), kFloorY + 0.1), kMaskRamp);
  EXPECT_EQ(id_at(5, 5.9), kMaskBackground);
}

double distance(const ColorF& a, const ColorF& b) {
  return std::hypot(a.r - b.r, a.g - b.g, a.b - b.b);
}

// What a checker of adherence relies on: an object's mean colour over its mask is nearest to its own name's.
// References: each name's mean over shapes and lights in rubber.
ColorF mean_color(int color, Shape shape, int material, int light, int backdrop, double angle, double size) {
  Scene scene;
  scene.light = light;
  scene.wall_color = scene.floor_color = backdrop;
  ObjectSpec o;
  o.color = color, o.shape = shape, o.material = material, o.angle = angle, o.size = size, o.x = 4, o.y = 3;
  scene.objects = {o};
  ObjectState state;
  state.x = 4, state.y = 3, state.angle = float(angle);
  const Rect rect{96, 64, 64, 64};
  const Renderer renderer(scene, Style::kTrain, 0, rect);
  std::vector<uint8_t> rgb(64 * 64 * 3), ids(64 * 64);
  renderer.draw({&state, 1}, rect, rgb.data());
  renderer.mask({&state, 1}, rect, ids.data());
  ColorF sum;
  int count = 0;
  for (int i = 0; i < 64 * 64; ++i)
    if (ids[i] == 1) sum = sum + ColorF{float(rgb[3 * i]), float(rgb[3 * i + 1]), float(rgb[3 * i + 2])}, ++count;
  return sum * (1.0f / count);
}

TEST(Renderer, EveryColourIsNearestToItsOwnName) {
  std::array<ColorF, 10> reference;
  for (int color = 0; color < 10; ++color) {
    ColorF sum;
    for (int light = 0; light < 4; ++light)
      for (Shape shape : {Shape::kBall, Shape::kBox}) sum = sum + mean_color(color, shape, 0, light, 7, 0.3, 0.4);
    reference[color] = sum * (1.0f / 8);
  }
  int wrong = 0, total = 0;
  for (int color = 0; color < 10; ++color)
    for (int material = 0; material < 5; ++material)
      for (int light = 0; light < 4; ++light)
        for (Shape shape : {Shape::kBall, Shape::kBox})
          for (double angle : {0.0, 1.2, 2.4, 4.0})
            for (double size : {0.2, 0.5}) {
              const ColorF mean = mean_color(color, shape, material, light, (color + light) % 8, angle, size);
              int nearest = 0;
              for (int other = 1; other < 10; ++other)
                if (distance(mean, reference[other]) < distance(mean, reference[nearest])) nearest = other;
              ++total;
              if (nearest == color) continue;
              ++wrong;
              ADD_FAILURE() << kColorNames[color] << " looks like " << kColorNames[nearest] << ": " << kMaterialNames[material] << " "
                            << kShapeNames[int(shape)] << ", light " << kLightNames[light] << ", angle " << angle << ", size " << size;
            }
  EXPECT_EQ(wrong, 0) << "of " << total;
}

TEST(Renderer, EveryColourStandsOutFromEveryBackdrop) {
  for (int color = 0; color < 10; ++color)
    for (int backdrop = 0; backdrop < 8; ++backdrop)
      for (float tone : {0.8f, 1.0f})
        EXPECT_GT(distance(mean_color(color, Shape::kBall, 0, 0, backdrop, 0, 0.4), kBackdrops[backdrop] * tone), 36)
            << kColorNames[color] << " on " << kBackdropNames[backdrop];
}

TEST(Renderer, OrientationShows) {
  for (Shape shape : {Shape::kBall, Shape::kBox})
    for (int color = 0; color < 10; ++color) {
      Scene scene;
      ObjectSpec o;
      o.shape = shape, o.color = color, o.size = 0.3, o.x = 5, o.y = 3;
      scene.objects = {o};
      const Renderer renderer(scene);
      ObjectState state;
      state.x = 5, state.y = 3;
      const Frame upright = renderer.frame({&state, 1});
      for (double angle : {1.5708, 3.14159, 4.71239}) {  // a square looks the same after each quarter turn, but for its stripe
        state.angle = float(angle);
        const Frame turned = renderer.frame({&state, 1});
        double difference = 0;
        for (size_t i = 0; i < turned.rgb.size(); ++i) difference += std::abs(int(turned.rgb[i]) - int(upright.rgb[i]));
        EXPECT_GT(difference / (3 * 3.14 * 9.6 * 9.6), 8) << kColorNames[color] << " " << angle;  // levels per pixel of the object
      }
    }
}

TEST(Renderer, AContactShadowFadesWithHeight) {
  Scene scene;
  ObjectSpec o;
  o.size = 0.3, o.x = 5, o.y = 0.9;
  scene.light = 3;
  scene.objects = {o};
  const Renderer renderer(scene);
  auto darkness = [&](float y) {
    ObjectState state;
    state.x = 5, state.y = y;
    const Frame with = renderer.frame({&state, 1});
    state.x = -50;
    const Frame without = renderer.frame({&state, 1});
    return int(without.at(160, 175)[0]) - int(with.at(160, 175)[0]);
  };
  EXPECT_GT(darkness(0.92f), 25);
  EXPECT_GT(darkness(0.92f), darkness(2.0f) + 8);
  EXPECT_GE(darkness(4.0f), 0);
}

TEST(Renderer, FarAwayStatesAreHarmless) {
  const Sample sample = make_sample(1, Split::kTrain, "drop");
  ObjectState state;
  state.x = 1e9f, state.y = -1e9f;
  const Renderer renderer(sample.scene);
  const Frame frame = renderer.frame({&state, 1});
  state.y = 1e6f, state.x = -4;
  EXPECT_EQ(renderer.frame({&state, 1}).rgb, frame.rgb);
}

}  // namespace
}  // namespace orrery
