// Third-party clips, where they are present: $ORRERY_REAL_CLIPS, or ../shared/real beside the sources. Real
// ones are consistent, generated ones of the same scene score less, and labelled failures score 0 where
// motion is expected.
#include <gtest/gtest.h>

#include <cstdlib>

#include "codecs/decoder.h"
#include "physics_eval/report.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

fs::path folder() {
  const char* named = std::getenv("ORRERY_REAL_CLIPS");
  return named ? fs::path(named) : fs::path(ORRERY_ROOT).parent_path() / "shared" / "real";
}

Evaluation scored(const std::string& name, double scale = 0) {
  const fs::path path = folder() / name;
  const VideoInfo info = open_decoder(path)->info();
  DecodeOptions decode;
  decode.max_width = int(kWorkingWidth.value);
  const auto source = open_decoder(path, decode);
  EvaluateOptions options;
  options.pixel_factor = double(info.width) / source->info().width;
  options.expect_motion = true;
  options.scale_px_per_m = scale;
  return evaluate(*source, options);
}

#define NEEDS(name) \
  if (!fs::exists(folder() / name)) GTEST_SKIP() << name << " is absent"

TEST(SlowReal, ARealBounceScoresAboveTheGeneratedOnes) {
  NEEDS("real_bouncing_ball.webm");
  const Evaluation real = scored("real_bouncing_ball.webm");
  EXPECT_EQ(real.verdict, Verdict::kConsistent) << to_text(real, "");
  for (const char* name : {"CogVideo", "COSMOS", "LTX", "PyramidalFlow"}) {
    const Evaluation fake = scored(std::string("generated_") + name + "_bouncing_ball.webm");
    EXPECT_LT(*fake.score, *real.score - 30) << to_text(fake, name);
    EXPECT_EQ(fake.verdict, Verdict::kInconsistent) << to_text(fake, name);
  }
}

TEST(SlowReal, PendulumsAreFoundAndConsistent) {
  NEEDS("real_pendulum.webm");
  for (const char* name : {"real_pendulum.webm", "real_pendulum_phone.mp4"}) {
    const Evaluation e = scored(name);
    EXPECT_EQ(e.verdict, Verdict::kConsistent) << to_text(e, name);
    EXPECT_TRUE(e.estimates.period_s.has_value()) << name;
  }
}

TEST(SlowReal, LabelledFailuresScoreZero) {
  NEEDS("failure_duplicate.webm");
  for (const char* name :
       {"failure_disappearance.webm", "failure_duplicate.webm", "failure_stillness.webm"}) {
    const Evaluation e = scored(name);
    EXPECT_EQ(*e.score, 0) << to_text(e, name);
  }
}

TEST(SlowReal, ABallOfKnownSizeFallsWithG) {
  NEEDS("real_bounce_4inch_ball.avi");
  const Evaluation e = scored("real_bounce_4inch_ball.avi", 130 / 0.1016);
  EXPECT_EQ(e.verdict, Verdict::kConsistent) << to_text(e, "");
  ASSERT_TRUE(e.g_m_s2.has_value());
  EXPECT_NEAR(*e.g_m_s2, 9.81, 0.98);
  ASSERT_TRUE(e.intervals.restitution.has_value());
  EXPECT_GE(e.estimates.restitutions.size(), 2u);
}

}  // namespace
}  // namespace orrery::physics_eval
