#include "world/simulate.h"

#include <box2d/box2d.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "world/materials.h"
#include "world/scenes.h"

namespace orrery {
namespace {

// Where Box2D 2.4.1 departs from the mechanics that we want, and what is done about it:
// * Restitution counts as 0 below an approach speed of 1 m/s. The threshold of a contact is the smaller of its
//   fixtures'; 0.5 m/s keeps bounces down to 1.3 cm of height. Lower (0.25 was tried), rubber hops for ever at 0.35 m/s:
//   the depth reached in the step of impact gives back what restitution takes.
// * It mixes friction as sqrt(a b) and restitution as max(a, b): clay would spring off rubber. Here the floor and
//   ramp are rigid and the object's own values hold; between objects both are sqrt(a b). Set in BeginContact, which
//   comes before the contact is first solved; the values stay for the life of the contact.
// * Polygons and edges have a skin of b2_polygonRadius = 1 cm, and things would rest 1 to 2 cm above what they stand
//   on. Boxes, floor and ramp are shrunk by their skin: surfaces are where the scene says.
// * Continuous collision moves a body to its time of impact and drops the rest of the step. At 10 m/s a step is
//   5 cm, a fifth of the smallest ball: nothing can tunnel, so it is off.
// * Sleeping sets small velocities to 0 after 0.5 s: off.
constexpr float kRestitutionThreshold = 0.5f;
constexpr float kSkin = b2_polygonRadius;
// What stands on the floor sinks this far from the start, so that it is in contact at once instead of falling a
// third of a millimetre first. Box2D tolerates b2_linearSlop = 5 mm.
constexpr float kSink = 2e-4f;
constexpr float kFloorReach = 2000;  // m to both sides: a minute at any speed of ours
constexpr int kVelocityIterations = 10, kPositionIterations = 4;
constexpr double kEventSpeed = 0.05;  // m/s; slower touches are the solver's, not the scene's

constexpr int kFloorId = -1, kRampId = -2;

int id_of(const b2Fixture* fixture) { return int(intptr_t(const_cast<b2Fixture*>(fixture)->GetUserData().pointer)); }

// Sets contact properties, flags objects that touch, records when touching begins.
class ContactRecorder : public b2ContactListener {
 public:
  ContactRecorder(const Scene& scene, std::vector<ContactEvent>& events)
      : scene_(scene), events_(events), touched_(scene.objects.size()) {}

  void BeginContact(b2Contact* contact) override {
    const int a = id_of(contact->GetFixtureA()), b = id_of(contact->GetFixtureB());
    contact->SetFriction(float(mixed(a, b, &Material::friction)));
    contact->SetRestitution(float(mixed(a, b, &Material::restitution)));
    record(*contact, a, b);
  }
  void PreSolve(b2Contact* contact, const b2Manifold*) override {
    for (const b2Fixture* fixture : {contact->GetFixtureA(), contact->GetFixtureB()})
      if (id_of(fixture) >= 0) touched_[id_of(fixture)] = true;
  }
  void begin_frame(int frame) {
    frame_ = frame;
    touched_.assign(touched_.size(), false);
  }
  bool touched(int object) const { return touched_[object]; }

 private:
  double mixed(int a, int b, double Material::*value) const {
    const double va = a < 0 ? -1 : kMaterials[scene_.objects[a].material].*value;
    const double vb = b < 0 ? -1 : kMaterials[scene_.objects[b].material].*value;
    return va < 0 ? vb : vb < 0 ? va : std::sqrt(va * vb);
  }
  void record(b2Contact& contact, int a, int b) {
    b2WorldManifold manifold;
    contact.GetWorldManifold(&manifold);
    const b2Vec2 point = manifold.points[0];
    const b2Vec2 relative = contact.GetFixtureB()->GetBody()->GetLinearVelocityFromWorldPoint(point) -
                            contact.GetFixtureA()->GetBody()->GetLinearVelocityFromWorldPoint(point);
    const double closing = -b2Dot(relative, manifold.normal);  // the normal points from A to B
    if (closing < kEventSpeed) return;
    const bool swap = a < 0 || (b >= 0 && b < a);  // an object comes first, the lower index before the higher
    events_.push_back({frame_, swap ? b : a, swap ? a : b, point.x, point.y, closing});
  }

  const Scene& scene_;
  std::vector<ContactEvent>& events_;
  std::vector<char> touched_;
  int frame_ = 0;
};

void set_fixture(b2Body& body, const b2Shape& shape, int id) {
  b2FixtureDef fixture;
  fixture.shape = &shape;
  fixture.density = 1;  // replaced by SetMassData
  fixture.restitutionThreshold = kRestitutionThreshold;
  fixture.userData.pointer = uintptr_t(intptr_t(id));
  body.CreateFixture(&fixture);
}

void add_floor(b2World& world) {
  const b2BodyDef definition;
  b2EdgeShape edge;
  const float y = float(kFloorY) - kSkin + kSink;
  edge.SetTwoSided(b2Vec2(-kFloorReach, y), b2Vec2(kFloorReach, y));
  set_fixture(*world.CreateBody(&definition), edge, kFloorId);
}

// The slope is continued below the floor: a skin rounds corners, and the lower one must not become a step.
void add_ramp(b2World& world, const Ramp& ramp) {
  const double side = ramp.x_high > ramp.x_low ? 1 : -1;
  const double angle = std::atan(ramp.height / std::abs(ramp.x_high - ramp.x_low));
  const double inset = kSkin - kSink, drop = 0.5;
  const double lower = inset / std::cos(angle);          // of the slope line, measured vertically
  const double x_top = ramp.x_high - side * inset;       // the vertical face, inset
  const double y_top = kFloorY + ramp.height - inset * std::tan(angle) - lower;
  const double x_deep = x_top - side * (y_top - (kFloorY - drop)) / std::tan(angle);
  const b2Vec2 corners[3] = {{float(x_top), float(y_top)}, {float(x_top), float(kFloorY - drop)}, {float(x_deep), float(kFloorY - drop)}};
  b2PolygonShape wedge;
  wedge.Set(corners, 3);
  const b2BodyDef definition;
  set_fixture(*world.CreateBody(&definition), wedge, kRampId);
}

b2Body* add_object(b2World& world, const ObjectSpec& object, int id) {
  b2BodyDef definition;
  definition.type = b2_dynamicBody;
  definition.position.Set(float(object.x), float(object.y));
  definition.angle = float(object.angle);
  definition.linearVelocity.Set(float(object.vx), float(object.vy));
  definition.angularVelocity = float(object.omega);
  b2Body* body = world.CreateBody(&definition);
  if (object.shape == Shape::kBall) {
    b2CircleShape circle;
    circle.m_radius = float(object.size);
    set_fixture(*body, circle, id);
  } else {
    b2PolygonShape square;
    square.SetAsBox(float(object.size) - kSkin, float(object.size) - kSkin);
    set_fixture(*body, square, id);
  }
  b2MassData mass;
  mass.mass = float(mass_of(object));
  mass.center.SetZero();
  mass.I = float(inertia_of(object));
  body->SetMassData(&mass);
  return body;
}

void check_pushes(std::span<const Push> pushes, int num_objects) {
  for (const Push& push : pushes)
    if (push.object < 0 || push.object >= num_objects || push.frame < 0)
      fail("simulate: a push on object {} at frame {}; the scene has {} objects, counted from 0, and frames begin at 0",
           push.object, push.frame, num_objects);
}

ObjectState state_of(const b2Body& body, bool contact) {
  const b2Vec2 position = body.GetPosition(), velocity = body.GetLinearVelocity();
  return {position.x, position.y, body.GetAngle(), velocity.x, velocity.y, body.GetAngularVelocity(), contact};
}

bool touches_at_start(const Scene& scene, int index) {
  constexpr double kTouch = 2e-3;
  const ObjectSpec& object = scene.objects[index];
  bool touches = gap_to_floor(object) < kTouch || (scene.ramp.present && gap_to_ramp(object, scene.ramp) < kTouch);
  for (int i = 0; i < int(scene.objects.size()); ++i)
    touches |= i != index && gap_between(object, scene.objects[i]) < kTouch;
  return touches;
}

}  // namespace

Trajectory simulate(const Scene& scene, int num_frames, std::span<const Push> pushes) {
  const int n = int(scene.objects.size());
  check_pushes(pushes, n);
  Trajectory trajectory;
  trajectory.num_objects = n;
  trajectory.pushes.assign(pushes.begin(), pushes.end());
  trajectory.states.reserve(size_t(num_frames) * n);

  b2World world(b2Vec2(0, float(-scene.gravity)));
  world.SetAllowSleeping(false);
  world.SetContinuousPhysics(false);
  ContactRecorder recorder(scene, trajectory.contacts);
  world.SetContactListener(&recorder);
  add_floor(world);
  if (scene.ramp.present) add_ramp(world, scene.ramp);
  std::vector<b2Body*> bodies;
  for (int i = 0; i < n; ++i) bodies.push_back(add_object(world, scene.objects[i], i));

  for (int frame = 0; frame < num_frames; ++frame) {
    for (int i = 0; i < n; ++i)
      trajectory.states.push_back(state_of(*bodies[i], frame == 0 ? touches_at_start(scene, i) : recorder.touched(i)));
    if (frame + 1 == num_frames) break;
    recorder.begin_frame(frame + 1);
    for (const Push& push : pushes)
      if (push.frame == frame)
        bodies[push.object]->ApplyLinearImpulse(b2Vec2(float(push.jx), float(push.jy)),
                                                b2Vec2(float(push.px), float(push.py)), true);
    for (int step = 0; step < kStepsPerFrame; ++step)
      world.Step(float(kTimeStep), kVelocityIterations, kPositionIterations);
  }
  return trajectory;
}

}  // namespace orrery
