#include "world/families.h"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <numbers>

#include "core/error.h"
#include "world/families_draw.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

struct Family {
  std::string_view name;
  double weight;  // share of an unspecified sample
  Scene (*build)(Draw& draw);
  std::vector<OodAxis> axes;  // what `ood` may change
  bool (*accept)(const Scene& scene) = nullptr;  // does it look like its name? null: always
};

// Several bodies carry more supervision a step than one (FACTS: single bodies alone learn single bodies worse).
const std::vector<Family>& families() {
  using enum OodAxis;
  static const std::vector<Family> table = {
      {"drop", 0.09, build_drop, {kSize}},
      {"bounce", 0.09, build_bounce, {kSpeed, kSize}},
      {"projectile", 0.09, build_projectile, {kSpeed, kSize}},
      {"roll", 0.08, build_roll, {kSpeed, kSize}},
      {"slide", 0.08, build_slide, {kSpeed, kSize}},
      {"ramp", 0.10, build_ramp, {kSize}},
      {"collision", 0.24, build_collision, {kSpeed, kSize, kMassRatio}, collides_clearly},
      {"rest", 0.03, build_rest, {kSize}},
      {"mixed", 0.27, build_mixed, {kSpeed, kSize}},
  };
  return table;
}

const Family* find_family(std::string_view name) {
  for (const Family& family : families())
    if (family.name == name) return &family;
  return nullptr;
}

const Family& require_family(const std::string& name) {
  const Family* family = find_family(name);
  if (!family) fail_usage("unknown scene family '{}': choose one of {}", name, fmt::join(family_names(), ", "));
  return *family;
}

const Family& draw_family(Rng& rng) {
  double total = 0;
  for (const Family& family : families()) total += family.weight;
  double at = rng.uniform(0, total);
  for (const Family& family : families())
    if ((at -= family.weight) < 0) return family;
  return families().back();
}

// Nothing overlaps (1 um for the grid's rounding), and every centre is in view.
bool is_valid(const Scene& scene) {
  if (scene.objects.empty() || smallest_gap(scene) < -1e-6) return false;
  return std::ranges::all_of(scene.objects, [](const ObjectSpec& o) {
    return o.x > 0 && o.x < kViewWidth && o.y < kViewHeight && o.size > 0;
  });
}

// Colours are drawn last and from nothing but the split's rule, so they tell nothing about the motion. Canonical
// order has been fixed by then; in `combo` one object, any, takes the colour that training never shows.
void draw_colors(Rng& rng, std::string_view family, Split split, Scene& scene) {
  const int held = split == Split::kCombo ? rng.below(int(scene.objects.size())) : -1;
  for (int i = 0; i < int(scene.objects.size()); ++i) {
    ObjectSpec& object = scene.objects[i];
    const int excluded = held_out_color(family, object.shape);
    object.color = (excluded + 1 + rng.below(int(kColorNames.size()) - 1)) % int(kColorNames.size());
    if (i == held) object.color = excluded;
  }
}

void draw_surroundings(Rng& rng, Scene& scene) {
  scene.light = rng.below(int(kLightNames.size()));
  scene.wall_color = rng.below(int(kBackdropNames.size()));
  scene.floor_color = rng.below(int(kBackdropNames.size()));
  scene.floor_texture = rng.below(int(kFloorNames.size()));
}

// One scene in ten has another gravity, so that it is read and not assumed.
double draw_gravity(Rng& rng) { return rng.chance(0.1) ? rng.uniform(2.0, 16.0) : 9.81; }

Vec2 point_of_push(Rng& rng, const Sample& sample, const Push& push) {
  const Trajectory so_far = simulate(sample.scene, push.frame + 1, sample.pushes);
  const ObjectState& state = so_far.at(push.frame, push.object);
  const double reach = 0.5 * sample.scene.objects[push.object].size;
  return {state.x + rng.uniform(-reach, reach), state.y + rng.uniform(-reach, reach)};
}

// One or two pushes, in time order; the velocity changes by 0.5 to 4 m/s.
void draw_pushes(Rng& rng, Sample& sample) {
  const int count = rng.chance(0.3) ? 2 : 1;
  int frame = 0;
  for (int i = 0; i < count; ++i) {
    Push push;
    push.object = rng.below(int(sample.scene.objects.size()));
    push.frame = frame += 4 + rng.below(40);
    const double impulse = mass_of(sample.scene.objects[push.object]) * rng.uniform(0.5, 4.0);
    const double direction = rng.uniform(-std::numbers::pi, std::numbers::pi);
    push.jx = impulse * std::cos(direction);
    push.jy = impulse * std::sin(direction);
    const Vec2 point = point_of_push(rng, sample, push);
    push.px = point.x;
    push.py = point.y;
    sample.pushes.push_back(push);
  }
}

}  // namespace

double Draw::size() {
  if (axis != OodAxis::kSize) return rng.uniform(kMinSize, kMaxSize);
  return rng.chance(0.4) ? rng.uniform(0.14, kMinSize - 0.01) : rng.uniform(kMaxSize + 0.02, 0.70);
}

double Draw::speed(double lo, double hi) {
  return axis == OodAxis::kSpeed ? rng.uniform(1.1 * hi, 1.5 * hi) : rng.uniform(lo, hi);
}

double Draw::angle() { return rng.uniform(-std::numbers::pi, std::numbers::pi); }

int Draw::material(std::initializer_list<int> choices) { return choices.begin()[rng.below(int(choices.size()))]; }

ObjectSpec Draw::object(Shape shape, std::initializer_list<int> materials) {
  ObjectSpec object;
  object.shape = shape;
  object.material = material(materials);
  // On the grid at once: a builder that puts things side by side must know their true sizes.
  object.size = quantized_item(Attribute::kSize, 0, size()).value();
  if (shape == Shape::kBall) object.angle = angle();
  return object;
}

void stand_on_floor(ObjectSpec& object, double x) {
  object.x = x;
  object.y = kFloorY + object.size;
}

void stand_on_ramp(ObjectSpec& object, const Ramp& ramp, double x) {
  const double slope = ramp_angle(ramp);
  // Both numbers of the place go to their grids, 1.5 mm off at most: 2 mm of air keeps them from overlapping.
  const double clearance = object.size + 2e-3 + (object.shape == Shape::kBox ? 1e-3 : 0);
  const double surface = kFloorY + (x - ramp.x_low) / (ramp.x_high - ramp.x_low) * ramp.height;
  object.x = x;
  object.y = surface + clearance / std::cos(slope);
  if (object.shape == Shape::kBox) object.angle = slope;
}

bool set_rolling(ObjectSpec& ball, double vx) {
  ball.vx = vx;
  ball.omega = -vx / ball.size;
  return std::abs(ball.omega) < kMaxSpin;
}

const std::vector<std::string_view>& family_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> result;
    for (const Family& family : families()) result.push_back(family.name);
    return result;
  }();
  return names;
}

bool is_family(std::string_view name) { return find_family(name) != nullptr; }

Scene build_scene(const std::string& name, Rng& rng, Split split, OodAxis axis) {
  const Family& family = require_family(name);
  constexpr int kTries = 10000;
  for (int i = 0; i < kTries; ++i) {
    Draw draw{rng, axis};
    const double gravity = draw_gravity(rng);
    Scene scene = family.build(draw);
    if (scene.objects.empty()) continue;
    scene.gravity = gravity;
    if (rng.chance(0.5)) scene = mirrored(scene);
    scene = quantized(scene);
    if (!is_valid(scene) || (family.accept && !family.accept(scene))) continue;
    draw_surroundings(rng, scene);
    draw_colors(rng, name, split, scene);
    return scene;
  }
  fail("build_scene: family '{}' found no valid scene in {} tries: its ranges contradict its rules", name, kTries);
}

Sample make_sample(uint64_t seed, Split split, const std::optional<std::string>& family) {
  Sample sample;
  Rng chooser(seed, split_stream(split));
  sample.family = family ? require_family(*family).name : draw_family(chooser).name;
  Rng rng(seed, split_stream(split) ^ hash64(sample.family));  // else every family's seed 0 would start at one place
  sample.split = split;
  sample.seed = seed;
  const std::vector<OodAxis>& axes = require_family(sample.family).axes;
  if (split == Split::kOod) sample.ood_axis = axes[rng.below(int(axes.size()))];
  sample.scene = build_scene(sample.family, rng, split, sample.ood_axis);
  if (split == Split::kTrain && rng.chance(0.1)) draw_pushes(rng, sample);
  return sample;
}

}  // namespace orrery
