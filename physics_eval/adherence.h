// Does a clip show what was asked for? Number, shape and colour of its objects, from pixels alone, resting or moving.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/frame.h"
#include "core/scene.h"

namespace orrery::physics_eval {

struct SeenObject {
  Shape shape = Shape::kBall;
  int color = 0;             // index into kColorNames
  double x = 0, y = 0;       // centre when first seen, px of the frame, y down
  double size = 0;           // px: radius of the ball, half side of the box, from its area
  double seen = 0;           // share of the looked-at frames that show it
  double shape_confidence = 0, color_confidence = 0;  // share of the votes
};

// How many frames from the start are looked at: every object of a scene is in view then, and apart from the others.
inline constexpr int kAdherenceFrames = 9;

// Objects in at least half of the frames, ordered from left to right. frames: the first of a clip; one is enough.
std::vector<SeenObject> see_objects(std::span<const Frame> frames);
std::vector<SeenObject> see_objects(FrameSource& source);

struct ExpectedObject {
  std::optional<Shape> shape;  // empty: any
  std::optional<int> color;    // index into kColorNames; empty: any
};

struct Expectation {
  std::vector<ExpectedObject> objects = {};
  std::optional<int> count = {};  // of all objects in view; empty: as many as `objects`, unless `more_allowed`
  bool more_allowed = false;
};

// Each expected object is a different seen one, and the number is right. `detail` (may be null): what was seen, or
// what is missing.
bool adheres(std::span<const SeenObject> seen, const Expectation& expected, std::string* detail = nullptr);

// "red ball, blue box"
std::string describe(std::span<const SeenObject> seen);

}  // namespace orrery::physics_eval
