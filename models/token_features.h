// Plain data -> the f32 features of a token. Continuous values enter as themselves and as Fourier features, never as
// a bin's embedding: values outside the training range still mean something.
#pragma once
#include <array>
#include <span>

#include "core/trajectory.h"
#include "models/sequence_layout.h"

namespace orrery {

// An object over one chunk. The token of kInitialChunk repeats the initial state four times.
struct ObjectChunk {
  std::array<ObjectState, kFramesPerChunk> states;
  bool initial = false;
  // The push that acts in the next chunk: impulse (N s), place relative to the centre (m), offset in the chunk (0..3).
  bool pushed = false;
  float jx = 0, jy = 0, px = 0, py = 0;
  int push_offset = 0;
};

inline constexpr int kObjectFeatures = 142;
inline constexpr int kObjectFeaturesNoWaves = 78;  // the first of these: models without `frame_waves` read no more
inline constexpr int kSceneFeatures = 37;
inline constexpr int kPrologueFeatures = 52;
int patch_features(int code_dims);  // number of features of a patch token

void object_features(const ObjectChunk& chunk, const ObjectSpec& spec, double gravity, float* out);
// Static parts: 0 the globals; with a ramp also 1 its low end, 2 its middle, 3 its high end.
int num_static_parts(const Scene& scene);
Token scene_token(const Scene& scene, int part);
void scene_features(const Scene& scene, int part, float* out);
// The item written before (null: none yet) when the next attribute is asked for.
void prologue_features(const PrologueItem* previous, float* out);
// previous: levels of the chunk before scaled to [-1, 1], or null where there is none.
void patch_features(const float* previous, int code_dims, int patch, float* out);

// Outputs of the object head: residuals against constant velocity, scaled. Frame i = 1..4 of the next chunk:
// 3 i .. : x, y, angle in units of kPlaceScale * i, kAngleScale * i; then vx, vy, omega of the last; then contact.
inline constexpr int kObjectOutputs = 16;
inline constexpr float kPlaceScale = 0.025f;  // m a frame
inline constexpr float kAngleScale = 0.05f;   // rad a frame
inline constexpr float kSpeedScale = 0.5f;    // m/s
inline constexpr float kSpinScale = 1.0f;     // rad/s
// The next chunk from the current one and the head's outputs; zero outputs fly straight on.
ObjectChunk advance(const ObjectChunk& chunk, const float* outputs);
// Inverse: outputs that would lead from `chunk` to `next`. The angle is rotated before the residual is taken, so
// residuals lie in (-pi, pi].
void residual_targets(const ObjectChunk& chunk, const ObjectChunk& next, float* targets);

// Token -1 of a scene's object.
ObjectChunk initial_chunk(const ObjectSpec& spec);
// Chunk c of a trajectory: frames 4c+1 .. 4c+4 (frame 0 is the initial state). Pushes are those of chunk c + 1.
ObjectChunk chunk_of(const Trajectory& trajectory, int object, int chunk);

}  // namespace orrery
