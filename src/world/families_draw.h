// Inside the world: what builders of families share.
#pragma once
#include <initializer_list>

#include "core/rng.h"
#include "core/scene.h"
#include "world/families.h"

namespace orrery {

enum MaterialIndex : int { kRubber, kWood, kSteel, kIce, kClay };

// Random numbers inside the ranges of a split: training's, or, on one axis, outside of them.
struct Draw {
  Rng& rng;
  OodAxis axis = OodAxis::kNone;

  double uniform(double lo, double hi) { return rng.uniform(lo, hi); }
  bool chance(double p) { return rng.chance(p); }
  double sign() { return rng.chance(0.5) ? 1 : -1; }
  double size();                         // m
  double speed(double lo, double hi);    // m/s; ood: 1.1 to 1.5 times hi
  double angle();                        // rad, the whole circle
  int material(std::initializer_list<int> choices);  // a name twice is twice as likely
  Shape shape() { return rng.chance(0.5) ? Shape::kBall : Shape::kBox; }
  ObjectSpec object(Shape shape, std::initializer_list<int> materials = {kRubber, kWood, kSteel, kIce, kClay});
};

// Puts the object on the floor, a box flat.
void stand_on_floor(ObjectSpec& object, double x);
// Puts the object on the ramp's slope, its centre above x, a box aligned with the slope; clear by up to 2 mm.
void stand_on_ramp(ObjectSpec& object, const Ramp& ramp, double x);
inline constexpr double kMaxSpin = 20;  // rad/s; the schema's grid ends at 20.47
// Rolling without slipping at vx; false if that needs more spin than the schema can say.
bool set_rolling(ObjectSpec& ball, double vx);

// Builders: a scene without colours, light and mirror image; those are drawn afterwards. May return a scene that
// breaks a rule (an overlap, out of view): the caller draws again.
Scene build_drop(Draw& draw);
Scene build_bounce(Draw& draw);
Scene build_projectile(Draw& draw);
Scene build_roll(Draw& draw);
Scene build_slide(Draw& draw);
Scene build_ramp(Draw& draw);
Scene build_collision(Draw& draw);
Scene build_rest(Draw& draw);
Scene build_mixed(Draw& draw);

// Does a scene of `collision` show what its name says: a clear contact within 1.8 s?
bool collides_clearly(const Scene& scene);

}  // namespace orrery
