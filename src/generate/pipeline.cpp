#include "generate/pipeline.h"

#include <cmath>
#include <cstdlib>

#include "core/files.h"

namespace orrery {
namespace {

fs::path resolve_model(const fs::path& given) {
  if (!given.empty()) return given;
  if (const char* variable = std::getenv("ORRERY_MODEL"); variable && *variable) {
    const fs::path path = variable;
    return fs::is_directory(path) ? path / "transformer.safetensors" : path;
  }
  const fs::path shipped = find_data_file("transformer.safetensors");
  if (shipped.empty()) fail("no model weights found: give --model FILE or set ORRERY_MODEL");
  return shipped;
}

}  // namespace

fs::path Generator::beside(const std::string& name) const {
  const fs::path near = model_path_.parent_path() / name;
  if (fs::exists(near)) return near;
  const fs::path shipped = find_data_file(name);
  if (shipped.empty()) fail("{} not found, neither beside {} nor among the installed files", name, model_path_.string());
  return shipped;
}

Generator::Generator(const fs::path& model)
    : model_path_(resolve_model(model)), text_(TextTokenizer::load(beside("text_vocab.safetensors"))),
      tokenizer_(VideoTokenizer::load(beside("tokenizer.safetensors"))), transformer_(UnifiedTransformer::load(model_path_, text_.vectors())) {
  const UnifiedTransformerConfig& c = transformer_->config();
  if (c.code_dims != tokenizer_->dims() || c.code_levels != tokenizer_->levels())
    fail("{} was trained for codes of {} x {} levels, the video tokenizer has {} x {}", model_path_.string(), c.code_dims, c.code_levels,
         tokenizer_->dims(), tokenizer_->levels());
}

std::string Generator::hash() const {
  const std::string all = sha256_file(model_path_) + sha256_file(beside("tokenizer.safetensors")) + sha256_file(beside("text_vocab.safetensors"));
  return sha256({reinterpret_cast<const uint8_t*>(all.data()), all.size()}).substr(0, 16);
}

PlannedClip Generator::plan(const std::string& prompt, uint64_t seed, double temperature, int num_chunks) const {
  const Request one{prompt, seed, temperature};
  return std::move(plan({&one, 1}, num_chunks).front());
}

std::vector<PlannedClip> Generator::plan(std::span<const Request> requests, int num_chunks) const {
  std::vector<PrologueRequest> prologues;
  for (const Request& r : requests) prologues.push_back({text_.encode(r.prompt), r.seed, r.temperature});
  std::vector<Scene> scenes = sample_prologues(*transformer_, prologues);
  std::vector<PlannedClip> clips(requests.size());
  std::vector<Rollout> rollouts;
  for (size_t i = 0; i < clips.size(); ++i) {
    clips[i].prompt = requests[i].prompt;
    clips[i].seed = requests[i].seed;
    clips[i].scene = std::move(scenes[i]);
    rollouts.push_back({&clips[i].scene, &clips[i].cache});
  }
  auto states = rollout_states(*transformer_, rollouts, num_chunks);
  for (size_t i = 0; i < clips.size(); ++i) clips[i].chunks = std::move(states[i]);
  return clips;
}

PatchStats Generator::frames(PlannedClip& clip, const std::function<void(const Frame&)>& sink, const Effort& effort) const {
  return generate_frames(*transformer_, *tokenizer_, clip.cache, int(clip.chunks.size()), sink, effort);
}

int chunks_for(double seconds) { return std::max(1, int(std::ceil(seconds * kFramesPerSecond / kFramesPerChunk - 1e-9))); }

Json states_json(const PlannedClip& clip) {
  Json objects = Json::array();
  for (size_t k = 0; k < clip.scene.objects.size(); ++k) {
    const ObjectSpec& o = clip.scene.objects[k];
    Json states = Json::array();
    int frame = 0;
    for (const auto& chunk : clip.chunks)
      for (const ObjectState& s : chunk[k].states)
        states.push_back({{"t", frame++ / kFramesPerSecond}, {"x", s.x}, {"y", s.y}, {"angle", s.angle}, {"vx", s.vx}, {"vy", s.vy}, {"omega", s.omega}, {"contact", s.contact}});
    objects.push_back({{"id", k}, {"shape", kShapeNames[int(o.shape)]}, {"color", kColorNames[o.color]}, {"size_m", o.size}, {"material", kMaterialNames[o.material]}, {"states", states}});
  }
  const Ramp& r = clip.scene.ramp;
  return {{"fps", kFramesPerSecond},
          {"view", {{"width_m", kViewWidth}, {"height_m", kViewHeight}, {"px_per_m", kPixelsPerMeter}}},
          {"prompt", clip.prompt},
          {"seed", clip.seed},
          {"gravity_m_s2", clip.scene.gravity},
          {"ramp", r.present ? Json{{"x_low_m", r.x_low}, {"x_high_m", r.x_high}, {"height_m", r.height}} : Json()},
          {"objects", objects}};
}

}  // namespace orrery
