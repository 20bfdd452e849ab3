#include "core/scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "core/error.h"

namespace orrery {
namespace {

constexpr double kAngleStep = 2 * std::numbers::pi / (kLevels * kLevels);

// Ranges: places reach about 1.1 m beyond the view; 3 mm steps. The grids of signed quantities contain 0.
constexpr AttributeSpec kSpecs[kNumAttributes] = {
    {"gravity", 0, 0.0, 0.01},
    {"light", int(kLightNames.size()), 0, 1},
    {"wall_color", int(kBackdropNames.size()), 0, 1},
    {"floor_color", int(kBackdropNames.size()), 0, 1},
    {"floor_texture", int(kFloorNames.size()), 0, 1},
    {"ramp", 2, 0, 1},
    {"ramp_x_low", 0, -1.2, 0.003},
    {"ramp_x_high", 0, -1.2, 0.003},
    {"ramp_height", 0, 0.0, 0.003},
    {"shape", int(kShapeNames.size()) + 1, 0, 1},
    {"color", int(kColorNames.size()), 0, 1},
    {"size", 0, 0.0, 0.003},
    {"material", int(kMaterialNames.size()), 0, 1},
    {"x", 0, -1.2, 0.003},
    {"foot", 0, 0.0, 0.003},
    {"angle", 0, -std::numbers::pi, kAngleStep},
    {"vx", 0, -10.24, 0.005},
    {"vy", 0, -10.24, 0.005},
    {"omega", 0, -20.48, 0.01},
};

constexpr Attribute kSceneOrder[] = {Attribute::kGravity,    Attribute::kLight,        Attribute::kWallColor,
                                     Attribute::kFloorColor, Attribute::kFloorTexture, Attribute::kRamp};

// Sets what the item says; false if it is not the scene's.
bool read_scene_item(const PrologueItem& item, Scene& scene) {
  // clang-format off
  switch (item.attribute) {
    case Attribute::kGravity: scene.gravity = item.value(); return true;
    case Attribute::kLight: scene.light = item.coarse; return true;
    case Attribute::kWallColor: scene.wall_color = item.coarse; return true;
    case Attribute::kFloorColor: scene.floor_color = item.coarse; return true;
    case Attribute::kFloorTexture: scene.floor_texture = item.coarse; return true;
    case Attribute::kRamp: scene.ramp.present = item.coarse != 0; return true;
    case Attribute::kRampXLow: scene.ramp.x_low = item.value(); return true;
    case Attribute::kRampXHigh: scene.ramp.x_high = item.value(); return true;
    case Attribute::kRampHeight: scene.ramp.height = item.value(); return true;
    default: return false;
  }
  // clang-format on
}

void read_object_item(const PrologueItem& item, ObjectSpec& object) {
  // clang-format off
  switch (item.attribute) {
    case Attribute::kShape: object.shape = Shape(item.coarse); return;
    case Attribute::kColor: object.color = item.coarse; return;
    case Attribute::kSize: object.size = item.value(); return;
    case Attribute::kMaterial: object.material = item.coarse; return;
    case Attribute::kX: object.x = item.value(); return;
    case Attribute::kFoot: object.y = item.value() + object.size; return;
    case Attribute::kAngle: object.angle = item.value(); return;
    case Attribute::kVx: object.vx = item.value(); return;
    case Attribute::kVy: object.vy = item.value(); return;
    case Attribute::kOmega: object.omega = item.value(); return;
    default: ORRERY_ASSERT(false);
  }
  // clang-format on
}

// Half a turn has two names; the grid holds the negative one.
double wrapped_angle(double angle) {
  const double wrapped = std::remainder(angle, 2 * std::numbers::pi);
  return wrapped > std::numbers::pi - kAngleStep / 2 ? wrapped - 2 * std::numbers::pi : wrapped;
}

void check_range(const PrologueItem& item) {
  const AttributeSpec& spec = attribute_spec(item.attribute);
  const int coarse_levels = spec.categories ? spec.categories : kLevels,
            fine_levels = spec.categories ? 1 : kLevels;
  if (item.coarse < 0 || item.coarse >= coarse_levels || item.fine < 0 || item.fine >= fine_levels)
    fail("scene prologue: {} of object {} has no step ({}, {})", spec.name, item.object, item.coarse,
         item.fine);
}

bool is_end(const PrologueItem& item) {
  return item.attribute == Attribute::kShape && item.coarse == int(kShapeNames.size());
}

}  // namespace

const AttributeSpec& attribute_spec(Attribute attribute) { return kSpecs[int(attribute)]; }

double PrologueItem::value() const {
  const AttributeSpec& spec = attribute_spec(attribute);
  return spec.categories ? coarse : spec.lo + spec.step * (kLevels * coarse + fine);
}

PrologueItem quantized_item(Attribute attribute, int object, double value) {
  const AttributeSpec& spec = attribute_spec(attribute);
  if (spec.categories) return {attribute, object, std::clamp(int(value), 0, spec.categories - 1), 0};
  const int level =
      int(std::lround(std::clamp((value - spec.lo) / spec.step, 0.0, double(kLevels * kLevels - 1))));
  return {attribute, object, level / kLevels, level % kLevels};
}

namespace {

enum class OffGrid { kIsAnError, kIsClamped };

std::vector<PrologueItem> items_of(const Scene& scene, OffGrid off_grid) {
  if (scene.objects.size() > kMaxObjects)
    fail("a scene holds at most {} objects, not {}", kMaxObjects, scene.objects.size());
  std::vector<PrologueItem> items;
  auto put = [&](Attribute attribute, int object, double value) {
    items.push_back(quantized_item(attribute, object, value));
    const AttributeSpec& spec = attribute_spec(attribute);
    const double margin = spec.categories ? 0.0 : spec.step * 0.5001;
    if (off_grid == OffGrid::kIsAnError && !(std::abs(items.back().value() - value) <= margin))
      fail("scene: {} of object {} is {}, outside of what a scene can hold", spec.name, object, value);
  };
  const double globals[] = {scene.gravity,
                            double(scene.light),
                            double(scene.wall_color),
                            double(scene.floor_color),
                            double(scene.floor_texture),
                            double(scene.ramp.present)};
  for (size_t i = 0; i < std::size(kSceneOrder); ++i) put(kSceneOrder[i], -1, globals[i]);
  if (scene.ramp.present) {
    put(Attribute::kRampXLow, -1, scene.ramp.x_low);
    put(Attribute::kRampXHigh, -1, scene.ramp.x_high);
    put(Attribute::kRampHeight, -1, scene.ramp.height);
  }
  for (int i = 0; i < int(scene.objects.size()); ++i) {
    const ObjectSpec& o = scene.objects[i];
    put(Attribute::kShape, i, int(o.shape));
    put(Attribute::kColor, i, o.color);
    put(Attribute::kSize, i, o.size);
    put(Attribute::kMaterial, i, o.material);
    put(Attribute::kX, i, o.x);
    put(Attribute::kFoot, i, o.foot());
    put(Attribute::kAngle, i, wrapped_angle(o.angle));
    put(Attribute::kVx, i, o.vx);
    put(Attribute::kVy, i, o.vy);
    put(Attribute::kOmega, i, o.omega);
  }
  put(Attribute::kShape, int(scene.objects.size()), double(kShapeNames.size()));
  return items;
}

}  // namespace

std::vector<PrologueItem> prologue_of(const Scene& scene) { return items_of(scene, OffGrid::kIsAnError); }

NextAttribute next_attribute(std::span<const PrologueItem> items) {
  if (items.empty()) return {Attribute::kGravity, -1};
  const PrologueItem& last = items.back();
  if (last.attribute == Attribute::kRamp && last.coarse == 0) return {Attribute::kShape, 0};
  if (last.attribute == Attribute::kRampHeight) return {Attribute::kShape, 0};
  if (is_end(last)) return {Attribute::kCount, -1};
  // The twelfth object is the last: the end is still written.
  if (last.attribute == Attribute::kOmega) return {Attribute::kShape, last.object + 1};
  return {Attribute(int(last.attribute) + 1), last.object};
}

Scene scene_of(std::span<const PrologueItem> items) {
  Scene scene;
  for (size_t i = 0; i < items.size(); ++i) {
    const NextAttribute expected = next_attribute(items.first(i));
    const PrologueItem& item = items[i];
    if (item.attribute != expected.attribute || item.object != expected.object)
      fail("scene prologue: item {} is {}, expected {}", i, attribute_spec(item.attribute).name,
           expected.attribute == Attribute::kCount ? "nothing" : attribute_spec(expected.attribute).name);
    check_range(item);
    if (is_end(item)) continue;
    if (item.attribute == Attribute::kShape) {
      if (item.object >= kMaxObjects) fail("scene prologue: more than {} objects", kMaxObjects);
      scene.objects.emplace_back();
    }
    if (!read_scene_item(item, scene)) read_object_item(item, scene.objects.at(item.object));
  }
  if (next_attribute(items).attribute != Attribute::kCount)
    fail("scene prologue: ends after {} items, incomplete", items.size());
  return scene;
}

Scene quantized(const Scene& scene) {
  Scene ordered = scene;
  std::stable_sort(
      ordered.objects.begin(), ordered.objects.end(),
      [](const ObjectSpec& a, const ObjectSpec& b) { return std::tie(a.x, a.y) < std::tie(b.x, b.y); });
  return scene_of(items_of(ordered, OffGrid::kIsClamped));
}

}  // namespace orrery
