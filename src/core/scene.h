// A scene as plain data: what the prologue says, what the simulator takes, what `--states` reports.
// World: x to the right, y up, origin at the lower left corner of the view, metres, seconds, radians
// (counter-clockwise). The view is 10 m x 6 m at 32 px per metre: 320 x 192 pixels.
#pragma once
#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace orrery {

inline constexpr int kSceneSchemaVersion = 1;
inline constexpr double kViewWidth = 10.0, kViewHeight = 6.0;  // metres
inline bool in_view(double x, double y) { return x >= 0 && x <= kViewWidth && y >= 0 && y <= kViewHeight; }
inline constexpr int kFrameWidth = 320, kFrameHeight = 192;    // pixels
inline constexpr double kPixelsPerMeter = 32.0;
inline constexpr double kFramesPerSecond = 24.0;
inline constexpr int kFramesPerChunk = 4;
inline constexpr int kMaxObjects = 12;

enum class Shape : int { kBall, kBox };  // size_m: ball radius, box half side
inline constexpr std::array<std::string_view, 2> kShapeNames = {"ball", "box"};

inline constexpr std::array<std::string_view, 10> kColorNames = {"red",  "orange", "yellow", "green", "cyan",
                                                                 "blue", "purple", "pink",   "white", "black"};
// A material fixes restitution, friction and density (src/world) and how the surface looks.
inline constexpr std::array<std::string_view, 5> kMaterialNames = {"rubber", "wood", "steel", "ice", "clay"};
inline constexpr std::array<std::string_view, 4> kLightNames = {"left", "right", "above", "soft"};
inline constexpr std::array<std::string_view, 8> kBackdropNames = {"cream", "sky",  "mint",  "rose",
                                                                   "slate", "sand", "lilac", "fog"};
inline constexpr std::array<std::string_view, 4> kFloorNames = {"plain", "planks", "tiles", "carpet"};

struct ObjectSpec {
  Shape shape = Shape::kBall;
  int color = 0;     // index into kColorNames
  int material = 0;  // index into kMaterialNames
  double size = 0.3;  // m
  // Initial state of the centre.
  double x = 5, y = 3, angle = 0, vx = 0, vy = 0, omega = 0;
  // The schema stores the foot, y - size: what rests on something has a round number there.
  double foot() const { return y - size; }
};

// A solid wedge on the floor: its top edge runs from (x_low, floor) up to (x_high, floor + height).
// x_low < x_high rises to the right, x_low > x_high to the left.
struct Ramp {
  bool present = false;
  double x_low = 0, x_high = 0, height = 0;
};

struct Scene {
  double gravity = 9.81;  // m/s^2, downwards
  int light = 0;          // kLightNames
  int wall_color = 0;     // kBackdropNames
  int floor_color = 0;    // kBackdropNames
  int floor_texture = 0;  // kFloorNames
  Ramp ramp;
  std::vector<ObjectSpec> objects;  // canonical order: by x, then y
};

inline constexpr double kFloorY = 0.6;  // m; the floor is endless to both sides

// The prologue's attributes in the order in which they are written. A value is a category or a number on a
// grid of 64 coarse x 64 fine steps: value = lo + step * (64 * coarse + fine).
enum class Attribute : int {
  kGravity, kLight, kWallColor, kFloorColor, kFloorTexture, kRamp, kRampXLow, kRampXHigh, kRampHeight,
  kShape,  // of the next object, or kNumShapes = no more objects
  kColor, kSize, kMaterial, kX, kFoot, kAngle, kVx, kVy, kOmega,
  kCount
};
inline constexpr int kNumAttributes = int(Attribute::kCount);
inline constexpr int kLevels = 64;

struct AttributeSpec {
  std::string_view name;
  int categories;    // > 0: categorical with that many values; 0: continuous
  double lo, step;   // continuous: SI units
};
const AttributeSpec& attribute_spec(Attribute attribute);

// One written attribute: which, of which object (-1: the scene's), and its value.
struct PrologueItem {
  Attribute attribute;
  int object;
  int coarse;  // category, or coarse step
  int fine;    // 0 for categories
  double value() const;  // category index, or the number on the grid
};

// Scene <-> items. Attributes that do not apply are not written: a scene without a ramp has no ramp numbers.
std::vector<PrologueItem> prologue_of(const Scene& scene);  // Error if a value is off the grid's range
// Which attribute comes after `items` (kCount: complete) and of which object.
struct NextAttribute {
  Attribute attribute;
  int object;
};
NextAttribute next_attribute(std::span<const PrologueItem> items);
Scene scene_of(std::span<const PrologueItem> items);  // Error if incomplete or inconsistent

// The nearest item on the grid (clamped to its range).
PrologueItem quantized_item(Attribute attribute, int object, double value);
// Puts objects in canonical order and every number on its grid.
Scene quantized(const Scene& scene);

}  // namespace orrery
