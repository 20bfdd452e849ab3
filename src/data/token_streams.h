// Clips -> token sequences of each task, with their targets.
#pragma once
#include "data/caption_noise.h"
#include "data/scene_dataset.h"
#include "models/token_batch.h"
#include "models/video_tokenizer.h"

namespace orrery {

// Text -> prologue: [task] [caption] [asked attributes]. Appends the items to `targets`.
void add_prologue_sequence(const DatasetClip& clip, const CaptionNoise& noise, double word_dropout, Rng& rng, TokenBatch& batch, std::vector<PrologueItem>& targets);

// A stretch of a clip for the dynamics: inputs of `chunks` consecutive chunks and the truth of each next one.
struct StateWindow {
  Scene scene;
  int first_chunk = kInitialChunk;
  std::vector<std::vector<ObjectChunk>> input, truth;  // [chunk][object]; truth[c] follows input[c]
};
// Half of the windows begin at the prologue.
StateWindow make_state_window(const DatasetClip& clip, int chunks, Rng& rng);
// Gaussian noise on places, angles and velocities of everything but the prologue: one amplitude a window.
void add_state_noise(StateWindow& window, double scale, Rng& rng);
void add_state_sequence(const StateWindow& window, TokenBatch& batch);

// Does something change an object's velocity at once during a chunk: a bounce, a blow, a landing?
bool struck(const Trajectory& trajectory, int object, int chunk);

// One chunk for the pixels: codes before and after, and the states between.
struct PixelSample {
  Scene scene;
  int chunk = 0;
  std::vector<ObjectChunk> objects;
  std::vector<bool> struck;             // which of them are
  std::vector<int8_t> previous, codes;  // [240][dims]; previous is empty for the first chunk
  std::vector<float> interest;          // [240]: sampling weight of a patch
  std::vector<uint8_t> pixels, classes;  // what the patches should look like: cells [48][80] of 192 values and 64 PixelClass
};
PixelSample make_pixel_sample(const DatasetClip& clip, int chunk, const VideoTokenizer& tokenizer);

struct PatchTargets {
  std::vector<int8_t> codes;       // [rows][dims]
  std::vector<uint8_t> unchanged;  // [rows]
  // With blocks: the picture of each, cells [blocks][4 * side][4 * side] as in PixelSample.
  std::vector<uint8_t> pixels, classes;
};
// `patches` of the 240 by interest: one by one without replacement, or, with block > 0, in squares of that side, a
// square's patches in reading order. The codes before are dropped (no_previous: the share of samples) or corrupted now and
// then: colour and shape must come from the physical tokens, not be carried along from a guess.
void add_pixel_sequence(const PixelSample& sample, int patches, int dims, int levels, Rng& rng, TokenBatch& batch, PatchTargets& targets, int block = 0, double no_previous = 0.6);

}  // namespace orrery
