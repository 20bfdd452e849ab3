#include "models/rollout.h"

#include "models/objectives.h"

namespace orrery {
namespace {

void set_push(std::span<const Push> pushes, int object, int next_chunk, ObjectChunk& chunk) {
  for (const Push& p : pushes) {
    if (p.object != object || p.frame / kFramesPerChunk != next_chunk) continue;
    const ObjectState& at = chunk.states.back();
    chunk.pushed = true;
    chunk.jx = float(p.jx);
    chunk.jy = float(p.jy);
    chunk.px = float(p.px) - at.x;
    chunk.py = float(p.py) - at.y;
    chunk.push_offset = p.frame % kFramesPerChunk;
  }
}

std::vector<ObjectChunk> initial_chunks(const Scene& scene) {
  std::vector<ObjectChunk> chunks;
  for (const ObjectSpec& o : scene.objects) chunks.push_back(initial_chunk(o));
  return chunks;
}

}  // namespace

std::vector<std::vector<ObjectChunk>> rollout_states(const UnifiedTransformer& model, const Scene& scene, int num_chunks, std::span<const Push> pushes, GenerationCache& cache) {
  std::vector<std::vector<ObjectChunk>> chunks;
  TokenBatch statics;
  statics.add_scene(scene);
  Rows<float> hidden, outputs;
  model.extend(statics, cache, true, hidden);
  std::vector<ObjectChunk> current = initial_chunks(scene);
  for (int c = kInitialChunk; c < num_chunks; ++c) {
    TokenBatch step;
    for (size_t k = 0; k < current.size(); ++k) {
      set_push(pushes, int(k), c + 1, current[k]);
      step.add_object(int(k), c, current[k], scene.objects[k], scene.gravity);
    }
    if (!current.empty()) model.extend(step, cache, true, hidden);
    if (c + 1 == num_chunks) break;
    if (!current.empty()) object_outputs(model.heads(), hidden, outputs);
    for (size_t k = 0; k < current.size(); ++k) current[k] = advance(current[k], outputs.row(int64_t(k)));
    chunks.push_back(current);
  }
  return chunks;
}

std::vector<std::vector<ObjectChunk>> constant_velocity_states(const Scene& scene, int num_chunks) {
  const float zeros[kObjectOutputs] = {};
  std::vector<std::vector<ObjectChunk>> chunks;
  std::vector<ObjectChunk> current = initial_chunks(scene);
  for (int c = 0; c < num_chunks; ++c) {
    for (ObjectChunk& o : current) o = advance(o, zeros);
    chunks.push_back(current);
  }
  return chunks;
}

Trajectory trajectory_of(const Scene& scene, const std::vector<std::vector<ObjectChunk>>& chunks) {
  Trajectory t;
  t.num_objects = int(scene.objects.size());
  for (const ObjectSpec& o : scene.objects) t.states.push_back(initial_chunk(o).states[0]);
  for (const auto& chunk : chunks)
    for (int f = 0; f < kFramesPerChunk; ++f)
      for (const ObjectChunk& o : chunk) t.states.push_back(o.states[f]);
  return t;
}

}  // namespace orrery
