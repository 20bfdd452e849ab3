// orrery info: the model, this machine, and what the model knows.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "codecs/encoder.h"
#include "core/files.h"
#include "core/json.h"
#include "core/parallel.h"
#include "generate/pipeline.h"
#include "nn/quantize.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {
namespace {

// Floats that one token leaves in the cache of one layer, against keys and values of all heads.
Json cache_json(const UnifiedTransformerConfig& c) {
  const int latent = c.kv_latent_dim + c.attention.rope;
  const int full = c.attention.heads * (c.attention.qk() + c.attention.value);
  return {{"latent_floats", latent}, {"multi_head_floats", full}, {"ratio", double(full) / latent}};
}

// Null where the weights have none.
Json affinity_json(const UnifiedTransformer& model) {
  if (!model.affinity()) return {};
  return {{"parameters", model.affinity().size()}, {"groups_ahead", model.config().plan_experts}};
}

Json model_json(const std::string& path) {
  const Generator generator(path);
  const SafetensorsFile file(generator.model_path());
  const UnifiedTransformerConfig& c = generator.transformer().config();
  return {{"path", generator.model_path().string()},
          {"hash", generator.hash()},
          {"bytes", file.bytes().size()},
          {"parameters", generator.transformer().parameters().total_size()},
          {"weight_type", file.metadata("weight_type", "bf16")},
          {"products", file.metadata(kProductsKey, "bf16")},
          {"affinity_predictor", affinity_json(generator.transformer())},
          {"config", c.to_json()},
          {"cache_per_token_and_layer", cache_json(c)},
          {"trained_steps", file.metadata("steps")},
          {"trained_with", file.metadata("command")},
          {"families", file.metadata("families")},
          {"size_range_m", file.metadata("size_range_m")},
          {"speed_range_m_s", file.metadata("speed_range_m_s")},
          {"vocabulary", generator.text().vocabulary_size()},
          {"taught_words", generator.text().taught_words()}};
}

std::string encoder_or_none(const char* name) {
  try {
    return encoder_name(name);
  } catch (const Error&) {
    return "none";
  }
}

Json machine_json() {
  return {{"cpu", cpu_name()},
          {"instruction_set", instruction_set()},
          {"gemm_precision", cpu_has_bf16() ? "bf16" : "f32"},
          {"threads", num_threads()},
          {"encoders", {{"mp4", encoder_or_none("x.mp4")}, {"webm", encoder_or_none("x.webm")}, {"gif", encoder_or_none("x.gif")}}}};
}

Json schema_json() {
  return {{"shapes", kShapeNames},       {"colors", kColorNames},  {"materials", kMaterialNames}, {"lights", kLightNames},
          {"backdrops", kBackdropNames}, {"floors", kFloorNames},  {"max_objects", kMaxObjects},  {"view_m", {kViewWidth, kViewHeight}},
          {"fps", kFramesPerSecond},     {"schema", kSceneSchemaVersion}};
}

std::string joined(const Json& list) {
  std::string text;
  for (const Json& item : list) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

void print_text(const Json& info) {
  const Json &model = info.at("model"), &machine = info.at("machine"), &schema = info.at("schema");
  fmt::print("orrery {}\n\n", info.at("version").get<std::string>());
  fmt::print("machine   {}, {}, {} GEMMs, {} threads\n", machine.at("cpu").get<std::string>(), machine.at("instruction_set").get<std::string>(),
             machine.at("gemm_precision").get<std::string>(), machine.at("threads").get<int>());
  fmt::print("encoders  mp4: {}, webm: {}, gif: {}\n\n", machine.at("encoders").at("mp4").get<std::string>(), machine.at("encoders").at("webm").get<std::string>(),
             machine.at("encoders").at("gif").get<std::string>());
  if (model.contains("error")) {
    fmt::print("model     {}\n\n", model.at("error").get<std::string>());
  } else {
    fmt::print("model     {}\n          {}, {:.1f} M parameters in {}, {:.1f} MB, {} training steps\n", model.at("path").get<std::string>(), model.at("hash").get<std::string>(),
               model.at("parameters").get<double>() / 1e6, model.at("weight_type").get<std::string>(), model.at("bytes").get<double>() / 1e6, model.at("trained_steps").get<std::string>());
    fmt::print("cache     {} floats a token and layer, {:.1f} times smaller than multi-head attention's\n", model.at("cache_per_token_and_layer").at("latent_floats").get<int>(),
               model.at("cache_per_token_and_layer").at("ratio").get<double>());
    const Json& affinity = model.at("affinity_predictor");
    if (affinity.is_null()) fmt::print("affinity  no predictor of the experts\n");
    else fmt::print("affinity  predictor of the experts: {} parameters, tokens are {}grouped ahead\n", affinity.at("parameters").get<int64_t>(), affinity.at("groups_ahead").get<bool>() ? "" : "not ");
    if (model.at("products").get<std::string>() != "bf16") fmt::print("products  {}\n", model.at("products").get<std::string>());
    fmt::print("\nfamilies  {}\nsizes     radius or half side {} m\nspeeds    {} m/s\nwords     {} taught, {} in the vocabulary (--json lists them)\n", model.at("families").get<std::string>(),
               model.at("size_range_m").get<std::string>(), model.at("speed_range_m_s").get<std::string>(), model.at("taught_words").size(), model.at("vocabulary").get<int>());
  }
  fmt::print("shapes    {}\ncolours   {}\nmaterials {}\n", joined(schema.at("shapes")), joined(schema.at("colors")), joined(schema.at("materials")));
}

int run(const std::string& model, bool json) {
  Json info = {{"version", ORRERY_VERSION}, {"machine", machine_json()}, {"schema", schema_json()}};
  try {
    info["model"] = model_json(model);
  } catch (const Error& error) {
    if (!model.empty()) throw;
    info["model"] = {{"error", error.what()}};
  }
  if (json) fmt::print("{}\n", info.dump(1));
  else print_text(info);
  return 0;
}

}  // namespace

std::function<int()> setup_info(CLI::App& app) {
  struct Options {
    std::string model;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  app.add_option("--model", o->model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_flag("--json", o->json, "everything, with the words that the model was taught");
  app.footer("Examples:\n  orrery info\n  orrery info --json | grep -A3 colors");
  return [o] { return run(o->model, o->json); };
}

}  // namespace orrery
