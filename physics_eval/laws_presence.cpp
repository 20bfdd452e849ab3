// Laws of being there: continuity, permanence, identity.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/law_parts.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

bool is_presence(const Violation& v) {
  return v.kind == "vanish" || v.kind == "appear" || v.kind == "duplicate" || v.kind == "teleport" ||
         v.kind == "freeze";
}

// A median, so that a frame or two do not matter, and its standard error.
struct Typical {
  double value = 0, error = 0;
};

Typical typical(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> away;
  for (double v : values) away.push_back(std::abs(v - middle));
  return {middle, 1.2533 * deviation_of(away) / std::sqrt(double(values.size()))};
}

// What an object looks like over a stretch of its points.
struct Look {
  Typical red, green, log_area, round;  // red, green: shares of the brightness
};

using Pointers = std::vector<const TrackPoint*>;

Look look_of(const Pointers& points, size_t from, size_t to) {
  std::vector<double> red, green, area, round;
  for (size_t i = from; i < to; ++i) {
    const auto& c = points[i]->rgb;
    const double sum = double(c[0]) + c[1] + c[2] + 12;
    red.push_back((c[0] + 4) / sum), green.push_back((c[1] + 4) / sum);
    area.push_back(std::log(std::max(1.0, double(points[i]->area)))), round.push_back(points[i]->round);
  }
  return {typical(red), typical(green), typical(area), typical(round)};
}

// How far apart, less three standard errors, for the largest of many moments is asked: outlines and colours
// waver with every key frame of a codec.
double apart(const Typical& a, const Typical& b) {
  return std::max(0.0, std::abs(a.value - b.value) - 3 * std::hypot(a.error, b.error));
}

struct Change {
  double color = 0, shape = 0, size = 0;  // in tolerances
  int frame = 0;
  double largest() const { return std::max({color, shape, size}); }
};

Change between(const Look& a, const Look& b, int frame) {
  Change c;
  c.frame = frame;
  c.color = std::hypot(apart(a.red, b.red), apart(a.green, b.green)) / kColorTolerance.value;
  c.shape = apart(a.round, b.round) / kShapeTolerance.value;
  // A hand or a reflection in the mask changes the outline too: size alone counts between like outlines only.
  if (c.shape < 0.5) c.size = apart(a.log_area, b.log_area) / kSizeTolerance.value;
  return c;
}

Change smaller(const Change& a, const Change& b) {
  return {std::min(a.color, b.color), std::min(a.shape, b.shape), std::min(a.size, b.size), a.frame};
}

// Points of a body alone: of nearly the usual size, unless the size itself is asked for.
Pointers clean_points(const Track& track, bool any_size) {
  std::vector<double> areas;
  for (const TrackPoint& p : track.points)
    if (!p.clipped && !p.merged) areas.push_back(p.area);
  const double usual = median(areas);
  Pointers out;
  for (const TrackPoint& p : track.points)
    if (!p.clipped && !p.merged && (any_size || std::abs(std::log(p.area / usual)) < kSizeTolerance.value))
      out.push_back(&p);
  return out;
}

// The largest change that is there at once and to stay: between the eight points on both sides of a moment,
// and between all before and all after it. Approach to the camera is slow, a passing reflection does not
// stay.
Change change_of(const Track& track) {
  constexpr size_t kStretch = 8;
  Change out;
  for (const bool any_size : {false, true}) {
    const Pointers points = clean_points(track, any_size);
    const size_t n = points.size(), margin = std::max<size_t>(12, n * 15 / 100);
    if (n < 2 * margin) continue;
    for (size_t i = margin; i + margin <= n; i += 1 + n / 100) {
      const int frame = points[i]->frame;
      const Change sudden =
          between(look_of(points, i - kStretch, i), look_of(points, i, i + kStretch), frame);
      Change c = smaller(sudden, between(look_of(points, 0, i), look_of(points, i, n), frame));
      if (any_size) c.color = c.shape = 0;
      if (c.largest() > out.largest()) out = c;
    }
    if (any_size) continue;
    // Slowly, over the whole clip, neither colour nor outline become another's; blur by speed takes half of a
    // tolerance.
    Change slow = between(look_of(points, 0, n / 3), look_of(points, n - n / 3, n), points[2 * n / 3]->frame);
    slow.color /= 2, slow.shape /= 2, slow.size = 0;
    if (slow.largest() > out.largest()) out = slow;
  }
  return out;
}

// The smaller of a track's usual sizes at its beginning and its end: what has grown to three times itself goes no
// shorter a way for that.
double smaller_size(const Track& track) {
  const size_t third = track.points.size() / 3;
  return std::min(track.diameter(0, third), track.diameter(track.points.size() - third, third));
}

// The frames of a speed ramp's transition, or those in which it was partly hidden: its velocity there is a
// guess.
bool is_guessed(const Motion& motion, int phase) {
  const Phase& p = motion.phases[phase];
  const auto& points = motion.tracks[p.track].points;
  return std::all_of(points.begin() + p.first, points.begin() + p.last + 1,
                     [](const TrackPoint& point) { return point.odd; });
}

}  // namespace

// Velocity never jumps without something that could push.
LawResult continuity(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "continuity";
  std::vector<double> errors;
  for (const Track& track : motion.tracks) law.frames += int(track.points.size());
  for (const Event& event : motion.events) {
    errors.push_back(std::min(1.0, event.v_error / event.speed_range));
    if (event.kind != EventKind::kImpulse) continue;
    if (is_guessed(motion, event.before) || is_guessed(motion, event.after)) continue;
    const double j = std::hypot(event.v_out[0] - event.v_in[0], event.v_out[1] - event.v_in[1]);
    const double effect = std::max(0.0, j - 2 * event.v_error) / event.speed_range;
    law.effect = std::max(law.effect, effect);
    if (effect > 2 * kImpulseTolerance.value)
      violations.push_back({"impulse", event.frame, motion.tracks[event.track].id,
                            fmt::format("velocity jumps by {:.0f} px/s in the air with nothing near", j)});
  }
  law.detectable = revealed(kImpulseTolerance.value, median(errors));
  law.reveals =
      fmt::format("a jump of velocity by {:.0f} % of the top speed in the air", 100 * *law.detectable);
  law.score = quality_of(law.effect, kImpulseTolerance.value);
  law.detail = fmt::format("{} event(s); largest unexplained jump {:.2f} of the top speed",
                           motion.events.size(), law.effect);
  return law;
}

LawResult permanence(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "permanence";
  for (const Track& track : motion.tracks) law.frames += int(track.points.size());
  law.effect = double(std::count_if(violations.begin(), violations.end(), is_presence));
  law.score = law.effect > 0 ? 0 : 1;
  law.detectable = kMaxMissed.value;
  law.reveals =
      fmt::format("an object that is gone for {:.2f} s or more before bare background", kMaxMissed.value);
  law.detail =
      fmt::format("{} object(s) followed; {:.0f} unexplained end(s), beginning(s), jump(s) or halt(s)",
                  motion.tracks.size(), law.effect);
  return law;
}

LawResult identity(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "identity";
  Change worst;
  for (const Track& track : motion.tracks) {
    // What stays about its place may be a flicker of the background.
    if (track.points.size() < 24 || track.travel() < kIdentityTravel.value * smaller_size(track)) continue;
    const Change change = change_of(track);
    law.frames += int(track.points.size());
    if (change.largest() > 2.5)
      violations.push_back(
          {"identity", change.frame, track.id,
           fmt::format("looks like another thing: colour {:.1f}, shape {:.1f}, size {:.1f} tolerances",
                       change.color, change.shape, change.size)});
    if (change.largest() > worst.largest()) worst = change;
  }
  if (law.frames == 0)
    return not_identifiable("identity", "nothing that goes three times its size is seen for 24 frames");
  law.effect = worst.largest();
  law.detectable = 1;
  law.reveals = fmt::format("a sudden change of size by {:.0f} %", 100 * std::expm1(kSizeTolerance.value));
  law.score = quality_of(law.effect, 1);
  law.detail = fmt::format("largest change: colour {:.2f}, shape {:.2f}, size {:.2f} tolerances", worst.color,
                           worst.shape, worst.size);
  return law;
}

}  // namespace orrery::physics_eval
