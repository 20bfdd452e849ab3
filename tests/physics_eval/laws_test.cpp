// Every law on tracks with a closed form, and on the same with one thing changed that the law must find.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "made_tracks.h"
#include "physics_eval/halts.h"
#include "physics_eval/report.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

using test::bouncing;
using test::MadeTrack;
using test::observed;
using test::swinging;

Evaluation judged(const std::vector<MadeTrack>& made, uint64_t seed = 1) {
  EvaluateOptions options;
  options.intervals = false;
  return evaluate_tracks(observed(made, 24, seed), options);
}

const LawResult& law(const Evaluation& e, const std::string& name) {
  for (const LawResult& l : e.laws)
    if (l.name == name) return l;
  throw std::out_of_range(name);
}

bool has(const Evaluation& e, const std::string& kind) {
  return std::any_of(e.violations.begin(), e.violations.end(),
                     [&](const Violation& v) { return v.kind == kind; });
}

// Identifiable and kept.
void expect_kept(const Evaluation& e, const std::string& name) {
  ASSERT_TRUE(law(e, name).score.has_value()) << name << ": " << law(e, name).detail;
  EXPECT_GT(*law(e, name).score, 0.8) << to_text(e, name);
  EXPECT_TRUE(law(e, name).detectable.has_value()) << name;
  EXPECT_GT(law(e, name).frames, 0) << name;
  EXPECT_TRUE(e.violations.empty()) << to_text(e, name);
}

void expect_broken(const Evaluation& e, const std::string& name) {
  ASSERT_TRUE(law(e, name).score.has_value()) << name << ": " << law(e, name).detail;
  EXPECT_LT(*law(e, name).score, 0.5) << to_text(e, name);
}

MadeTrack ball(test::Path at) { return {std::move(at)}; }

TEST(Laws, FlightKeepsItsAccelerationAndDragIsNoViolation) {
  expect_kept(judged({ball(bouncing(60, 30, 60, 300, 330, {0.8}))}), "constant_acceleration");
  // Linear drag, k = 0.4 / s over 1.3 s: x'' = -k x', y'' = g - k y'.
  const auto dragged = [](double t) -> std::array<double, 2> {
    const double k = 0.4, f = (1 - std::exp(-k * t)) / k;
    return {40 + 200 * f, 30 + 300 * (t - f) / k};
  };
  MadeTrack feather = ball(dragged);
  feather.last = 32;
  const Evaluation e = judged({feather});
  expect_kept(e, "constant_acceleration");
  EXPECT_NE(law(e, "constant_acceleration").detail.find("air drag"), std::string::npos);
  // A fall that grows with t^3 is none.
  MadeTrack odd = ball([](double t) -> std::array<double, 2> { return {60 + 40 * t, 30 + 130 * t * t * t}; });
  odd.last = 32;
  expect_broken(judged({odd}), "constant_acceleration");
}

TEST(Laws, AllFlightsShareOneGravity) {
  const auto both = [](double g) {
    return std::vector<MadeTrack>{ball(bouncing(60, 30, 30, 300, 330, {0.7})),
                                  ball(bouncing(400, 60, 30, g, 330, {0.7}))};
  };
  expect_kept(judged(both(300)), "common_gravity");
  const Evaluation e = judged(both(600));
  expect_broken(e, "common_gravity");
  EXPECT_TRUE(has(e, "gravity"));
}

TEST(Laws, AChangeOfGravityOfTheDetectableSizeIsFound) {
  const Evaluation clean =
      judged({ball(bouncing(60, 30, 30, 300, 330, {0.7})), ball(bouncing(400, 60, 30, 300, 330, {0.7}))});
  const double size = *law(clean, "common_gravity").detectable;
  int found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Evaluation e =
        judged({ball(bouncing(60, 30, 30, 300, 330, {0.7})), ball(bouncing(250, 30, 20, 300, 330, {0.7})),
                ball(bouncing(400, 60, 30, 300 * (1 + 1.1 * size), 330, {0.7}))},
               seed);
    found += *law(e, "common_gravity").score < 0.5;
  }
  EXPECT_GE(found, 18);
}

TEST(Laws, OneFallAloneMayHaveAnyGravity) {
  MadeTrack fall = ball(bouncing(60, 30, 0, 900, 1e6, {0.7}));
  fall.last = 20;
  const Evaluation e = judged({fall});
  EXPECT_FALSE(law(e, "common_gravity").score.has_value());
  EXPECT_FALSE(law(e, "common_gravity").detail.empty());
}

TEST(Laws, ADropBeginsWhereItRested) {
  expect_kept(judged({ball(bouncing(100, 40, 0, 300, 330, {0.6}, 0.8))}), "drop_from_rest");
  // Thrown up from rest without anything that pushed.
  const Evaluation e = judged({ball([](double t) -> std::array<double, 2> {
    const double u = std::max(0.0, t - 1.0);
    return {100, 250 - 240 * u + 150 * u * u};
  })});
  expect_broken(e, "drop_from_rest");
}

TEST(Laws, FlightTimesFollowHeights) {
  expect_kept(judged({ball(bouncing(60, 60, 20, 1500, 330, {0.9}))}), "bounce_timing");
  // The second flight is played at half speed.
  const auto even = bouncing(60, 60, 0, 1500, 330, {0.9});
  const double fall = std::sqrt(2 * 270 / 1500.0), first = 2 * 0.9 * fall, begin = fall + first,
               second = first * 0.9;
  const Evaluation e = judged({ball([=](double t) {
    if (t < begin) return even(t);
    return t < begin + 2 * second ? even(begin + (t - begin) / 2) : even(t - second);
  })});
  expect_broken(e, "bounce_timing");
}

TEST(Laws, RestitutionIsBoundedAndMayDependOnSpeed) {
  const Evaluation e = judged({ball(bouncing(60, 40, 30, 400, 330, {0.6, 0.7, 0.75}))});
  expect_kept(e, "restitution");
  EXPECT_NEAR(*e.estimates.restitution, 0.7, 0.12);
  EXPECT_TRUE(has(judged({ball(bouncing(60, 200, 30, 400, 330, {1.35}))}), "restitution"));
}

// Drawn pictures jump by a few pixels before a contact: those frames fit neither flight.
TEST(Laws, ABounceIsReadWhereItsFlightsMeet) {
  Observation seen = observed({{bouncing(60, 40, 40, 300, 330, {0.85, 0.85, 0.85})}});
  for (TrackPoint& p : seen.tracks[0].points)
    if (p.frame >= 30 && p.frame <= 33) p.y += 5;
  EvaluateOptions options;
  options.intervals = false;
  const Evaluation e = evaluate_tracks(seen, options);
  EXPECT_FALSE(has(e, "restitution")) << to_text(e, "");
  ASSERT_TRUE(e.estimates.restitution.has_value());
  EXPECT_NEAR(*e.estimates.restitution, 0.85, 0.05);
}

TEST(Laws, OutlinesThatWaverAreNoChangeOfIdentity) {
  Observation seen = observed({{[](double t) -> std::array<double, 2> { return {60 + 100 * t, 300}; }}});
  Rng rng(5);
  for (TrackPoint& p : seen.tracks[0].points) p.round += 0.06 * rng.normal(), p.area *= 1 + 0.06 * rng.normal();
  EvaluateOptions options;
  options.intervals = false;
  EXPECT_GT(*law(evaluate_tracks(seen, options), "identity").score, 0.98);
}

TEST(Laws, EnergyNeverGrows) {
  expect_kept(judged({ball(bouncing(60, 40, 30, 400, 330, {0.8}))}), "energy");
  EXPECT_TRUE(has(judged({ball(bouncing(60, 240, 30, 400, 330, {1.35}))}), "energy"));
}

// Two balls on a table that meet at t = 1.5 s; velocities after it as given.
std::vector<MadeTrack> meeting(double va, double vb, double wa, double wb) {
  const double t0 = 1.5, xa = 300 - 9, xb = 300 + 9;
  MadeTrack a = ball([=](double t) -> std::array<double, 2> {
    return {xa + (t < t0 ? va : wa) * (t - t0), 300};
  });
  MadeTrack b = ball([=](double t) -> std::array<double, 2> {
    return {xb + (t < t0 ? vb : wb) * (t - t0), 300};
  });
  b.rgb = {40, 60, 200};
  return {a, b};
}

TEST(Laws, CollisionsExchangeMomentum) {
  // Masses 1 and 2, elastic: va = 120, vb = -30 -> wa = -80, wb = 70.
  const Evaluation e = judged(meeting(120, -30, -80, 70));
  expect_kept(e, "collision");
  ASSERT_TRUE(e.estimates.mass_ratio.has_value());
  EXPECT_NEAR(*e.estimates.mass_ratio, 0.5, 0.05);
  EXPECT_TRUE(has(judged(meeting(120, -30, -240, 240)), "collision"));  // part three times as fast
  EXPECT_TRUE(has(judged(meeting(120, -100, 160, 210)), "momentum"));   // both pushed the same way
}

// A box that tumbles gives of its spin: a third faster apart than together is no violation then, three times is.
TEST(Laws, ATumblingBoxMayThrowWithItsSpin) {
  const auto with_a_box = [](double wa, double wb) {
    std::vector<MadeTrack> pair = meeting(120, -30, wa, wb);
    pair[1].round = 0.65;
    return judged(pair);
  };
  EXPECT_LT(*law(judged(meeting(120, -30, -107, 93)), "collision").score, 0.6);
  EXPECT_GT(*law(with_a_box(-107, 93), "collision").score, 0.6);
  EXPECT_TRUE(has(with_a_box(-240, 240), "collision"));
}

// A stripe in the colour of the wall takes a bite out of a ball's mask, and its centroid a pixel off, in one frame.
TEST(Tracks, ABiteOutOfAnOutlineIsOddWhereItWasSteady) {
  Track ball;
  Rng rng(3);
  for (int i = 0; i < 40; ++i) {
    TrackPoint p;
    p.area = 450 + 8 * rng.normal();
    ball.points.push_back(p);
  }
  ball.points[20].area = 365;
  Track box = ball;
  for (size_t i = 0; i < box.points.size(); ++i) box.points[i].area = 450 + 70 * std::sin(0.7 * double(i));
  box.points[20].area = 365;
  mark_odd_frames(ball);
  mark_odd_frames(box);
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(ball.points[i].odd, i == 20) << i;
  EXPECT_FALSE(box.points[20].odd);
}

// What a hand or two mixed outlines do after a meeting has any velocity: no ground for a charge.
TEST(Laws, ACollisionIsJudgedByLawfulStretchesOnly) {
  std::vector<MadeTrack> seen = meeting(120, -30, -240, 240);
  const auto untouched = seen[1].at;
  seen[1].at = [untouched](double t) -> std::array<double, 2> {
    const auto at = untouched(std::min(t, 1.5));
    const double s = std::max(0.0, t - 1.5);  // 240 px/s at first, then to and fro
    return {at[0] + 40 * std::sin(6 * s) + 14 * std::sin(13 * s), at[1] + 12 * std::sin(9 * s)};
  };
  const Evaluation e = judged(seen);
  EXPECT_FALSE(has(e, "collision"));
  EXPECT_FALSE(has(e, "momentum"));
}

// What skids after a blow slows down evenly: as good a ground as one speed.
TEST(Laws, ACollisionIsJudgedThoughPartnersSlowDown) {
  const auto slowing = [](double wa, double wb) {
    std::vector<MadeTrack> seen = meeting(120, -30, wa, wb);
    for (MadeTrack& m : seen) {
      const auto even = m.at;
      const double sign = m.at(2)[0] > m.at(1.6)[0] ? -1 : 1;
      m.at = [=](double t) -> std::array<double, 2> {
        const double s = std::max(0.0, t - 1.5);
        return {even(t)[0] + sign * 25 * s * s, 300};
      };
    }
    return seen;
  };
  EXPECT_FALSE(has(judged(slowing(-80, 70)), "collision"));
  EXPECT_TRUE(has(judged(slowing(-240, 240)), "collision"));
}

TEST(Laws, APendulumSwingsByItsEquation) {
  const Evaluation e = judged({ball(swinging(320, 40, 250, 9, 0.1, 0.7))});
  expect_kept(e, "pendulum");
  EXPECT_NEAR(*e.estimates.period_s, 2 * M_PI / 3, 0.02);
  EXPECT_FALSE(law(e, "constant_acceleration").score.has_value());
  // To and fro on the same arc at an even pace.
  const Evaluation triangle = judged({ball([](double t) -> std::array<double, 2> {
    const double phase = std::fmod(t, 2.0), angle = 0.7 * (phase < 1 ? 1 - 2 * phase : 2 * phase - 3);
    return {320 + 250 * std::sin(angle), 40 + 250 * std::cos(angle)};
  })});
  expect_broken(triangle, "pendulum");
  EXPECT_TRUE(has(judged({ball(swinging(320, 40, 250, 9, -0.4, 0.2))}), "energy"));
}

TEST(Laws, APendulumLetGoIsReadAfterAPeriodAndAThird) {
  MadeTrack let_go = ball(swinging(320, 40, 250, 9, 0.05, 0.7));  // period 2.09 s, 2.16 s at 40 degrees
  let_go.last = 68;
  const Evaluation e = judged({let_go});
  expect_kept(e, "pendulum");
  ASSERT_TRUE(e.estimates.period_s.has_value());
  EXPECT_NEAR(*e.estimates.period_s, 2 * M_PI / 3, 0.02);
  let_go.last = 44;  // one turn and the start: nothing has come back
  EXPECT_FALSE(judged({let_go}).estimates.period_s.has_value());
}

// One speed along a slant, for as long as it is seen.
TEST(Laws, UnsupportedMotionAtOneSpeedIsPoorEvidence) {
  const auto moving = [](double vx, double vy, double ay) {
    return ball([=](double t) -> std::array<double, 2> {
      return {100 + vx * t, 40 + vy * t + 0.5 * ay * t * t};
    });
  };
  const Evaluation fake = judged({moving(20, 60, 0)});
  ASSERT_TRUE(law(fake, "unsupported_motion").score.has_value()) << to_text(fake, "");
  EXPECT_LT(*law(fake, "unsupported_motion").score, 0.4);
  EXPECT_LT(*law(fake, "unsupported_motion").detectable, 1);
  EXPECT_FALSE(law(fake, "surface_motion").score.has_value());
  EXPECT_TRUE(fake.violations.empty());
  EXPECT_LT(*fake.score, 60);
  // On the level, down a ramp, down a ramp that brakes it, in a fall with drag.
  EXPECT_FALSE(law(judged({moving(70, 5, 0)}), "unsupported_motion").score.has_value());
  EXPECT_FALSE(law(judged({moving(20, 20, 30)}), "unsupported_motion").score.has_value());
  EXPECT_FALSE(law(judged({moving(20, 90, -15)}), "unsupported_motion").score.has_value());
  EXPECT_FALSE(law(judged({ball([](double t) -> std::array<double, 2> {
                     const double f = (1 - std::exp(-t)) / 1.0;
                     return {100 + 20 * t, 30 + 120 * (t - f)};
                   })}),
                   "unsupported_motion")
                   .score.has_value());
}

TEST(Laws, MotionTowardTheCameraIsNoUnsupportedMotion) {
  Observation seen = observed({ball([](double t) -> std::array<double, 2> { return {300, 40 + 70 * t}; })});
  for (TrackPoint& p : seen.tracks[0].points) {
    const double nearer = 1 + 0.3 * p.t / 4;
    p.width *= nearer, p.height *= nearer, p.area *= nearer * nearer;
  }
  EvaluateOptions options;
  options.intervals = false;
  EXPECT_FALSE(law(evaluate_tracks(seen, options), "unsupported_motion").score.has_value());
}

TEST(Laws, NoiseIsNoSurfaceMotion) {
  MadeTrack noisy = ball([](double t) -> std::array<double, 2> { return {40 + 300 * t, 300}; });
  noisy.noise = 12, noisy.last = 10;
  EXPECT_FALSE(law(judged({noisy}), "surface_motion").score.has_value());
}

TEST(Laws, RollingSlowsDownEvenly) {
  expect_kept(judged({ball([](double t) -> std::array<double, 2> {
                return {40 + 200 * t - 15 * t * t, 300};
              })}),
              "surface_motion");
  // Skid (80 px/s^2), then roll (8 px/s^2).
  expect_kept(judged({ball([](double t) -> std::array<double, 2> {
                const double u = std::min(t, 1.0), w = std::max(0.0, t - 1.0);
                return {40 + 220 * u - 40 * u * u + 140 * w - 4 * w * w, 300};
              })}),
              "surface_motion");
  // Speeds up on the level.
  expect_broken(judged({ball([](double t) -> std::array<double, 2> {
                  return {40 + 30 * t + 25 * t * t, 300};
                })}),
                "surface_motion");
}

// A knot that a waver of the outline sets costs nothing, a third rate of slowing down as before.
TEST(Laws, FurtherRatesOfSlowingDownCostAsFarAsTheyShow) {
  const auto thrice = [](double pull) {
    return judged({ball([=](double t) -> std::array<double, 2> {
      // Brakes at 40 px/s^2; by `pull` less from 1.2 s and by as much more from 2.4 s.
      const double u = std::max(0.0, t - 1.2), w = std::max(0.0, t - 2.4);
      return {40 + 200 * t - 20 * t * t + pull * u * u - 2 * pull * w * w, 300};
    })});
  };
  const double hardly = law(thrice(6), "surface_motion").score.value(), much = law(thrice(35), "surface_motion").score.value();
  EXPECT_GT(hardly, 0.995);
  EXPECT_LT(much, 0.95);
}

// Two balls that touch while both strike the floor: it pushes both up.
TEST(Laws, TheFloorPushesBothOfTwoThatMeetOnIt) {
  const auto falls = [](double x, double vx, double turn, double floor) {
    return ball([=](double t) -> std::array<double, 2> {
      const double g = 300, hit = 1, u = t - hit, v = 0.8 * g * hit;
      if (u < 0) return {x + vx * t, floor - 0.5 * g * (hit * hit - t * t)};
      return {x + vx * hit + (vx + turn) * u, floor - v * u + 0.5 * g * u * u};
    });
  };
  MadeTrack left = falls(250, 20, -50, 300), right = falls(310, -20, 50, 300);
  left.last = right.last = 56;
  EXPECT_FALSE(has(judged({left, right}), "momentum")) << to_text(judged({left, right}), "");
}

// A pear or a pin is too long for a body; when it doubles, its twin has its size and shape. An arm has not.
TEST(Laws, ALongThingDoubles) {
  const auto twins = [](double radius, double round) {
    MadeTrack pear = ball([](double t) -> std::array<double, 2> { return {60 + 60 * t, 200}; }), twin = pear;
    pear.round = 0.42;
    twin.at = [](double t) -> std::array<double, 2> { return {60 + 60 * t - 90 * (t - 1.5), 200}; };
    twin.round = round, twin.radius = radius, twin.first = 36;
    Observation seen = observed({pear, twin});
    seen.tracks[1].birth = TrackEnd::kOverlap;
    EvaluateOptions options;
    options.intervals = false;
    return evaluate_tracks(seen, options);
  };
  EXPECT_TRUE(has(twins(9, 0.40), "duplicate"));
  EXPECT_FALSE(has(twins(9, 0.25), "duplicate"));
  EXPECT_FALSE(has(twins(6.5, 0.40), "duplicate"));
}

TEST(Laws, WhatComesBackIsNoFasterThanItWent) {
  // Brakes at 80 px/s^2, turns round and comes back with `rate`.
  const auto turning = [](double rate) {
    return ball([=](double t) -> std::array<double, 2> {
      const double u = std::min(t, 2.5), w = std::max(0.0, t - 2.5);
      return {60 + 200 * u - 40 * u * u - 0.5 * rate * w * w, 300};
    });
  };
  EXPECT_TRUE(judged({turning(80)}).violations.empty());  // a table that is not level
  expect_kept(judged({turning(40)}), "surface_motion");   // the same, with friction
  const Evaluation chased = judged({turning(260)});
  expect_broken(chased, "surface_motion");
  EXPECT_TRUE(has(chased, "energy")) << to_text(chased, "");
  // Off something unseen, slower and faster than it came.
  const auto bumped = [](double speed) {
    return ball([=](double t) -> std::array<double, 2> { return {t < 2 ? 60 + 120 * t : 300 - speed * (t - 2), 300}; });
  };
  expect_kept(judged({bumped(90)}), "surface_motion");
  expect_broken(judged({bumped(140 * 1.4)}), "surface_motion");
}

// A pause in the air is a warning: nobody sees whether a hand was there. A rest on the floor is none.
TEST(Evaluate, WhatStandsInTheAirIsFlagged) {
  const auto warned = [](const Evaluation& e) {
    return std::any_of(e.flags.begin(), e.flags.end(), [](const Flag& f) { return f.kind == "hover"; });
  };
  const Evaluation held = judged({ball(bouncing(200, 60, 0, 300, 330, {0.6}, 1.2))});
  EXPECT_TRUE(warned(held));
  EXPECT_TRUE(held.violations.empty()) << to_text(held, "");
  EXPECT_FALSE(warned(judged({ball(bouncing(200, 60, 0, 300, 330, {0.6, 0}))})));
}

TEST(Laws, AJumpOfVelocityInTheAirIsFound) {
  MadeTrack kinked = ball([](double t) -> std::array<double, 2> {
    const double u = std::max(0.0, t - 1.0);
    return {100 + 150 * t - 300 * u, 60 + 40 * t + 60 * u};
  });
  kinked.last = 48;
  EXPECT_TRUE(has(judged({kinked}), "impulse"));
}

TEST(Laws, AnotherColourOrShapeIsFound) {
  Observation seen = observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))});
  expect_kept(evaluate_tracks(seen, {}), "identity");
  Observation recoloured = seen, reshaped = seen, grown = seen;
  for (TrackPoint& p : recoloured.tracks[0].points)
    if (p.frame > 50) p.rgb = {40, 60, 200};
  for (TrackPoint& p : reshaped.tracks[0].points)
    if (p.frame > 50) p.round = 0.5;
  // Twice as near by the end: a smooth growth is no violation.
  for (TrackPoint& p : grown.tracks[0].points) p.area *= std::pow(1 + p.frame / 96.0, 2);
  EXPECT_TRUE(has(evaluate_tracks(recoloured, {}), "identity"));
  expect_broken(evaluate_tracks(reshaped, {}), "identity");
  EXPECT_FALSE(has(evaluate_tracks(grown, {}), "identity"));
}

// Its way is three of its sizes before it grows, and less after: that excuses nothing.
TEST(Laws, WhatSuddenlyGrowsLargeIsFound) {
  Observation seen = observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))});
  const double travel = seen.tracks[0].travel();
  for (TrackPoint& p : seen.tracks[0].points) {
    p.width = p.height = travel / (p.frame < 40 ? 4 : 2.4);
    p.area = 0.785 * p.width * p.height;
  }
  ASSERT_LT(travel, kIdentityTravel.value * seen.tracks[0].diameter());
  EXPECT_TRUE(has(evaluate_tracks(seen, {}), "identity"));
}

TEST(Laws, IntervalsHoldTheScoreAndGravity) {
  int inside = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Evaluation e = evaluate_tracks(observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))}, 24, seed),
                                         {.scale_px_per_m = 30});
    ASSERT_TRUE(e.intervals.score && e.intervals.g_px_s2 && e.g_m_s2_interval);
    EXPECT_LE((*e.intervals.score)[0], *e.score);
    EXPECT_GE((*e.intervals.score)[1], *e.score);
    inside += (*e.intervals.g_px_s2)[0] <= 300 && 300 <= (*e.intervals.g_px_s2)[1];
  }
  EXPECT_GE(inside, 16);
}

TEST(Laws, AnOutlineThatWaversWidensTheIntervalOfGravity) {
  Observation steady = observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))}), wavering = steady;
  for (TrackPoint& p : wavering.tracks[0].points) p.area *= p.frame % 2 ? 1.06f : 0.94f;
  const auto width = [](const Evaluation& e) { return e.intervals.g_px_s2.value()[1] - e.intervals.g_px_s2.value()[0]; };
  EXPECT_GT(width(evaluate_tracks(wavering, {})), 1.3 * width(evaluate_tracks(steady, {})));
}

TEST(Laws, AFreezeInMotionIsFoundAndLostFramesAreNot) {
  const auto path = bouncing(60, 40, 30, 300, 330, {0.8});
  const auto at = [&](double shift) {
    return ball([=](double t) { return t < 0.75 ? path(t) : t < 1.25 ? path(0.75) : path(t - shift); });
  };
  Observation frozen = observed({at(0.5)}), lost = observed({at(0)});
  frozen.halts = lost.halts = {{19, 12}};
  EXPECT_TRUE(has(evaluate_tracks(frozen, {}), "freeze"));
  EXPECT_FALSE(has(evaluate_tracks(lost, {}), "freeze"));
}

// Changed pixels a frame: 100 in motion, none in a repeated frame, `after` in the one that follows it.
std::vector<int> stuttering(int period, int after) {
  std::vector<int> changed(60, 100);
  for (int i = period; i + 1 < 60; i += period) changed[size_t(i)] = 0, changed[size_t(i) + 1] = after;
  return changed;
}

TEST(Stutter, FramesSlippedInAreToldFromFramesThatStandForLostOnes) {
  EXPECT_EQ(find_stutter(stuttering(5, 100)).period, 5);
  EXPECT_EQ(find_stutter(stuttering(7, 180)).repeated.size(), 8u);
  std::vector<int> halted(60, 100);
  std::fill(halted.begin() + 20, halted.begin() + 30, 0);
  ASSERT_EQ(find_stutter(halted).halts.size(), 1u);
  EXPECT_EQ(find_stutter(halted).halts[0].first, 20);
  EXPECT_EQ(find_stutter(halted).halts[0].count, 10);
  std::vector<int> resting(60, 100);
  std::fill(resting.begin() + 20, resting.end(), 0);
  EXPECT_TRUE(find_stutter(resting).halts.empty());
}

TEST(Tracks, CsvRoundTripGivesTheSameVerdict) {
  Evaluation e = evaluate_tracks(
      observed({ball(bouncing(60, 40, 30, 300, 330, {0.8})), ball(bouncing(300, 60, 10, 300, 330, {0.7}))}),
      {});
  const std::string csv = tracks_csv_header() + tracks_csv(e, "a,\"b\".mp4");
  const Evaluation back = evaluate_tracks(read_tracks_csv(csv, "t.csv", "a,\"b\".mp4"), {});
  ASSERT_EQ(back.tracks.size(), 2u);
  EXPECT_NEAR(*back.score, *e.score, 0.5);
  EXPECT_NEAR(*back.estimates.g_px_s2, *e.estimates.g_px_s2, 0.5);
  EXPECT_TRUE(read_tracks_csv(csv, "t.csv", "other.mp4").tracks.empty());
}

TEST(Tracks, DamagedTablesAreErrors) {
  EXPECT_THROW(read_tracks_csv("", "t", ""), Error);
  EXPECT_THROW(read_tracks_csv("track,frame\n0,1\n", "t", ""), Error);
  EXPECT_THROW(read_tracks_csv("track,frame,t_s,x_px,y_px\n0,1,nan,2,3\n", "t", ""), Error);
  EXPECT_THROW(read_tracks_csv("track,frame,t_s,x_px,y_px\n0,1,0.1,2,3\n0,1,0.1,2,3\n", "t", ""), Error);
  const Evaluation e = evaluate_tracks(observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))}), {});
  const std::string whole = tracks_csv_header() + tracks_csv(e, "a.mp4");
  for (size_t n = 0; n < whole.size(); n += 97) {
    try {
      read_tracks_csv(whole.substr(0, n), "t", "");
    } catch (const Error&) {
    }
  }
}

TEST(Report, JsonFollowsTheDocumentedSchema) {
  const Json j = to_json(
      evaluate_tracks(observed({ball(bouncing(60, 40, 30, 300, 330, {0.8}))}), {.scale_px_per_m = 30}),
      "a.mp4", true);
  for (const char* key :
       {"path", "verdict", "score", "interval", "coverage", "laws", "violations", "estimates", "tracks"})
    EXPECT_TRUE(j.contains(key)) << key;
  EXPECT_TRUE(j["score"].is_number());
  EXPECT_EQ(j["interval"].size(), 2u);
  for (const char* key : {"restitution", "g_px_s2", "g_m_s2", "period_s", "mass_ratio"})
    EXPECT_TRUE(j["estimates"].contains(key)) << key;
  EXPECT_TRUE(j["estimates"]["period_s"].is_null());
  ASSERT_EQ(j["laws"].size(), 13u);
  for (const Json& l : j["laws"]) {
    for (const char* key : {"name", "score", "effect", "detectable", "frames", "detail"})
      EXPECT_TRUE(l.contains(key)) << l.dump();
    EXPECT_FALSE(l["detail"].get<std::string>().empty()) << l.dump();
    EXPECT_EQ(l["score"].is_null(), l["detectable"].is_null()) << l.dump();
  }
  for (const char* key : {"name", "version", "thresholds_version"})
    EXPECT_TRUE(evaluator_json().contains(key));
}

TEST(Report, RankingIsByScoreAndFoldersAreSummed) {
  const Scores scores = {{"a/1.mp4", 20.0}, {"b/2.mp4", 90.0}, {"b/3.mp4", std::nullopt}};
  const std::string text = ranking_text(scores);
  EXPECT_LT(text.find("b/2.mp4"), text.find("a/1.mp4"));
  EXPECT_LT(text.find("a/1.mp4"), text.find("b/3.mp4"));
  const Json folders = summary_json(scores);
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[1]["clips"], 2);
  EXPECT_EQ(folders[1]["judged"], 1);
}

}  // namespace
}  // namespace orrery::physics_eval
