#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/json_fields.h"
#include "train/transformer_trainer.h"

namespace orrery {
namespace {

constexpr const char* kWhat = "training config";

template <class Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
  visit("seed", c.seed);
  visit("tokenizer", c.tokenizer);
  visit("scenes", c.scenes);
  visit("scenes_per_step", c.scenes_per_step);
  visit("max_scenes", c.max_scenes);
  visit("clip_frames", c.clip_frames);
  visit("window_chunks", c.window_chunks);
  visit("patches_per_sample", c.patches_per_sample);
  visit("pixel_pool", c.pixel_pool);
  visit("pixels_new_per_step", c.pixels_new_per_step);
  visit("bias_rate", c.bias_rate);
  visit("struck_share", c.struck_share);
  visit("word_dropout", c.word_dropout);
  visit("trainable", c.trainable);
  visit("frozen_routing", c.frozen_routing);
  visit("reopened_heads", c.reopened_heads);
  visit("picture_weight", c.picture_weight);
  visit("picture_side", c.picture_side);
  visit("prologue_weight", c.prologue_weight);
  visit("state_weight", c.state_weight);
  visit("pixel_weight", c.pixel_weight);
  visit("early_copy_weight", c.early_copy_weight);
  visit("small_k_share", c.small_k_share);
  visit("max_own_error", c.max_own_error);
  visit("muon", c.muon);
  visit("checkpoint_minutes", c.checkpoint_minutes);
  visit("log_steps", c.log_steps);
  visit("evaluation_scenes", c.evaluation_scenes);
}

template <class Config, class Visit>
void visit_optimizer(Config& o, Visit&& visit) {
  visit("beta1", o.beta1);
  visit("beta2", o.beta2);
  visit("weight_decay", o.weight_decay);
  visit("clip_norm", o.clip_norm);
  visit("ema_decay", o.ema_decay);
}

template <class Config, class Visit>
void visit_phase(Config& p, Visit&& visit) {
  visit("until", p.until);
  visit("prologues", p.prologues);
  visit("windows", p.windows);
  visit("pixels", p.pixels);
  visit("own_passes", p.own_passes);
  visit("state_noise", p.state_noise);
}

void check_domains(const char* field, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (domain_named(name) == kNumDomains)
      fail("{}: {}: '{}' is none of {}", kWhat, field, name, fmt::join(kDomainNames, ", "));
}

}  // namespace

Json TrainPhase::to_json() const {
  Json json;
  visit_phase(*this, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

TrainPhase TrainPhase::from_json(const Json& json) {
  TrainPhase phase;
  std::set<std::string> known;
  visit_phase(phase, [&](const char* name, auto& value) { known.insert(name), read_field(json, kWhat, name, value); });
  refuse_unknown(json, known, kWhat, "a phase");
  return phase;
}

Json TransformerTrainConfig::to_json() const {
  Json json;
  json["model"] = model.to_json();
  visit_fields(*this, [&](const char* name, const auto& value) { json[name] = value; });
  json["phases"] = Json::array();
  for (const TrainPhase& p : phases) json["phases"].push_back(p.to_json());
  visit_optimizer(optimizer, [&](const char* name, const auto& value) { json["optimizer"][name] = value; });
  json["schedule"] = schedule.to_json();
  return json;
}

TransformerTrainConfig TransformerTrainConfig::from_json(const Json& json) {
  TransformerTrainConfig c;
  std::set<std::string> known = {"model", "phases", "optimizer", "schedule"};
  if (json.contains("model")) c.model = UnifiedTransformerConfig::from_json(json.at("model"));
  visit_fields(c, [&](const char* name, auto& value) { known.insert(name), read_field(json, kWhat, name, value); });
  refuse_unknown(json, known, kWhat);
  if (json.contains("phases"))
    for (const Json& p : json.at("phases")) c.phases.push_back(TrainPhase::from_json(p));
  if (c.phases.empty()) c.phases.emplace_back();
  if (json.contains("optimizer")) {
    std::set<std::string> names;
    visit_optimizer(c.optimizer, [&](const char* name, auto& value) { names.insert(name), read_field(json.at("optimizer"), kWhat, name, value); });
    refuse_unknown(json.at("optimizer"), names, kWhat, "optimizer");
  }
  if (json.contains("schedule")) c.schedule = Schedule::from_json(json.at("schedule"));
  check_domains("frozen_routing", c.frozen_routing);
  check_domains("reopened_heads", c.reopened_heads);
  return c;
}

}  // namespace orrery
