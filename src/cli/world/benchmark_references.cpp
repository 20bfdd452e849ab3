#include "cli/world/benchmark_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "physics_eval/tracks_csv.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kTries = 4000;
constexpr double kWeakened = 0.3;    // gravity's share that is left
constexpr double kBounceGain = 1.3;  // speed after over before
constexpr double kPushApart = 1.5;   // of the closing speed, to each
constexpr double kStartSpeed = 2;    // m/s
constexpr double kFlightFrames = 8;  // in the air before gravity weakens
constexpr double kMiddle = 0.45;     // of the clip: when other things happen

// For each expected object the scene's object that becomes it; empty: the shapes do not fit.
std::vector<int> fitting(const Scene& scene, const std::vector<physics_eval::ExpectedObject>& expected) {
  if (expected.empty()) return {};
  if (expected.size() != scene.objects.size()) return {};
  std::vector<int> out;
  for (const auto& wanted : expected) {
    for (int k = 0; k < int(scene.objects.size()); ++k) {
      const bool taken = std::find(out.begin(), out.end(), k) != out.end();
      if (taken || (wanted.shape && scene.objects[size_t(k)].shape != *wanted.shape)) continue;
      out.push_back(k);
      break;
    }
  }
  if (out.size() != expected.size()) out.clear();
  return out;
}

void paint(const std::vector<physics_eval::ExpectedObject>& expected, Scene& scene) {
  const std::vector<int> places = fitting(scene, expected);
  for (size_t i = 0; i < places.size(); ++i)
    if (expected[i].color) scene.objects[size_t(places[i])].color = *expected[i].color;
}

Push push_of(const ReferenceClip& clip, int object, int frame, double dvx, double dvy) {
  const ObjectState& s = clip.trajectory.at(frame, object);
  const double mass = mass_of(clip.scene.objects[size_t(object)]);
  return {object, frame, mass * dvx, mass * dvy, s.x, s.y};
}

void push(ReferenceClip& clip, const std::vector<Push>& pushes, const char* what) {
  clip.trajectory = simulate(clip.scene, clip.trajectory.num_frames(), pushes);
  clip.broken = what;
}

double speed_of(const ObjectState& s) { return std::hypot(s.vx, s.vy); }

// The object that moves fastest at that frame and can be seen.
int fastest(const ReferenceClip& clip, int frame) {
  int best = 0;
  double top = -1;
  for (int k = 0; k < clip.trajectory.num_objects; ++k)
    if (const ObjectState& s = clip.trajectory.at(frame, k); in_view(s.x, s.y) && speed_of(s) > top)
      best = k, top = speed_of(s);
  return best;
}

const ContactEvent* first_contact(const ReferenceClip& clip, bool between_objects) {
  for (const ContactEvent& c : clip.trajectory.contacts)
    if ((c.b >= 0) == between_objects && c.frame + 2 < clip.trajectory.num_frames()) return &c;
  return nullptr;
}

void vanish(ReferenceClip& clip) {
  clip.hidden_from = int(kMiddle * 0.7 * clip.trajectory.num_frames());
  clip.hidden_object = fastest(clip, clip.hidden_from);
  clip.broken = "an object vanishes";
}

void weaken_gravity(ReferenceClip& clip) {
  const int frames = clip.trajectory.num_frames(), from = int(kFlightFrames);
  if (frames <= from + 1) return vanish(clip);
  Scene later = clip.scene;
  later.gravity *= kWeakened;
  for (size_t k = 0; k < later.objects.size(); ++k) {
    const ObjectState& s = clip.trajectory.at(from, int(k));
    ObjectSpec& o = later.objects[k];
    o.x = s.x, o.y = s.y, o.angle = s.angle, o.vx = s.vx, o.vy = s.vy, o.omega = s.omega;
  }
  const Trajectory rest = simulate(later, frames - from);
  std::copy(rest.states.begin(), rest.states.end(),
            clip.trajectory.states.begin() + from * clip.trajectory.num_objects);
  clip.broken = "gravity weakens in flight";
}

void gain_at_bounce(ReferenceClip& clip) {
  const ContactEvent* c = first_contact(clip, false);
  if (!c) return vanish(clip);
  const int frame = c->frame + 1;
  const double gain = kBounceGain * c->normal_speed - clip.trajectory.at(frame, c->a).vy;
  push(clip, {push_of(clip, c->a, frame, 0, gain)}, "a bounce gains speed");
}

void gain_at_collision(ReferenceClip& clip) {
  const ContactEvent* c = first_contact(clip, true);
  if (!c) return vanish(clip);
  const int a = c->a, b = c->b, frame = c->frame + 1;
  const ObjectState &p = clip.trajectory.at(frame, a), &q = clip.trajectory.at(frame, b);
  const double distance = std::max(1e-6, std::hypot(double(p.x) - q.x, double(p.y) - q.y));
  const double speed = kPushApart * std::max(c->normal_speed, 1.0) / distance;
  const double dx = speed * (p.x - q.x), dy = speed * (p.y - q.y);
  push(clip, {push_of(clip, a, frame, dx, dy), push_of(clip, b, frame, -dx, -dy)},
       "a collision gains momentum");
}

void turn_round(ReferenceClip& clip) {
  const int frame = int(kMiddle * 0.7 * clip.trajectory.num_frames()), object = fastest(clip, frame);
  const ObjectState& s = clip.trajectory.at(frame, object);
  push(clip, {push_of(clip, object, frame, -2 * s.vx, -2 * s.vy)}, "something turns round by itself");
}

void start(ReferenceClip& clip) {
  const int frame = int(kMiddle * clip.trajectory.num_frames());
  const double away = clip.trajectory.at(frame, 0).x < kViewWidth / 2 ? kStartSpeed : -kStartSpeed;
  push(clip, {push_of(clip, 0, frame, away, 0.5 * kStartSpeed)}, "something starts by itself");
}

}  // namespace

Scene reference_scene(const Scenario& s, int64_t seed) {
  const uint64_t stream = mix64(hash64(s.id) + uint64_t(seed));
  for (uint64_t i = 0; i < kTries; ++i) {
    Scene scene = make_sample(mix64(stream + i), Split::kId, s.family).scene;
    const bool fits = s.objects.empty() || !fitting(scene, s.objects).empty();
    if (!fits || std::abs(scene.gravity - 9.81) > 0.01) continue;
    paint(s.objects, scene);
    return scene;
  }
  fail("scenario {}: family '{}' has no scene with these objects in {} tries; change family or objects", s.id,
       s.family, kTries);
}

Scene changed_scene(const PromptPair& pair, int64_t seed) {
  Scene scene = reference_scene(pair.base, seed);
  if (pair.relation == Relation::kMirrored) return mirrored(scene);
  if (pair.relation == Relation::kGravity) scene.gravity *= pair.gravity;
  else paint(pair.changed.objects, scene);
  return scene;
}

ReferenceClip simulated(const Scene& scene, int num_frames) {
  ReferenceClip clip;
  clip.scene = scene;
  clip.trajectory = simulate(scene, num_frames);
  return clip;
}

ReferenceClip perturbed(const Scene& scene, int num_frames, const std::string& law) {
  ReferenceClip clip = simulated(scene, num_frames);
  if (law == "free flight") weaken_gravity(clip);
  else if (law == "bounce") gain_at_bounce(clip);
  else if (law == "collision") gain_at_collision(clip);
  else if (law == "roll and slide" || law == "ramp") turn_round(clip);
  else if (law == "rest") start(clip);
  else vanish(clip);
  return clip;
}

std::vector<Frame> drawn_frames(const ReferenceClip& clip, uint64_t seed) {
  const Renderer renderer(clip.scene, Style::kTrain, seed);
  const Trajectory& t = clip.trajectory;
  std::vector<Frame> out;
  for (int f = 0; f < t.num_frames(); ++f) {
    std::vector<ObjectState> states(&t.at(f, 0), &t.at(f, 0) + t.num_objects);
    if (clip.hidden_object >= 0 && f >= clip.hidden_from)
      states[size_t(clip.hidden_object)].x = -10 * float(kViewWidth);
    out.push_back(renderer.frame(states, f / kFramesPerSecond));
    out.back().seconds = f / kFramesPerSecond;
  }
  return out;
}

std::string tracks_csv_of_states(const Scene& scene, const Trajectory& t, int first) {
  physics_eval::Evaluation seen;
  for (int k = 0; k < t.num_objects; ++k) {
    const ObjectSpec& o = scene.objects[size_t(k)];
    physics_eval::Track track;
    track.id = k;
    for (int f = first; f < t.num_frames(); ++f) {
      const ObjectState& s = t.at(f, k);
      const bool box = o.shape == Shape::kBox;
      const double reach =
          box ? o.size * (std::abs(std::cos(s.angle)) + std::abs(std::sin(s.angle))) : o.size;
      if (s.x + reach < 0 || s.x - reach > kViewWidth || s.y - reach > kViewHeight || s.y + reach < 0) {
        track.death = physics_eval::TrackEnd::kBorder;
        break;
      }
      physics_eval::TrackPoint p;
      p.frame = f - first, p.t = (f - first) / kFramesPerSecond;
      p.x = s.x * kPixelsPerMeter - 0.5, p.y = (kViewHeight - s.y) * kPixelsPerMeter - 0.5;
      p.width = p.height = 2 * reach * kPixelsPerMeter;
      p.area = (box ? 4 : M_PI) * o.size * o.size * kPixelsPerMeter * kPixelsPerMeter;
      p.round = box ? 0.64 : 0.97;
      p.rgb = {float(25 * o.color), 128, float(250 - 25 * o.color)};  // a name, not a look: it never changes
      p.clipped = s.x - reach < 0 || s.x + reach > kViewWidth || s.y + reach > kViewHeight;
      track.points.push_back(p);
    }
    seen.tracks.push_back(std::move(track));
  }
  return physics_eval::tracks_csv_header() + physics_eval::tracks_csv(seen, "");
}

}  // namespace orrery
