#include "models/token_features.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "models/feature_writer.h"

namespace orrery {
namespace {

constexpr float kTwoPi = float(2 * std::numbers::pi);
constexpr float kFrameTime = float(1 / kFramesPerSecond);

// The same waves for patches and, frame by frame, for objects: products of the two are waves of the vector between them.
void place_waves(FeatureWriter& w, float x, float y) {
  w.fourier(x, {1.0f, 2.0f, 5.0f, 10.0f});
  w.fourier(y, {1.0f, 2.0f, 5.0f, 10.0f});
}

void put_push(FeatureWriter& w, const ObjectChunk& c) {
  w.put(c.pushed);
  w.put(c.pushed ? c.jx / 5 : 0);
  w.put(c.pushed ? c.jy / 5 : 0);
  w.put(c.pushed ? c.px : 0);
  w.put(c.pushed ? c.py : 0);
  w.put(c.pushed ? float(c.push_offset) / kFramesPerChunk : 0);
}

void read_push(const Trajectory& trajectory, int object, int chunk, ObjectChunk& out) {
  for (const Push& p : trajectory.pushes) {
    if (p.object != object || p.frame / kFramesPerChunk != chunk) continue;
    const ObjectState& at = trajectory.at(std::min(p.frame, trajectory.num_frames() - 1), object);
    out.pushed = true;
    out.jx = float(p.jx);
    out.jy = float(p.jy);
    out.px = float(p.px) - at.x;
    out.py = float(p.py) - at.y;
    out.push_offset = p.frame % kFramesPerChunk;
  }
}

}  // namespace

int patch_features(int code_dims) { return code_dims + 1 + 2 + 16; }

void object_features(const ObjectChunk& c, const ObjectSpec& spec, double gravity, float* out) {
  FeatureWriter w{out};
  for (const ObjectState& s : c.states) {
    w.put(s.x / 5 - 1);
    w.put(s.y / 3 - 1);
    w.put(std::cos(s.angle));
    w.put(std::sin(s.angle));
  }
  const ObjectState& last = c.states.back();
  w.put(last.vx / 5);
  w.put(last.vy / 5);
  w.put(last.omega / 8);
  w.put(last.contact);
  w.put(c.initial);
  w.fourier(last.x, {0.5f, 1.0f, 2.5f, 6.0f});
  w.fourier(last.y, {0.5f, 1.0f, 2.5f, 6.0f});
  w.fourier(last.y - float(spec.size), {0.15f, 0.4f, 1.0f, 3.0f});
  w.fourier(last.vx, {2.0f, 6.0f});
  w.fourier(last.vy, {2.0f, 6.0f});
  w.one_hot(int(spec.shape), int(kShapeNames.size()));
  w.put(float(spec.size) * 2);
  w.one_hot(spec.material, int(kMaterialNames.size()));
  w.one_hot(spec.color, int(kColorNames.size()));
  w.put(float(gravity) / 10);
  put_push(w, c);
  ORRERY_ASSERT(w.n == kObjectFeaturesNoWaves);
  for (const ObjectState& s : c.states) place_waves(w, s.x, s.y);
  ORRERY_ASSERT(w.n == kObjectFeatures);
}

int num_static_parts(const Scene& scene) { return scene.ramp.present ? 4 : 1; }

Token scene_token(const Scene& scene, int part) {
  Token token{TokenKind::kScene, kStaticChunk, int16_t(part), {}};
  if (part == 0) return token;
  const double along = (part - 1) / 2.0;
  token.place = {float(scene.ramp.x_low + along * (scene.ramp.x_high - scene.ramp.x_low)), float(kFloorY + along * scene.ramp.height), true};
  return token;
}

void scene_features(const Scene& scene, int part, float* out) {
  FeatureWriter w{out};
  w.one_hot(part, 4);
  w.put(float(scene.gravity) / 10);
  w.one_hot(scene.light, int(kLightNames.size()));
  w.one_hot(scene.wall_color, int(kBackdropNames.size()));
  w.one_hot(scene.floor_color, int(kBackdropNames.size()));
  w.one_hot(scene.floor_texture, int(kFloorNames.size()));
  const Ramp& r = scene.ramp;
  const double run = r.x_high - r.x_low, length = std::hypot(run, r.height);
  w.put(r.present);
  w.put(r.present ? float(r.x_low / 5 - 1) : 0);
  w.put(r.present ? float(r.x_high / 5 - 1) : 0);
  w.put(r.present ? float(r.height / 3) : 0);
  w.put(r.present ? (run > 0 ? 1.0f : -1.0f) : 0);
  w.put(r.present && length > 0 ? float(run / length) : 0);
  w.put(r.present && length > 0 ? float(r.height / length) : 0);
  w.put(float(part));
  ORRERY_ASSERT(w.n == kSceneFeatures);
}

void prologue_features(const PrologueItem* previous, float* out) {
  FeatureWriter w{out};
  constexpr int kMaxCategories = 12;
  const AttributeSpec* spec = previous ? &attribute_spec(previous->attribute) : nullptr;
  w.one_hot(previous ? int(previous->attribute) : -1, kNumAttributes);
  w.one_hot(previous && spec->categories ? previous->coarse : -1, kMaxCategories);
  const bool number = previous && !spec->categories;
  const float u = number ? float(previous->coarse * kLevels + previous->fine) / (kLevels * kLevels) : 0;
  w.put(number);
  for (int k = 0; k < 10; ++k) {
    const float angle = float(std::numbers::pi) * u * float(1 << k);
    w.put(number ? std::sin(angle) : 0);
    w.put(number ? std::cos(angle) : 0);
  }
  ORRERY_ASSERT(w.n == kPrologueFeatures);
}

void patch_features(const float* previous, int code_dims, int patch, float* out) {
  FeatureWriter w{out};
  for (int i = 0; i < code_dims; ++i) w.put(previous ? previous[i] : 0);
  w.put(previous ? 0.0f : 1.0f);
  const Place place = patch_place(patch);
  w.put(place.x / 5 - 1);
  w.put(place.y / 3 - 1);
  place_waves(w, place.x, place.y);
  ORRERY_ASSERT(w.n == patch_features(code_dims));
}

ObjectChunk advance(const ObjectChunk& chunk, const float* outputs) {
  const ObjectState& last = chunk.states.back();
  ObjectChunk next;
  for (int i = 1; i <= kFramesPerChunk; ++i) {
    ObjectState& s = next.states[i - 1];
    const float* o = outputs + 3 * (i - 1);
    s.x = last.x + last.vx * kFrameTime * i + o[0] * kPlaceScale * i;
    s.y = last.y + last.vy * kFrameTime * i + o[1] * kPlaceScale * i;
    s.angle = last.angle + last.omega * kFrameTime * i + o[2] * kAngleScale * i;
  }
  const float* o = outputs + 3 * kFramesPerChunk;
  ObjectState& end = next.states.back();
  end.vx = last.vx + o[0] * kSpeedScale;
  end.vy = last.vy + o[1] * kSpeedScale;
  end.omega = last.omega + o[2] * kSpinScale;
  end.contact = o[3] > 0;
  // Velocities inside the chunk are reported, not fed back: differences of the predicted places.
  for (int i = 0; i < kFramesPerChunk - 1; ++i) {
    ObjectState& s = next.states[i];
    const ObjectState& before = i ? next.states[i - 1] : last;
    s.vx = (s.x - before.x) / kFrameTime;
    s.vy = (s.y - before.y) / kFrameTime;
    s.omega = (s.angle - before.angle) / kFrameTime;
    s.contact = end.contact;
  }
  return next;
}

void residual_targets(const ObjectChunk& chunk, const ObjectChunk& next, float* targets) {
  const ObjectState& last = chunk.states.back();
  for (int i = 1; i <= kFramesPerChunk; ++i) {
    const ObjectState& s = next.states[i - 1];
    float* t = targets + 3 * (i - 1);
    t[0] = (s.x - last.x - last.vx * kFrameTime * i) / (kPlaceScale * i);
    t[1] = (s.y - last.y - last.vy * kFrameTime * i) / (kPlaceScale * i);
    t[2] = std::remainder(s.angle - last.angle - last.omega * kFrameTime * i, kTwoPi) / (kAngleScale * i);
  }
  const ObjectState& end = next.states.back();
  float* t = targets + 3 * kFramesPerChunk;
  t[0] = (end.vx - last.vx) / kSpeedScale;
  t[1] = (end.vy - last.vy) / kSpeedScale;
  t[2] = (end.omega - last.omega) / kSpinScale;
  t[3] = 0;
  for (const ObjectState& s : next.states) t[3] = std::max(t[3], float(s.contact));
}

ObjectChunk initial_chunk(const ObjectSpec& spec) {
  ObjectChunk chunk;
  chunk.initial = true;
  chunk.states.fill({float(spec.x), float(spec.y), float(spec.angle), float(spec.vx), float(spec.vy), float(spec.omega), false});
  return chunk;
}

ObjectChunk chunk_of(const Trajectory& trajectory, int object, int chunk) {
  ObjectChunk out;
  out.initial = chunk == kInitialChunk;
  for (int i = 0; i < kFramesPerChunk; ++i) {
    out.states[i] = trajectory.at(out.initial ? 0 : kFramesPerChunk * chunk + 1 + i, object);
    if (out.initial) out.states[i].contact = false;
  }
  read_push(trajectory, object, chunk + 1, out);
  return out;
}

}  // namespace orrery
