// What moved where: plain data between simulator, model, renderer and reports. Units as in scene.h.
#pragma once
#include <vector>

#include "core/scene.h"

namespace orrery {

struct ObjectState {
  float x = 0, y = 0, angle = 0;   // centre, m and rad (angle is not wrapped)
  float vx = 0, vy = 0, omega = 0;  // m/s and rad/s
  bool contact = false;             // touched something during the frame that ends here
};

// A push: an impulse (N s) at a place (m, world) on an object at the start of a frame.
struct Push {
  int object = 0, frame = 0;
  double jx = 0, jy = 0, px = 0, py = 0;
};

struct ContactEvent {
  int frame = 0;   // frame interval in which it began
  int a = 0, b = 0;  // objects; b = -1: the floor, -2: the ramp
  double x = 0, y = 0;         // contact point, m
  double normal_speed = 0;     // closing speed along the normal, m/s
};

struct Trajectory {
  double fps = kFramesPerSecond;
  int num_objects = 0;
  std::vector<ObjectState> states;  // [frame][object]; frame 0 is the scene's initial state
  std::vector<ContactEvent> contacts;
  std::vector<Push> pushes;
  int num_frames() const { return num_objects ? int(states.size()) / num_objects : 0; }
  ObjectState& at(int frame, int object) { return states[size_t(frame) * num_objects + object]; }
  const ObjectState& at(int frame, int object) const { return states[size_t(frame) * num_objects + object]; }
};

}  // namespace orrery
