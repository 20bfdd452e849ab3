#include "cli/inspect_edit.h"

#include <cmath>

namespace orrery {
namespace {

constexpr double kTouch = 0.1;   // m: nearer than this two outlines may meet between two frames
constexpr double kMoved = 0.02;  // m: less than this is no change

double distance(const ObjectState& a, const ObjectState& b) {
  return std::hypot(double(a.x) - b.x, double(a.y) - b.y);
}

// The farthest that the outline is from the centre.
double reach(const ObjectSpec& o) { return o.shape == Shape::kBox ? o.size * std::sqrt(2.0) : o.size; }

bool may_touch(const Scene& scene, const Trajectory& t, int frame, int a, int b) {
  return distance(t.at(frame, a), t.at(frame, b)) <
         reach(scene.objects[size_t(a)]) + reach(scene.objects[size_t(b)]) + kTouch;
}

// Objects that something reached already may touch in this frame, before or after the edit; until no more are
// found.
void spread_reach(const Scene& scene, const Trajectory& before, const Trajectory& after, int frame,
                  std::vector<EditEffect>& effects) {
  for (bool found = true; found;) {
    found = false;
    for (int a = 0; a < before.num_objects; ++a)
      for (int b = 0; b < before.num_objects; ++b)
        if (effects[size_t(a)].reached >= 0 && effects[size_t(b)].reached < 0 &&
            (may_touch(scene, before, frame, a, b) || may_touch(scene, after, frame, a, b))) {
          effects[size_t(b)].reached = frame;
          found = true;
        }
  }
}

Trajectory rollout(const UnifiedTransformer& model, const Scene& scene, int chunks) {
  GenerationCache cache;
  return trajectory_of(scene, rollout_states(model, scene, chunks, {}, cache));
}

Json path_json(const Trajectory& t, int object) {
  Json path = Json::array();
  for (int f = 0; f < t.num_frames(); ++f) {
    const ObjectState& s = t.at(f, object);
    path.push_back({std::round(1000 * s.x) / 1000, std::round(1000 * s.y) / 1000});
  }
  return path;
}

}  // namespace

std::vector<EditEffect> edit_effects(const Scene& scene, int edited, const Trajectory& before,
                                     const Trajectory& after) {
  std::vector<EditEffect> effects(size_t(before.num_objects));
  effects[size_t(edited)].reached = 0;
  for (int f = 0; f < std::min(before.num_frames(), after.num_frames()); ++f) {
    spread_reach(scene, before, after, f, effects);
    for (int k = 0; k < before.num_objects; ++k) {
      EditEffect& e = effects[size_t(k)];
      const double moved = distance(before.at(f, k), after.at(f, k));
      e.change = std::max(e.change, moved);
      if (e.reached < 0) e.change_before = std::max(e.change_before, moved);
    }
  }
  return effects;
}

VelocityEdit edit_velocity(const UnifiedTransformer& model, const Scene& scene, int object, double dvx,
                           double dvy, int chunks, const Simulator& simulator) {
  VelocityEdit e;
  Scene changed = scene;
  ObjectSpec& o = changed.objects[size_t(object)];
  e.object = object;
  e.vx = o.vx, e.vy = o.vy;
  o.vx += dvx, o.vy += dvy;
  changed = quantized(changed);  // places stay, so the canonical order does
  e.new_vx = changed.objects[size_t(object)].vx, e.new_vy = changed.objects[size_t(object)].vy;
  e.before = rollout(model, scene, chunks);
  e.after = rollout(model, changed, chunks);
  e.effects = edit_effects(scene, object, e.before, e.after);
  if (!simulator) return e;
  e.simulated_before = simulator(scene, e.before.num_frames());
  e.simulated_after = simulator(changed, e.before.num_frames());
  const std::vector<EditEffect> truth = edit_effects(scene, object, *e.simulated_before, *e.simulated_after);
  for (size_t k = 0; k < truth.size(); ++k) e.effects[k].simulated_change = truth[k].change;
  return e;
}

Json edit_json(const Scene& scene, const VelocityEdit& e, bool with_paths) {
  Json objects = Json::array();
  for (size_t k = 0; k < e.effects.size(); ++k) {
    const EditEffect& f = e.effects[k];
    Json o = {{"object", k},
              {"name", fmt::format("{} {}", kColorNames[size_t(scene.objects[k].color)],
                                   kShapeNames[size_t(scene.objects[k].shape)])},
              {"change_m", f.change},
              {"reached_s", f.reached < 0 ? Json() : Json(f.reached / kFramesPerSecond)},
              {"change_before_reached_m", f.change_before},
              {"stayed", f.change_before < kMoved},
              {"simulated_change_m", f.simulated_change ? Json(*f.simulated_change) : Json()}};
    if (with_paths) {
      o["before"] = path_json(e.before, int(k));
      o["after"] = path_json(e.after, int(k));
      if (e.simulated_before) o["simulated_before"] = path_json(*e.simulated_before, int(k));
      if (e.simulated_after) o["simulated_after"] = path_json(*e.simulated_after, int(k));
    }
    objects.push_back(std::move(o));
  }
  return {{"object", e.object},
          {"velocity_m_s", {e.vx, e.vy}},
          {"edited_velocity_m_s", {e.new_vx, e.new_vy}},
          {"objects", objects}};
}

}  // namespace orrery
