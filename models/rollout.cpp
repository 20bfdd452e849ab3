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
  const Rollout one{&scene, &cache};
  return std::move(rollout_states(model, {&one, 1}, num_chunks, pushes).front());
}

std::vector<std::vector<std::vector<ObjectChunk>>> rollout_states(const UnifiedTransformer& model, std::span<const Rollout> clips, int num_chunks, std::span<const Push> pushes) {
  std::vector<std::vector<std::vector<ObjectChunk>>> states(clips.size());
  std::vector<std::vector<ObjectChunk>> current;
  std::vector<GenerationCache*> caches;
  TokenBatch statics;
  for (const Rollout& clip : clips) {
    statics.add_scene(*clip.scene);
    statics.end_sequence();
    caches.push_back(clip.cache);
    current.push_back(initial_chunks(*clip.scene));
  }
  Rows<float> hidden, outputs;
  model.extend(statics, caches, true, hidden);
  for (int c = kInitialChunk; c < num_chunks; ++c) {
    TokenBatch step;
    for (size_t i = 0; i < clips.size(); ++i) {
      for (size_t k = 0; k < current[i].size(); ++k) {
        set_push(pushes, int(k), c + 1, current[i][k]);
        step.add_object(int(k), c, current[i][k], clips[i].scene->objects[k], clips[i].scene->gravity);
      }
      step.end_sequence();
    }
    if (step.size()) model.extend(step, caches, true, hidden);
    if (c + 1 == num_chunks) break;
    if (step.size()) object_outputs(model.heads(), hidden, outputs);
    for (size_t i = 0; i < clips.size(); ++i) {
      for (size_t k = 0; k < current[i].size(); ++k) current[i][k] = advance(current[i][k], outputs.row(step.sequence_begin[i] + int64_t(k)));
      states[i].push_back(current[i]);
    }
  }
  return states;
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
