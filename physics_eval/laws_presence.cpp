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
  return v.kind == "vanish" || v.kind == "appear" || v.kind == "duplicate" || v.kind == "teleport" || v.kind == "freeze";
}

// What an object looks like over a stretch of its points: medians, so that a frame or two do not matter.
struct Look {
  double red = 0, green = 0, area = 0, round = 0;  // red, green: shares of the brightness
};

Look look_of(const std::vector<const TrackPoint*>& points, size_t from, size_t to) {
  std::vector<double> red, green, area, round;
  for (size_t i = from; i < to; ++i) {
    const auto& c = points[i]->rgb;
    const double sum = double(c[0]) + c[1] + c[2] + 12;
    red.push_back((c[0] + 4) / sum), green.push_back((c[1] + 4) / sum);
    area.push_back(points[i]->area), round.push_back(points[i]->round);
  }
  return {median(red), median(green), median(area), median(round)};
}

struct Change {
  double color = 0, shape = 0, size = 0;  // in tolerances
  int frame = 0;
  double largest() const { return std::max({color, shape, size}); }
};

// The largest change between the stretches on both sides of a moment. A change of size must be sudden: approach to the
// camera is slow. Colours may change with the light, but not all at once.
Change change_of(const Track& track) {
  constexpr size_t kStretch = 8;
  std::vector<const TrackPoint*> points;
  for (const TrackPoint& p : track.points)
    if (!p.clipped && !p.merged) points.push_back(&p);
  Change out;
  if (points.size() < 2 * kStretch) return out;
  const auto compare = [&](const Look& a, const Look& b, int frame, bool sudden) {
    Change c;
    c.frame = frame;
    c.color = std::hypot(a.red - b.red, a.green - b.green) / kColorTolerance.value;
    c.shape = std::abs(a.round - b.round) / kShapeTolerance.value;
    if (sudden) c.size = std::abs(std::log(b.area / a.area)) / kSizeTolerance.value;
    if (c.largest() > out.largest()) out = c;
  };
  for (size_t i = kStretch; i + kStretch <= points.size(); ++i)
    compare(look_of(points, i - kStretch, i), look_of(points, i, i + kStretch), points[i]->frame, true);
  const size_t third = points.size() / 3;
  compare(look_of(points, 0, third), look_of(points, points.size() - third, points.size()), points[2 * third]->frame, false);
  return out;
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
    const double j = std::hypot(event.v_out[0] - event.v_in[0], event.v_out[1] - event.v_in[1]);
    const double effect = std::max(0.0, j - 2 * event.v_error) / event.speed_range;
    law.effect = std::max(law.effect, effect);
    if (effect > 2 * kImpulseTolerance.value)
      violations.push_back({"impulse", event.frame, motion.tracks[event.track].id,
                            fmt::format("velocity jumps by {:.0f} px/s in the air with nothing near", j)});
  }
  law.detectable = revealed(kImpulseTolerance.value, median(errors));
  law.reveals = fmt::format("a jump of velocity by {:.0f} % of the top speed in the air", 100 * *law.detectable);
  law.score = quality_of(law.effect, kImpulseTolerance.value);
  law.detail = fmt::format("{} event(s); largest unexplained jump {:.2f} of the top speed", motion.events.size(), law.effect);
  return law;
}

LawResult permanence(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "permanence";
  for (const Track& track : motion.tracks) law.frames += int(track.points.size());
  law.effect = double(std::count_if(violations.begin(), violations.end(), is_presence));
  law.score = law.effect > 0 ? 0 : 1;
  law.detectable = kMaxMissed.value;
  law.reveals = fmt::format("an object that is gone for {:.2f} s or more before bare background", kMaxMissed.value);
  law.detail = fmt::format("{} object(s) followed; {:.0f} unexplained end(s), beginning(s), jump(s) or halt(s)", motion.tracks.size(), law.effect);
  return law;
}

LawResult identity(const Motion& motion, Violations& violations) {
  LawResult law;
  law.name = "identity";
  Change worst;
  for (const Track& track : motion.tracks) {
    if (track.points.size() < 16) continue;
    const Change change = change_of(track);
    law.frames += int(track.points.size());
    if (change.largest() > 2)
      violations.push_back({"identity", change.frame, track.id,
                            fmt::format("looks like another thing: colour {:.1f}, shape {:.1f}, size {:.1f} tolerances", change.color, change.shape, change.size)});
    if (change.largest() > worst.largest()) worst = change;
  }
  if (law.frames == 0) return not_identifiable("identity", "nothing is seen for sixteen frames");
  law.effect = worst.largest();
  law.detectable = 1;
  law.reveals = fmt::format("a sudden change of size by {:.0f} %", 100 * std::expm1(kSizeTolerance.value));
  law.score = quality_of(law.effect, 1);
  law.detail = fmt::format("largest change: colour {:.2f}, shape {:.2f}, size {:.2f} tolerances", worst.color, worst.shape, worst.size);
  return law;
}

}  // namespace orrery::physics_eval
