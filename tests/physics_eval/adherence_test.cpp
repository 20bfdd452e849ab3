#include "physics_eval/adherence.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "drawn_clip.h"
#include "physics_eval/color_name.h"

#ifdef ORRERY_WORLD
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"
#endif

namespace orrery::physics_eval {
namespace {

using test::DrawnClip;
using test::Place;

int color_index(std::string_view name) {
  return int(std::find(kColorNames.begin(), kColorNames.end(), name) - kColorNames.begin());
}

// Typical sRGB values of the words (CSS and common crayons), none of them the renderer's.
struct NamedColor {
  const char* name;
  std::array<double, 3> rgb;
};
const NamedColor kExamples[] = {{"red", {220, 20, 60}},   {"red", {178, 34, 34}},     {"orange", {255, 140, 0}}, {"yellow", {255, 215, 0}},
                                {"green", {34, 139, 34}}, {"green", {50, 205, 50}},   {"cyan", {0, 200, 220}},   {"blue", {65, 105, 225}},
                                {"blue", {0, 0, 180}},    {"purple", {128, 0, 128}},  {"purple", {148, 60, 211}}, {"pink", {255, 105, 180}},
                                {"pink", {255, 182, 193}}, {"white", {245, 245, 245}}, {"black", {25, 25, 28}}};

TEST(ColorName, EverydayColoursGetTheirWords) {
  for (const NamedColor& example : kExamples) {
    const cv::Mat pixels(12, 12, CV_8UC3, cv::Scalar(example.rgb[0], example.rgb[1], example.rgb[2]));
    EXPECT_EQ(kColorNames[name_color(pixels, cv::Mat(12, 12, CV_8U, cv::Scalar(255))).color], example.name);
  }
}

TEST(ColorName, DimLightDoesNotChangeTheWord) {
  for (const NamedColor& example : kExamples) {
    if (std::string_view(example.name) == "black") continue;
    const double dim = 0.65;
    const cv::Mat pixels(12, 12, CV_8UC3, cv::Scalar(dim * example.rgb[0], dim * example.rgb[1], dim * example.rgb[2]));
    EXPECT_EQ(kColorNames[name_color(pixels, cv::Mat(12, 12, CV_8U, cv::Scalar(255))).color], example.name);
  }
}

std::vector<Frame> frames_of(const DrawnClip& clip) {
  std::vector<Frame> frames;
  for (int i = 0; i < kAdherenceFrames; ++i) frames.push_back(clip.frame(i));
  return frames;
}

TEST(Adherence, RestingAndMovingDrawingsAreSeen) {
  DrawnClip clip;
  clip.noise = 3;
  clip.objects = {{[](double) { return Place{60, 161}; }, 11, {200, 30, 40}, true, true},
                  {[](double t) { return Place{150 + 60 * t, 60}; }, 9, {40, 70, 210}}};
  const auto seen = see_objects(frames_of(clip));
  ASSERT_EQ(seen.size(), 2u) << describe(seen);
  EXPECT_EQ(seen[0].shape, Shape::kBox);
  EXPECT_EQ(kColorNames[seen[0].color], "red");
  EXPECT_EQ(seen[1].shape, Shape::kBall);
  EXPECT_EQ(kColorNames[seen[1].color], "blue");
  EXPECT_NEAR(seen[1].size, 9, 1);
}

TEST(Adherence, AnEmptyRoomHasNoObjects) {
  DrawnClip clip;
  clip.noise = 3;
  EXPECT_TRUE(see_objects(frames_of(clip)).empty());
}

// Two strips of no ball's or box's length, of one colour, that together are as wide as high.
TEST(Adherence, ABoxWithAStripeOfTheWallsColourIsOneBox) {
  Frame frame(320, 192);
  std::fill(frame.rgb.begin(), frame.rgb.end(), uint8_t(175));
  for (int y = 44; y < 56; ++y)
    for (int x = 100; x < 113; ++x)
      if (y < 48 || y > 51) std::fill_n(frame.at(x, y), 3, uint8_t(25));
  const std::vector<SeenObject> seen = see_objects(std::vector<Frame>(9, frame));
  ASSERT_EQ(seen.size(), 1u) << describe(seen);
  EXPECT_EQ(describe(seen), "black box");
}

TEST(Adherence, ExpectationsAreMatchedOneToOne) {
  SeenObject red_ball, red_box;
  red_ball.color = red_box.color = color_index("red");
  red_box.shape = Shape::kBox;
  const std::vector<SeenObject> seen{red_ball, red_box};
  const ExpectedObject any_red{{}, color_index("red")}, ball{Shape::kBall, {}}, blue{{}, color_index("blue")};
  EXPECT_TRUE(adheres(seen, {.objects = {any_red, ball}}));  // greedy matching would give the ball to the first
  EXPECT_TRUE(adheres(seen, {.objects = {ball, any_red}}));
  EXPECT_FALSE(adheres(seen, {.objects = {ball, ball}}));
  EXPECT_FALSE(adheres(seen, {.objects = {ball}}));
  EXPECT_TRUE(adheres(seen, {.objects = {ball}, .more_allowed = true}));
  EXPECT_TRUE(adheres(seen, {.objects = {}, .count = 2}));
  std::string detail;
  EXPECT_FALSE(adheres(seen, {.objects = {any_red, blue}}, &detail));
  EXPECT_EQ(detail, "no blue object among: red ball, red box");
  EXPECT_FALSE(adheres({}, {.objects = {ball}}, &detail));
  EXPECT_EQ(detail, "1 object(s) expected, 0 seen: nothing");
}

#ifdef ORRERY_WORLD
// blur: sigma in px of what the frames are softened by, as coding and generators do.
int wrong_of(int first_seed, int count, double blur = 0) {
  int wrong = 0;
  for (int seed = first_seed; seed < first_seed + count; ++seed) {
    const Sample sample = make_sample(uint64_t(seed), Split::kId);
    const Trajectory t = simulate(sample.scene, kAdherenceFrames, sample.pushes);
    const Renderer renderer(sample.scene);
    std::vector<Frame> frames;
    for (int i = 0; i < kAdherenceFrames; ++i) frames.push_back(renderer.frame({&t.at(i, 0), size_t(t.num_objects)}));
    for (Frame& f : frames)
      if (cv::Mat image(f.height, f.width, CV_8UC3, f.rgb.data()); blur > 0) cv::GaussianBlur(image, image, {0, 0}, blur);
    Expectation expected;
    for (const ObjectSpec& o : sample.scene.objects) expected.objects.push_back({o.shape, o.color});
    std::string detail;
    if (adheres(see_objects(frames), expected, &detail)) continue;
    ++wrong;
    std::printf("%s, seed %d: %s\n", sample.family.c_str(), seed, detail.c_str());
  }
  return wrong;
}

// A black box with a grey stripe on a wedge, and floor beside a wedge's long shadow: once seen as five boxes, and a white
// one.
TEST(Adherence, DarkBoxesAreWholeAndShadowedFloorIsNothing) {
  EXPECT_EQ(wrong_of(500010, 1), 0);
  EXPECT_EQ(wrong_of(500048, 1), 0);
}

// The soft edge of a wedge was once a white box, at the picture's border and in front of a wall.
TEST(Adherence, ABlurredWedgeIsNoBox) {
  for (int seed : {22019, 22082, 22258}) EXPECT_EQ(wrong_of(seed, 1, 1.8), 0);
  for (int seed : {22058, 22145, 22238}) EXPECT_EQ(wrong_of(seed, 1, 1.8), 0);  // leaving a tan room; on a wedge
}

// Seen whole; once taken for its own shadow but for a strip.
TEST(Adherence, ABlurredDarkBodyIsNoShadow) {
  for (int seed : {21129, 22220, 22267, 22282}) EXPECT_EQ(wrong_of(seed, 1, seed < 22000 ? 0 : 1.8), 0);
}

TEST(Adherence, RenderedScenesAreRead) { EXPECT_LE(wrong_of(20000, 40), 1); }

// The requirement: 99 % of the simulator's own renderings, all families.
TEST(SlowAdherence, NinetyNinePercentOfRenderedScenesAreRead) { EXPECT_LE(wrong_of(21000, 400), 4); }

// As coding and generators soften them.
TEST(SlowAdherence, MostBlurredScenesAreRead) { EXPECT_LE(wrong_of(22000, 300, 1.8), 12); }
#endif

}  // namespace
}  // namespace orrery::physics_eval
