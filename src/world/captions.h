// Sentences that are true of a scene. What a caption does not say is left to the seed, with one exception:
// every caption accounts for every object, so that numbers mean something.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/scene.h"
#include "core/trajectory.h"

namespace orrery {

// kHeldOut captions use at least one sentence form or word that kTrain captions never use.
enum class CaptionSplit { kTrain, kHeldOut };

// What a prompt promises about one object; absent: not said.
struct ExpectedObject {
  std::optional<Shape> shape;
  std::optional<int> color;  // index into kColorNames
  int object = -1;           // index in the scene
};

struct Caption {
  std::string text;
  std::vector<ExpectedObject> promised;  // all objects, in the order in which the sentence tells of them
};

// `family`: a name of src/world/families.h; `scene`: quantised. `count` captions of different detail. With
// the trajectory, who hits whom is read from it; without, it is said only where the initial state leaves no
// doubt.
std::vector<Caption> captions_for(const std::string& family, const Scene& scene, Rng& rng,
                                  CaptionSplit split, int count, const Trajectory* trajectory = nullptr);

struct HeldOutPrompt {
  std::string text;
  std::vector<ExpectedObject> objects;  // all objects: their number is the expected number
  std::string family;
};

// Prompts of the held-out split with what they promise; the same n and seed give the same prompts.
std::vector<HeldOutPrompt> held_out_prompts(int n, uint64_t seed);

}  // namespace orrery
