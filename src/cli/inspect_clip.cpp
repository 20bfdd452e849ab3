#include "cli/inspect_clip.h"

#include "cli/clip_output.h"
#include "core/error.h"

namespace orrery {
namespace {

std::string attribute_value(const PrologueItem& item) {
  const auto name = [&](const auto& names) {
    return std::string(item.coarse < int(names.size()) ? names[size_t(item.coarse)] : "none");
  };
  switch (item.attribute) {
    case Attribute::kLight:
      return name(kLightNames);
    case Attribute::kWallColor:
    case Attribute::kFloorColor:
      return name(kBackdropNames);
    case Attribute::kFloorTexture:
      return name(kFloorNames);
    case Attribute::kRamp:
      return item.coarse ? "yes" : "no";
    case Attribute::kShape:
      return name(kShapeNames);
    case Attribute::kColor:
      return name(kColorNames);
    case Attribute::kMaterial:
      return name(kMaterialNames);
    default:
      return fmt::format("{:.2f}", item.value());
  }
}

std::string prologue_name(const std::vector<PrologueItem>& items, int index) {
  if (index >= int(items.size())) return "end";
  const PrologueItem& item = items[size_t(index)];
  const std::string what(attribute_spec(item.attribute).name);
  return item.object < 0 ? fmt::format("{} = {}", what, attribute_value(item))
                         : fmt::format("object {} {} = {}", item.object, what, attribute_value(item));
}

std::string scene_name(int part) {
  static constexpr std::array<const char*, 4> kParts = {"gravity, light, backdrop", "ramp, low end",
                                                        "ramp, middle", "ramp, high end"};
  return kParts[size_t(part) % kParts.size()];
}

}  // namespace

InspectedClip inspect_clip(const Generator& generator, const InspectRequest& request,
                           const std::function<void(int)>& progress) {
  InspectedClip clip;
  clip.request = request;
  const UnifiedTransformer& model = generator.transformer();
  const std::vector<int> ids = generator.text().encode(request.prompt);
  for (int id : ids) clip.words.push_back(generator.text().token(id));
  const PrologueRequest prologue{ids, request.seed, request.temperature, &clip.prologue};
  clip.scene = std::move(sample_prologues(model, {&prologue, 1}).front());
  GenerationCache cache;
  cache.trace = &clip.dynamics;
  clip.states = rollout_states(model, clip.scene, request.chunks, {}, cache);
  cache.trace = &clip.pixels;
  int made = 0;
  const auto take = [&](const Frame& frame) {
    if (++made % kFramesPerChunk) return;
    clip.frames.push_back(frame);
    progress(made / kFramesPerChunk);
  };
  clip.patches =
      generate_frames(model, generator.tokenizer(), cache, request.chunks, take, effort_of(request.effort));
  return clip;
}

ClipOrigin clip_origin(const Provenance& p, const std::string& source) {
  if (!p.prompt) fail("inspect: the prompt of {} was withheld (--private-prompt); give it with the clip's seed {}", source, p.seed);
  const ClipOptions options = clip_options_from(p.options, source);
  return {{*p.prompt, p.seed, options.temperature, options.effort, chunks_for(options.seconds)}, p.model};
}

std::string object_name(const Scene& scene, int object) {
  const ObjectSpec& o = scene.objects[size_t(object)];
  return fmt::format("{} {}", kColorNames[size_t(o.color)], kShapeNames[size_t(o.shape)]);
}

std::vector<std::string> token_names(const InspectedClip& clip, const std::vector<Token>& tokens) {
  const std::vector<PrologueItem> items = prologue_of(clip.scene);
  std::vector<std::string> names;
  for (const Token& t : tokens) switch (t.kind) {
      case TokenKind::kTask:
        names.push_back("[generate]");
        break;
      case TokenKind::kText:
        names.push_back(clip.words[size_t(t.index)]);
        break;
      case TokenKind::kPrologue:
        names.push_back(prologue_name(items, t.index));
        break;
      case TokenKind::kScene:
        names.push_back(scene_name(t.index));
        break;
      case TokenKind::kObject:
        names.push_back(
            fmt::format("object {}: {}, chunk {}", t.index, object_name(clip.scene, t.index), t.chunk));
        break;
      case TokenKind::kPatch:
        names.push_back(fmt::format("patch {}, chunk {}", t.index, t.chunk));
        break;
    }
  return names;
}

}  // namespace orrery
