// Clips whose clock is not the world's: speed ramps, repeated frames, time that stops; and objects that
// change sides.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "made_tracks.h"
#include "physics_eval/halts.h"
#include "physics_eval/report.h"

namespace orrery::physics_eval {
namespace {

using test::bouncing;
using test::observed;
using test::Path;

bool has(const Evaluation& e, const std::string& kind) {
  return std::any_of(e.violations.begin(), e.violations.end(),
                     [&](const Violation& v) { return v.kind == kind; });
}

bool flagged(const Evaluation& e, const std::string& kind) {
  return std::any_of(e.flags.begin(), e.flags.end(), [&](const Flag& f) { return f.kind == kind; });
}

// Half speed from 1.2 s on.
double slowed(double t) { return t < 1.2 ? t : 1.2 + 0.5 * (t - 1.2); }
Path on_clock(Path path, double (*clock)(double)) {
  return [=](double t) { return path(clock(t)); };
}

TEST(SpeedRamps, AreFlaggedAndTheirTimesSetRight) {
  const Path a = bouncing(60, 40, 30, 300, 330, {0.8}), b = bouncing(300, 120, 50, 300, 330, {0.7});
  const Evaluation e = evaluate_tracks(observed({{on_clock(a, slowed)}, {on_clock(b, slowed)}}), {});
  EXPECT_TRUE(flagged(e, "speed")) << to_text(e, "");
  EXPECT_EQ(e.verdict, Verdict::kConsistent) << to_text(e, "");
  ASSERT_TRUE(e.estimates.g_px_s2.has_value());
  EXPECT_NEAR(*e.estimates.g_px_s2, 300, 10);
}

// Half speed between 1.1 s and 2.3 s, eased in and out over 0.2 s: bounces fall into the transitions.
double eased(double t) {
  double shown = 0;
  for (double u = 0; u < t; u += 1.0 / 960)
    shown +=
        (1 - 0.5 * (std::clamp((u - 1.1) / 0.2, 0.0, 1.0) - std::clamp((u - 2.3) / 0.2, 0.0, 1.0))) / 960;
  return shown;
}

TEST(SpeedRamps, EasedAcrossABounceAreTakenOutToo) {
  for (const double start : {40.0, 90.0, 140.0}) {
    const Path a = bouncing(60, start, 25, 310, 330, {0.75}), b = bouncing(300, 110, 35, 310, 330, {0.65});
    const Evaluation e = evaluate_tracks(observed({{on_clock(a, eased)}, {on_clock(b, eased)}}), {});
    EXPECT_TRUE(flagged(e, "speed")) << to_text(e, "");
    EXPECT_EQ(e.verdict, Verdict::kConsistent) << start << to_text(e, "");
    const Evaluation one = evaluate_tracks(observed({{on_clock(a, eased)}, {b}}), {});
    EXPECT_FALSE(flagged(one, "speed")) << to_text(one, "");
    EXPECT_LT(*one.score, 60) << to_text(one, "");
  }
}

// Both balls fly within the transition: that short flight is neither before nor after the ramp.
TEST(SpeedRamps, PiecesOfTheTransitionDoNotContradict) {
  for (const double start : {150.0, 160.0, 170.0}) {
    const Path a = bouncing(60, start, 10, 310, 330, {0.75}), b = bouncing(300, start, 25, 310, 330, {0.75});
    const Evaluation e = evaluate_tracks(observed({{on_clock(a, eased)}, {on_clock(b, eased)}}), {});
    EXPECT_EQ(e.verdict, Verdict::kConsistent) << start << to_text(e, "");
  }
}

TEST(SpeedRamps, OfOneObjectAloneAreNone) {
  const Path a = bouncing(60, 40, 30, 300, 330, {0.8}), b = bouncing(300, 120, 50, 300, 330, {0.7});
  const Evaluation e = evaluate_tracks(observed({{on_clock(a, slowed)}, {b}}), {});
  EXPECT_FALSE(flagged(e, "speed")) << to_text(e, "");
  EXPECT_LT(*e.score, 50) << to_text(e, "");
}

TEST(SpeedRamps, AChangeOfGravityIsNone) {
  const Path lighter = [](double t) -> std::array<double, 2> {
    const double u = std::max(0.0, t - 1), s = std::min(t, 1.0);
    return {60 + 80 * t, 60 + 150 * s * s + 300 * u + 40 * u * u};
  };
  test::MadeTrack ball{lighter};
  ball.last = 44;
  EXPECT_FALSE(flagged(evaluate_tracks(observed({ball}), {}), "speed"));
}

TEST(Freeze, IsFoundWhereThingsHardlyMove) {
  // Thrown up, frozen 0.08 s before the highest point, where it makes one pixel a frame.
  const Path up = [](double t) -> std::array<double, 2> {
    return {80 + 10 * t, 300 - 330 * t + 165 * t * t};
  };
  const auto held = [&](double t) {
    return t < 22 / 24.0 ? up(t) : t < 34 / 24.0 ? up(22 / 24.0) : up(t - 0.5);
  };
  test::MadeTrack ball{held};
  ball.last = 60;
  Observation frozen = observed({ball});
  frozen.halts = {{23, 12}};
  EXPECT_TRUE(has(evaluate_tracks(frozen, {}), "freeze")) << to_text(evaluate_tracks(frozen, {}), "");
  // It rests for as long on a shelf and is let go: no freeze.
  const auto rests = [&](double t) -> std::array<double, 2> {
    const double u = std::max(0.0, t - 34 / 24.0);
    return {t < 22 / 24.0 ? 80 + 60 * t : 135, 100 + 150 * u * u};
  };
  test::MadeTrack shelf{rests};
  shelf.last = 60;
  Observation resting = observed({shelf});
  resting.halts = {{23, 11}};
  EXPECT_FALSE(has(evaluate_tracks(resting, {}), "freeze"));
}

TEST(Clock, RoughnessIsLeastWithTheRightTimes) {
  Observation seen = observed({{bouncing(60, 40, 90, 300, 330, {0.8})}});
  const double right = roughness(seen.tracks);
  for (TrackPoint& p : seen.tracks[0].points) p.t += p.frame % 7 == 3 ? 0.02 : 0;
  EXPECT_GT(roughness(seen.tracks), 2 * right);
}

// Two balls toward each other along the floor; `after`: px/s of each when they have met, positive: on
// through.
std::vector<test::MadeTrack> meeting(double after, double second_floor) {
  std::vector<test::MadeTrack> out;
  for (const double side : {-1.0, 1.0}) {
    const auto at = [=](double t) -> std::array<double, 2> {
      const double meet = after > 0 ? 2 : 2 - 9 / 60.0, u = t - meet;
      const double x = after > 0 ? -60 * u : u < 0 ? 9 - 60 * u : 9 - after * u;
      return {300 + side * x, side > 0 ? second_floor : 320.0};
    };
    out.push_back({at});
    out.back().rgb = side > 0 ? std::array<float, 3>{200, 60, 40} : std::array<float, 3>{40, 60, 200};
  }
  return out;
}

Evaluation of_meeting(double after, double second_floor) {
  Observation seen = observed(meeting(after, second_floor));
  for (size_t i = 0; i < seen.tracks[0].points.size(); ++i) {  // regions that overlap are shared
    TrackPoint &a = seen.tracks[0].points[i], &b = seen.tracks[1].points[i];
    a.merged = b.merged = std::abs(a.x - b.x) < 18 && std::abs(a.y - b.y) < 18;
  }
  return evaluate_tracks(seen, {});
}

TEST(PassThrough, OnOneLineItIsAViolation) {
  EXPECT_TRUE(has(of_meeting(60, 320), "pass-through")) << to_text(of_meeting(60, 320), "");
  EXPECT_FALSE(has(of_meeting(-50, 320), "pass-through")) << to_text(of_meeting(-50, 320), "");
}

// The first is out of sight behind the second around the moment, and another track begins when it is back.
Evaluation of_hidden_meeting(double second_floor, std::array<float, 3> comes_out) {
  std::vector<test::MadeTrack> made = meeting(60, second_floor);
  test::MadeTrack again = made[0];
  made[0].last = 44;
  again.first = 53;
  again.rgb = comes_out;
  made.push_back(again);
  return evaluate_tracks(observed(made), {});
}

TEST(PassThrough, WhatIsHiddenOnTheWayIsFoundOnTheOtherSide) {
  constexpr std::array<float, 3> kSame{40, 60, 200}, kOther{40, 200, 60};
  EXPECT_TRUE(has(of_hidden_meeting(320, kSame), "pass-through")) << to_text(of_hidden_meeting(320, kSame), "");
  EXPECT_FALSE(has(of_hidden_meeting(312, kSame), "pass-through")) << to_text(of_hidden_meeting(312, kSame), "");
  EXPECT_FALSE(has(of_hidden_meeting(320, kOther), "pass-through")) << to_text(of_hidden_meeting(320, kOther), "");
}

TEST(PassThrough, BehindEachOtherItIsAWarning) {
  const Evaluation e = of_meeting(60, 312);
  EXPECT_FALSE(has(e, "pass-through")) << to_text(e, "");
  EXPECT_TRUE(flagged(e, "overlap")) << to_text(e, "");
}

}  // namespace
}  // namespace orrery::physics_eval
