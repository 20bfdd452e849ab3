#include "data/token_streams.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "data/pixel_classes.h"
#include "world/captions.h"
#include "world/families.h"
#include "world/renderer.h"

namespace orrery {
namespace {

constexpr int kPatches = (kFrameWidth / 16) * (kFrameHeight / 16);
constexpr int kPatchColumns = kFrameWidth / 16;

// Frames of one chunk, rendered: [4][H][W][3].
std::vector<uint8_t> render_chunk(const Renderer& renderer, const Trajectory& trajectory, int chunk) {
  std::vector<uint8_t> rgb(size_t(kFramesPerChunk) * kFrameWidth * kFrameHeight * 3);
  for (int f = 0; f < kFramesPerChunk; ++f)
    renderer.draw({&trajectory.at(kFramesPerChunk * chunk + 1 + f, 0), size_t(trajectory.num_objects)}, Rect{}, rgb.data() + size_t(f) * kFrameWidth * kFrameHeight * 3);
  return rgb;
}

// PixelClass of every pixel of a chunk whose frames are `rgb`, in cells.
std::vector<uint8_t> chunk_classes(const Renderer& renderer, const Trajectory& trajectory, int chunk, const std::vector<uint8_t>& rgb) {
  constexpr size_t kPixels = size_t(kFrameWidth) * kFrameHeight;
  std::vector<uint8_t> ids(kFramesPerChunk * kPixels);
  for (int f = 0; f < kFramesPerChunk; ++f)
    renderer.mask({&trajectory.at(kFramesPerChunk * chunk + 1 + f, 0), size_t(trajectory.num_objects)}, Rect{}, ids.data() + size_t(f) * kPixels);
  return classes_in_cells(classify_pixels(rgb, ids, kFrameHeight, kFrameWidth, {}), kFrameHeight, kFrameWidth);
}

// Patches in whose reach object k passes during the chunk.
std::vector<int> patches_near(const PixelSample& s, size_t k) {
  std::vector<int> near;
  for (int p = 0; p < kPatches; ++p) {
    const Place place = patch_place(p);
    const double reach = s.scene.objects[k].size * 1.2 + 0.5;
    if (std::ranges::any_of(std::array{s.objects[k].states.front(), s.objects[k].states.back()},
                            [&](const ObjectState& o) { return std::hypot(o.x - place.x, o.y - place.y) < reach; }))
      near.push_back(p);
  }
  return near;
}

// Patches that changed, or lie near an object or a ramp's edges, matter; a tenth of the rest is background. An object
// has a share that does not grow with its area: small ones, and boxes, lost their shape when it did. One that bounces
// was drawn pixels off its place until it counted twice.
std::vector<float> patch_interest(const PixelSample& s, int dims) {
  std::vector<float> interest(kPatches, 0.1f);
  for (size_t k = 0; k < s.objects.size(); ++k) {
    const ObjectSpec& object = s.scene.objects[k];
    const std::vector<int> near = patches_near(s, k);
    const double share = 12 * (object.shape == Shape::kBox ? 2.0 : 1.0) * (s.struck[k] ? 2.0 : 1.0) * std::sqrt(kMinSize / object.size);
    for (int p : near) interest[p] = std::max(interest[p], float(share / double(near.size())));
  }
  for (int p = 0; p < kPatches; ++p) {
    const Place place = patch_place(p);
    if (s.scene.ramp.present) {
      const Ramp& r = s.scene.ramp;
      const double u = (place.x - r.x_low) / (r.x_high - r.x_low), top = kFloorY + u * r.height;
      if (u > -0.15 && u < 1.15 && std::abs(place.y - top) < 0.5) interest[p] = std::max(interest[p], 0.6f);
    }
    if (!s.previous.empty() && !std::equal(&s.codes[size_t(p) * dims], &s.codes[size_t(p) * dims] + dims, &s.previous[size_t(p) * dims]))
      interest[p] = std::max(interest[p], 0.7f);
  }
  return interest;
}

// Weighted sampling without replacement (Efraimidis and Spirakis 2006): the largest u^(1/w).
std::vector<int> draw_patches(const std::vector<float>& interest, int count, Rng& rng) {
  std::vector<std::pair<double, int>> keys;
  for (int p = 0; p < int(interest.size()); ++p) keys.push_back({std::log(1 - rng.uniform()) / interest[p], p});
  std::partial_sort(keys.begin(), keys.begin() + count, keys.end(), std::greater<>());
  std::vector<int> patches;
  for (int i = 0; i < count; ++i) patches.push_back(keys[i].second);
  std::sort(patches.begin(), patches.end());
  return patches;
}

// The same in squares of side x side around patches drawn by interest, background less often: a square holds some
// anyway. Reading order in each.
std::vector<int> draw_blocks(const std::vector<float>& interest, int count, int side, Rng& rng) {
  std::vector<float> centre = interest;
  for (float& w : centre)
    if (w < 0.2f) w *= 0.2f;
  const int rows = kPatches / kPatchColumns;
  std::vector<int> patches;
  for (int p : draw_patches(centre, count, rng)) {
    const int top = std::clamp(p / kPatchColumns - rng.below(side), 0, rows - side), left = std::clamp(p % kPatchColumns - rng.below(side), 0, kPatchColumns - side);
    for (int i = 0; i < side * side; ++i) patches.push_back((top + i / side) * kPatchColumns + left + i % side);
  }
  return patches;
}

// The cells of a block whose first patch this is: `width` values each.
void copy_cells(const std::vector<uint8_t>& frame, int first_patch, int side, size_t width, std::vector<uint8_t>& out) {
  constexpr int kCells = 4, kCellColumns = kPatchColumns * kCells;
  for (int row = 0; row < side * kCells; ++row) {
    const size_t cell = size_t(first_patch / kPatchColumns * kCells + row) * kCellColumns + size_t(first_patch % kPatchColumns) * kCells;
    out.insert(out.end(), frame.begin() + int64_t(cell * width), frame.begin() + int64_t((cell + size_t(side) * kCells) * width));
  }
}

// The same scene with its objects in the order of the sentence: which mention an object is then follows from its
// number, and need not be guessed from what is left.
Scene as_told(const Scene& scene, const Caption& caption) {
  Scene told = scene;
  ORRERY_ASSERT(caption.promised.size() == scene.objects.size());
  for (size_t i = 0; i < told.objects.size(); ++i) told.objects[i] = scene.objects.at(caption.promised[i].object);
  return told;
}

}  // namespace

void add_prologue_sequence(const DatasetClip& clip, const CaptionNoise& noise, double word_dropout, Rng& rng, TokenBatch& batch, std::vector<PrologueItem>& targets) {
  const Caption caption = captions_for(clip.family, clip.scene, rng, CaptionSplit::kTrain, 1, &clip.trajectory).front();
  batch.add_task(Task::kGenerate);
  const std::vector<CaptionToken> words = noise.apply(caption.text, clip.scene.objects.size() == 1, word_dropout, rng);
  for (size_t i = 0; i < words.size(); ++i) batch.add_text(words[i].id, int(i), words[i].learned, words[i].shift);
  const std::vector<PrologueItem> items = prologue_of(as_told(clip.scene, caption));
  for (size_t i = 0; i < items.size(); ++i) batch.add_prologue(std::span(items).first(i));
  batch.end_sequence();
  targets.insert(targets.end(), items.begin(), items.end());
}

StateWindow make_state_window(const DatasetClip& clip, int chunks, Rng& rng) {
  StateWindow w;
  w.scene = clip.scene;
  const int last = (clip.trajectory.num_frames() - 1) / kFramesPerChunk - 1;  // last whole chunk
  w.first_chunk = rng.chance(0.5) ? kInitialChunk : rng.below(std::max(1, last - chunks + 1));
  for (int c = w.first_chunk; c < w.first_chunk + chunks && c < last; ++c) {
    auto& input = w.input.emplace_back();
    auto& truth = w.truth.emplace_back();
    for (int k = 0; k < clip.trajectory.num_objects; ++k) {
      input.push_back(chunk_of(clip.trajectory, k, c));
      truth.push_back(chunk_of(clip.trajectory, k, c + 1));
    }
  }
  return w;
}

void add_state_noise(StateWindow& window, double scale, Rng& rng) {
  const double amplitude = scale * rng.uniform() * rng.uniform();
  for (auto& chunk : window.input)
    for (ObjectChunk& object : chunk) {
      if (object.initial) continue;
      const float dx = float(0.05 * amplitude * rng.normal()), dy = float(0.05 * amplitude * rng.normal()), da = float(0.1 * amplitude * rng.normal());
      for (ObjectState& s : object.states) s.x += dx, s.y += dy, s.angle += da;
      ObjectState& last = object.states.back();
      last.vx += float(0.3 * amplitude * rng.normal());
      last.vy += float(0.3 * amplitude * rng.normal());
      last.omega += float(0.5 * amplitude * rng.normal());
    }
}

void add_state_sequence(const StateWindow& w, TokenBatch& batch) {
  batch.add_scene(w.scene);
  for (size_t c = 0; c < w.input.size(); ++c)
    for (size_t k = 0; k < w.input[c].size(); ++k) batch.add_object(int(k), w.first_chunk + int(c), w.input[c][k], w.scene.objects[k], w.scene.gravity);
  batch.end_sequence();
}

bool struck(const Trajectory& t, int object, int chunk) {
  constexpr float kSuddenChange = 1;  // m/s from one frame to the next: gravity makes 0.4
  for (int f = kFramesPerChunk * chunk; f < kFramesPerChunk * (chunk + 1); ++f) {
    const ObjectState &a = t.at(f, object), &b = t.at(f + 1, object);
    if (std::hypot(b.vx - a.vx, b.vy - a.vy) > kSuddenChange) return true;
  }
  return false;
}

PixelSample make_pixel_sample(const DatasetClip& clip, int chunk, const VideoTokenizer& tokenizer) {
  PixelSample s;
  s.scene = clip.scene;
  s.chunk = chunk;
  const Renderer renderer(clip.scene);
  const int dims = tokenizer.dims();
  auto encode = [&](const std::vector<uint8_t>& rgb) {
    std::vector<int8_t> codes(size_t(kPatches) * dims);
    tokenizer.encode(rgb.data(), 1, kFrameHeight, kFrameWidth, codes.data());
    return codes;
  };
  if (chunk > 0) s.previous = encode(render_chunk(renderer, clip.trajectory, chunk - 1));
  const std::vector<uint8_t> rgb = render_chunk(renderer, clip.trajectory, chunk);
  s.codes = encode(rgb);
  s.pixels.resize(size_t(kPatches) * 16 * 16 * kFramesPerChunk * 3);
  patchify(rgb.data(), 1, kFrameHeight, kFrameWidth, s.pixels.data());
  s.classes = chunk_classes(renderer, clip.trajectory, chunk, rgb);
  for (int k = 0; k < clip.trajectory.num_objects; ++k) {
    s.objects.push_back(chunk_of(clip.trajectory, k, chunk));
    s.objects.back().pushed = false;
    s.struck.push_back(struck(clip.trajectory, k, chunk));
  }
  s.interest = patch_interest(s, dims);
  return s;
}

void add_pixel_sequence(const PixelSample& s, int patches, int dims, int levels, Rng& rng, TokenBatch& batch, PatchTargets& targets, int block, double no_previous_share) {
  batch.add_scene(s.scene);
  for (size_t k = 0; k < s.objects.size(); ++k) batch.add_object(int(k), s.chunk, s.objects[k], s.scene.objects[k], s.scene.gravity);
  const bool no_previous = s.previous.empty() || rng.chance(no_previous_share);
  const double corruption = rng.chance(0.3) ? rng.uniform() * 0.3 : 0;
  std::vector<float> previous(dims);
  const std::vector<int> drawn = block ? draw_blocks(s.interest, patches / (block * block), block, rng) : draw_patches(s.interest, patches, rng);
  for (size_t first = 0; block && first < drawn.size(); first += size_t(block) * size_t(block)) {
    copy_cells(s.pixels, drawn[first], block, kPixelChannels, targets.pixels);
    copy_cells(s.classes, drawn[first], block, kPixelChannels / 3, targets.classes);
  }
  for (int p : drawn) {
    bool same = !no_previous;
    for (int k = 0; k < dims && !no_previous; ++k) {
      int level = s.previous[size_t(p) * dims + k];
      if (rng.chance(corruption)) level = std::clamp(level + (rng.chance(0.5) ? 1 : -1), 0, levels - 1);
      same &= level == s.codes[size_t(p) * dims + k];
      previous[k] = 2.0f * float(level) / float(levels - 1) - 1;
    }
    batch.add_patch(p, s.chunk, no_previous ? nullptr : previous.data(), dims);
    targets.codes.insert(targets.codes.end(), &s.codes[size_t(p) * dims], &s.codes[size_t(p) * dims] + dims);
    targets.unchanged.push_back(same);
  }
  batch.end_sequence();
}

}  // namespace orrery
