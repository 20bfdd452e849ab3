// The scorer on the simulator's own renderings: gravity with a known scale, and no false alarms.
#include <gtest/gtest.h>

#ifdef ORRERY_WORLD
#include <cmath>

#include "drawn_clip.h"
#include "physics_eval/report.h"
#include "physics_eval/statistics.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery::physics_eval {
namespace {

struct Tally {
  int clips = 0, without_g = 0, inconsistent = 0, insufficient = 0;
  std::vector<double> g_errors;  // relative
};

Tally score_family(const std::string& family, int first_seed, int count) {
  Tally tally;
  for (int seed = first_seed; seed < first_seed + count; ++seed) {
    const Sample sample = make_sample(uint64_t(seed), Split::kId, family);
    const Trajectory t = simulate(sample.scene, 96, sample.pushes);
    const Renderer renderer(sample.scene);
    test::Frames frames(96, [&](int i) {
      Frame frame = renderer.frame({&t.at(i, 0), size_t(t.num_objects)});
      frame.seconds = i / kFramesPerSecond;
      return frame;
    });
    const Evaluation e = evaluate(frames, {.scale_px_per_m = kPixelsPerMeter});
    ++tally.clips;
    tally.insufficient += e.verdict == Verdict::kInsufficient;
    if (e.verdict == Verdict::kInconsistent) {
      ++tally.inconsistent;
      std::printf("%s", to_text(e, family + ", seed " + std::to_string(seed)).c_str());
    }
    if (e.g_m_s2) tally.g_errors.push_back(std::abs(*e.g_m_s2 / sample.scene.gravity - 1));
    else ++tally.without_g;
  }
  return tally;
}

TEST(Rendered, DropsGiveGravityWithinTwoPercent) {
  const Tally tally = score_family("drop", 30000, 30);
  EXPECT_EQ(tally.without_g, 0);
  EXPECT_LT(median(tally.g_errors), 0.02);
  EXPECT_LE(tally.inconsistent, 1);
}

TEST(SlowRendered, LawfulClipsAreCalledConsistent) {
  int clips = 0, inconsistent = 0;
  for (std::string_view family : family_names()) {
    const Tally tally = score_family(std::string(family), 31000, 30);
    clips += tally.clips;
    inconsistent += tally.inconsistent;
  }
  EXPECT_LE(inconsistent, clips / 20);
}

}  // namespace
}  // namespace orrery::physics_eval
#endif
