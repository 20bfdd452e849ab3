#include "world/captions_facts.h"

#include <algorithm>
#include <cmath>

#include "world/materials.h"
#include "world/scenes.h"

namespace orrery {
namespace {

constexpr double kTouching = 0.02;  // m: on the floor or on the ramp
constexpr double kMoving = 0.3;     // m/s: slower counts as released from rest

bool on_ramp(const ObjectSpec& o, const Scene& scene) {
  return scene.ramp.present && gap_to_floor(o) > kTouching && gap_to_ramp(o, scene.ramp) < kTouching;
}

Motion ramp_motion(const ObjectSpec& o, const Scene& scene) {
  if (o.shape == Shape::kBall) return Motion::kRampRoll;
  const double slope = std::abs(scene.ramp.height / (scene.ramp.x_high - scene.ramp.x_low));
  return kMaterials[o.material].friction < slope ? Motion::kRampSlide : Motion::kRampRest;
}

Motion air_motion(const ObjectSpec& o) {
  if (std::hypot(o.vx, o.vy) < kMoving) return Motion::kFall;
  if (std::abs(o.vx) > 0.35 * std::abs(o.vy)) return Motion::kThrow;
  return o.vy > 0 ? Motion::kThrowUp : Motion::kThrowDown;
}

ObjectFacts object_facts(const std::string& family, const ObjectSpec& o, const Scene& scene) {
  ObjectFacts facts;
  facts.speed = std::hypot(o.vx, o.vy);
  facts.height = o.y - o.size - std::max(ground_height(scene, o.x), kFloorY);
  if (on_ramp(o, scene)) {
    facts.motion = ramp_motion(o, scene);
    facts.direction = scene.ramp.x_low > scene.ramp.x_high ? 1 : -1;
    return facts;
  }
  const bool on_floor = gap_to_floor(o) < kTouching;
  if (on_floor && facts.speed < kMoving) return facts;
  facts.direction = std::abs(o.vx) < kMoving ? 0 : o.vx > 0 ? 1 : -1;
  if (on_floor && std::abs(o.vy) < kMoving)
    facts.motion = o.shape == Shape::kBall ? Motion::kRoll : Motion::kSlide;
  else facts.motion = family == "bounce" ? Motion::kBounce : air_motion(o);
  return facts;
}

// How far it comes along the floor before friction stops it, m. Balls roll on.
double reach_on_floor(const ObjectSpec& o, double speed, double gravity) {
  if (o.shape == Shape::kBall) return 1.4 * speed;  // within about 1.4 s
  return std::min(1.4 * speed, 0.8 * speed * speed / (2 * kMaterials[o.material].friction * gravity));
}

// Speed at the foot of the ramp, m/s, from energy: a rolling ball keeps 5/7 of it, a box loses mu cos a.
double speed_at_foot(const ObjectSpec& o, const Scene& scene) {
  const double drop = std::max(0.0, o.y - o.size - kFloorY), slope = std::abs(ramp_angle(scene.ramp));
  if (o.shape == Shape::kBall) return std::sqrt(10.0 / 7 * scene.gravity * drop);
  const double share = 1 - kMaterials[o.material].friction / std::tan(slope);
  return std::sqrt(std::max(0.0, 2 * scene.gravity * drop * share));
}

// Does `a` come along the floor (or off the ramp) into `b`, which rests there, before anything else?
bool surely_hits(const Scene& scene, const SceneFacts& facts, int a, int b) {
  const ObjectSpec &mover = scene.objects[a], &target = scene.objects[b];
  const ObjectFacts& motion = facts.objects[a];
  if (facts.objects[b].motion != Motion::kRest) return false;
  const bool ramp = motion.motion == Motion::kRampRoll || motion.motion == Motion::kRampSlide;
  if (!ramp && motion.motion != Motion::kRoll && motion.motion != Motion::kSlide) return false;
  const double start = ramp ? scene.ramp.x_low : mover.x;
  const double gap = motion.direction * (target.x - start) - target.size - (ramp ? 0 : mover.size);
  const double speed = ramp ? speed_at_foot(mover, scene) : motion.speed;
  return gap > 0 && speed > 1 && gap < reach_on_floor(mover, speed, scene.gravity);
}

// Anything else nearby could get in the way: then nothing is claimed.
bool undisturbed(const Scene& scene, int a, int b) {
  const double lo = std::min(scene.objects[a].x, scene.objects[b].x),
               hi = std::max(scene.objects[a].x, scene.objects[b].x);
  for (int k = 0; k < int(scene.objects.size()); ++k) {
    const ObjectSpec& other = scene.objects[k];
    if (k == a || k == b) continue;
    const double ahead = 1.5 * std::abs(other.vx);  // m it may come nearer
    if (other.x + other.size + ahead > lo && other.x - other.size - ahead < hi) return false;
  }
  if (!scene.ramp.present || gap_to_floor(scene.objects[a]) > kTouching) return true;
  return hi < std::min(scene.ramp.x_low, scene.ramp.x_high) ||
         lo > std::max(scene.ramp.x_low, scene.ramp.x_high);
}

bool falls_straight_onto(const Scene& scene, const SceneFacts& facts, int a, int b) {
  const ObjectSpec &faller = scene.objects[a], &target = scene.objects[b];
  if (facts.objects[a].motion != Motion::kFall || facts.objects[b].motion != Motion::kRest) return false;
  return std::abs(faller.x - target.x) < 0.7 * (faller.size + target.size) && faller.y > target.y;
}

bool airborne(const ObjectFacts& facts) {
  return facts.motion == Motion::kFall || facts.motion == Motion::kThrow ||
         facts.motion == Motion::kThrowUp || facts.motion == Motion::kThrowDown ||
         facts.motion == Motion::kBounce;
}

// Who does what to whom, given that i and j meet.
Encounter roles(const SceneFacts& facts, int i, int j) {
  const bool i_rests = facts.objects[i].motion == Motion::kRest,
             j_rests = facts.objects[j].motion == Motion::kRest;
  if (i_rests == j_rests) return {Encounter::Kind::kMutual, i, j};
  const int subject = i_rests ? j : i, object = i_rests ? i : j;
  const Motion motion = facts.objects[subject].motion;
  const bool from_above = motion == Motion::kFall || motion == Motion::kThrowDown;
  return {from_above ? Encounter::Kind::kFallsOn : Encounter::Kind::kHits, subject, object};
}

// The first clear contact of two objects; they must have been what they are at the start until then.
std::optional<Encounter> encounter_in(const Trajectory& trajectory, const SceneFacts& facts) {
  constexpr double kClear = 0.5;  // m/s closing
  std::vector<bool> touched(facts.objects.size(), false);
  for (const ContactEvent& event : trajectory.contacts) {
    if (event.b < 0) {
      if (airborne(facts.objects[event.a])) touched[event.a] = true;
      continue;
    }
    if (!touched[event.a] && !touched[event.b] && event.normal_speed > kClear)
      return roles(facts, event.a, event.b);
    touched[event.a] = touched[event.b] = true;
  }
  return std::nullopt;
}

std::optional<Encounter> sure_encounter(const std::string& family, const Scene& scene,
                                        const SceneFacts& facts) {
  const int n = int(scene.objects.size());
  if (family == "collision" && n == 2) return roles(facts, 0, 1);
  for (int a = 0; a < n; ++a)
    for (int b = 0; b < n; ++b) {
      if (a == b || !undisturbed(scene, a, b)) continue;
      if (surely_hits(scene, facts, a, b)) return Encounter{Encounter::Kind::kHits, a, b};
      if (falls_straight_onto(scene, facts, a, b)) return Encounter{Encounter::Kind::kFallsOn, a, b};
    }
  return std::nullopt;
}

}  // namespace

std::string_view motion_table(Motion motion) {
  static constexpr std::string_view kNames[] = {"rest",      "fall",       "bounce",    "throw",
                                                "throw_up",  "throw_down", "roll",      "slide",
                                                "ramp_rest", "ramp_roll",  "ramp_slide"};
  return kNames[int(motion)];
}

SceneFacts facts_of(const std::string& family, const Scene& scene, const Trajectory* trajectory) {
  SceneFacts facts;
  for (const ObjectSpec& object : scene.objects) facts.objects.push_back(object_facts(family, object, scene));
  // A caption speaks of the scene, not of the pushes it gets; and a `collision` is one by construction,
  // whatever was touched first.
  const bool as_it_went = trajectory && trajectory->pushes.empty() && family != "collision";
  facts.encounter = as_it_went ? encounter_in(*trajectory, facts) : sure_encounter(family, scene, facts);
  return facts;
}

// Training's sizes are 0.20 to 0.55 m.
SizeClass size_class(double size) {
  if (size < 0.24) return SizeClass::kTiny;
  if (size < 0.31) return SizeClass::kSmall;
  if (size < 0.42) return SizeClass::kMedium;
  return size < 0.50 ? SizeClass::kBig : SizeClass::kHuge;
}

Relation relation_between(const ObjectSpec& a, const ObjectSpec& b) {
  const double dx = a.x - b.x, dy = a.y - b.y, reach = a.size + b.size;
  if (std::abs(dx) < 0.8 * reach && std::abs(dy) > 1.2 * reach)
    return dy > 0 ? Relation::kAbove : Relation::kBelow;
  if (std::abs(dx) < reach || std::abs(dy) > 1.5) return Relation::kNone;
  if (std::abs(dx) < reach + 0.6 && std::abs(dy) < 0.5) return Relation::kBeside;
  return dx < 0 ? Relation::kLeft : Relation::kRight;
}

}  // namespace orrery
