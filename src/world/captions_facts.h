// What a scene's initial state says about what will be seen: the only source of what captions claim.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/scene.h"
#include "core/trajectory.h"

namespace orrery {

enum class Motion {
  kRest,
  kFall,
  kBounce,
  kThrow,
  kThrowUp,
  kThrowDown,
  kRoll,
  kSlide,
  kRampRest,
  kRampRoll,
  kRampSlide
};

// Name of the table of predicates (lexicon.h).
std::string_view motion_table(Motion motion);

struct ObjectFacts {
  Motion motion = Motion::kRest;
  int direction = 0;  // -1 left, 1 right, 0 neither
  double speed = 0;   // m/s
  double height = 0;  // m of air below
};

// The first meeting of two objects.
struct Encounter {
  enum class Kind { kHits, kFallsOn, kMutual };
  Kind kind = Kind::kHits;
  int subject = 0, object = 0;
};

struct SceneFacts {
  std::vector<ObjectFacts> objects;
  std::optional<Encounter> encounter;
};

SceneFacts facts_of(const std::string& family, const Scene& scene, const Trajectory* trajectory);

enum class SizeClass { kTiny, kSmall, kMedium, kBig, kHuge };
SizeClass size_class(double size);

enum class Relation { kNone, kLeft, kRight, kAbove, kBelow, kBeside };
// Where a is as seen from b at the start.
Relation relation_between(const ObjectSpec& a, const ObjectSpec& b);

}  // namespace orrery
