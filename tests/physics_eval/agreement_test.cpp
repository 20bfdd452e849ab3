// Forward and backward tracking: both must link alike, and what only one of them says is a doubt and no
// violation.
#include "physics_eval/agreement.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "drawn_clip.h"
#include "made_tracks.h"
#include "physics_eval/report.h"

namespace orrery::physics_eval {
namespace {

// A track through one region a frame.
Track through(int id, int first, int last, int region) {
  Track track;
  track.id = id;
  for (int i = first; i <= last; ++i) {
    TrackPoint p;
    p.frame = i, p.t = i / 24.0, p.region = region;
    track.points.push_back(p);
  }
  return track;
}

TEST(Agreement, EqualTracksAgreeOnEveryLink) {
  const std::vector<Track> tracks{through(0, 0, 19, 0), through(1, 5, 19, 1)};
  const Agreement a = compare_directions(tracks, {tracks});
  EXPECT_EQ(a.links, 19 + 14);
  EXPECT_EQ(a.confirmed, a.links);
  EXPECT_TRUE(a.switches.empty() && a.bridges.empty());
}

TEST(Agreement, SwapsAndBridgesAreFound) {
  Track swapped = through(0, 0, 9, 0), other = through(1, 0, 9, 1);
  for (int i = 5; i < 10; ++i) swapped.points[size_t(i)].region = 1, other.points[size_t(i)].region = 0;
  const Agreement a = compare_directions({swapped, other}, {{through(0, 0, 9, 0), through(1, 0, 9, 1)}});
  ASSERT_EQ(a.switches.size(), 2u);
  EXPECT_EQ(a.switches[0].frame, 5);
  EXPECT_EQ(a.links - a.confirmed, 2);
  // Forward in two pieces, backward in one.
  const Agreement b =
      compare_directions({through(0, 0, 9, 0), through(1, 12, 20, 0)}, {{through(0, 0, 20, 0)}});
  ASSERT_EQ(b.bridges.size(), 1u);
  EXPECT_EQ(b.bridges[0].end, (Region{9, 0}));
  EXPECT_EQ(b.bridges[0].start, (Region{12, 0}));
  // Links into the next window are not compared.
  EXPECT_EQ(
      compare_directions({through(0, 0, 20, 0)}, {{through(0, 0, 9, 0)}, {through(0, 10, 20, 0)}}).links, 19);
}

TEST(Agreement, AJumpThatOnlyOneDirectionSeesIsADoubt) {
  // Struck downwards in the air by nothing.
  const auto jump = [](double t) {
    return std::array{60 + 80 * t, 30 + 40 * t * t + 150 * std::max(0.0, t - 1)};
  };
  test::MadeTrack ball{jump};
  ball.last = 44;
  Observation seen = test::observed({ball});
  for (TrackPoint& p : seen.tracks[0].points) p.region = 0;
  seen.agreement.links = 44, seen.agreement.confirmed = 44;
  const Evaluation before = evaluate_tracks(seen, {});
  ASSERT_EQ(before.verdict, Verdict::kInconsistent) << to_text(before, "");
  ASSERT_FALSE(before.violations.empty());
  for (const Violation& v : before.violations) seen.agreement.switches.push_back({v.frame, 0});
  seen.agreement.confirmed -= int(before.violations.size());
  const Evaluation after = evaluate_tracks(seen, {});
  EXPECT_TRUE(after.violations.empty()) << to_text(after, "");
  EXPECT_NE(after.verdict, Verdict::kInconsistent) << to_text(after, "");
  EXPECT_TRUE(std::any_of(after.flags.begin(), after.flags.end(),
                          [](const Flag& f) { return f.kind == "tracking"; }));
  EXPECT_LT(*after.agreement, 1);
}

TEST(Agreement, ADrawnClipIsFollowedAlikeInBothDirections) {
  test::DrawnClip clip;
  clip.objects = {{test::falling(60, 30, 40, 0, 300, 160, 0.8), 10, {200, 40, 40}},
                  {test::falling(250, 60, -50, 0, 300, 160, 0.7), 12, {40, 60, 200}}};
  test::Frames frames(clip);
  const Evaluation e = evaluate(frames);
  ASSERT_TRUE(e.agreement.has_value());
  EXPECT_GT(*e.agreement, 0.98) << to_text(e, "");
}

}  // namespace
}  // namespace orrery::physics_eval
