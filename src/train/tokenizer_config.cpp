// The tokenizer trainer's config as JSON.
#include <set>

#include "core/json_fields.h"
#include "train/tokenizer_trainer.h"

namespace orrery {
namespace {

void check_names(const Json& json, const std::set<std::string>& known, const char* where) {
  refuse_unknown(json, known, "training config", where);
}

CropConfig crops_from(const Json& json) {
  check_names(json, {"size", "crops_per_scene", "near_share", "moving_threshold", "dilation"}, "crops");
  CropConfig c;
  c.size = json.value("size", c.size);
  c.crops_per_scene = json.value("crops_per_scene", c.crops_per_scene);
  c.near_share = json.value("near_share", c.near_share);
  c.classes.moving_threshold = json.value("moving_threshold", c.classes.moving_threshold);
  c.classes.dilation = json.value("dilation", c.classes.dilation);
  if (c.size < kPatch || c.size % kPatch || c.size > kFrameHeight) fail("training config: crops.size is {}, must be a multiple of {} up to {}", c.size, kPatch, kFrameHeight);
  if (c.crops_per_scene < 1) fail("training config: crops.crops_per_scene is {}, must be positive", c.crops_per_scene);
  return c;
}

AdamWConfig optimizer_from(const Json& json) {
  check_names(json, {"beta1", "beta2", "epsilon", "weight_decay", "clip_norm", "ema_decay", "muon_momentum"}, "optimizer");
  AdamWConfig c;
  c.beta1 = json.value("beta1", c.beta1);
  c.beta2 = json.value("beta2", c.beta2);
  c.epsilon = json.value("epsilon", c.epsilon);
  c.weight_decay = json.value("weight_decay", c.weight_decay);
  c.clip_norm = json.value("clip_norm", c.clip_norm);
  c.ema_decay = json.value("ema_decay", c.ema_decay);
  c.muon_momentum = json.value("muon_momentum", c.muon_momentum);
  return c;
}

void check(const TokenizerTrainConfig& c) {
  if (c.batch < 1 || c.batch > 4096) fail("training config: batch is {}, must be 1 to 4096", c.batch);
  if (c.pool_scenes < 1 || c.scenes_per_step < 0 || c.scenes_per_step > c.pool_scenes)
    fail("training config: 0 <= scenes_per_step <= pool_scenes, pool_scenes >= 1, not {} and {}", c.scenes_per_step, c.pool_scenes);
}

}  // namespace

Json TokenizerTrainConfig::to_json() const {
  return {{"model", model.to_json()},
          {"seed", seed},
          {"batch", batch},
          {"crops",
           {{"size", crops.size},
            {"crops_per_scene", crops.crops_per_scene},
            {"near_share", crops.near_share},
            {"moving_threshold", crops.classes.moving_threshold},
            {"dilation", crops.classes.dilation}}},
          {"pool_scenes", pool_scenes},
          {"scenes_per_step", scenes_per_step},
          {"absolute_weight", absolute_weight},
          {"moving_weight", moving_weight},
          {"object_weight", object_weight},
          {"unrounded_share", unrounded_share},
          {"optimizer",
           {{"beta1", optimizer.beta1},
            {"beta2", optimizer.beta2},
            {"epsilon", optimizer.epsilon},
            {"weight_decay", optimizer.weight_decay},
            {"clip_norm", optimizer.clip_norm},
            {"ema_decay", optimizer.ema_decay},
            {"muon_momentum", optimizer.muon_momentum}}},
          {"muon", muon},
          {"train_encoder", train_encoder},
          {"schedule", schedule.to_json()},
          {"checkpoint_minutes", checkpoint_minutes},
          {"log_steps", log_steps}};
}

TokenizerTrainConfig TokenizerTrainConfig::from_json(const Json& json) {
  TokenizerTrainConfig c;
  std::set<std::string> names;
  const Json defaults = c.to_json();
  for (const auto& [name, value] : defaults.items()) names.insert(name);
  check_names(json, names, "the config");
  try {
    if (json.contains("model")) c.model = VideoTokenizerConfig::from_json(json["model"]);
    c.seed = json.value("seed", c.seed);
    c.batch = json.value("batch", c.batch);
    if (json.contains("crops")) c.crops = crops_from(json["crops"]);
    c.pool_scenes = json.value("pool_scenes", c.pool_scenes);
    c.scenes_per_step = json.value("scenes_per_step", c.scenes_per_step);
    c.absolute_weight = json.value("absolute_weight", c.absolute_weight);
    c.moving_weight = json.value("moving_weight", c.moving_weight);
    c.object_weight = json.value("object_weight", c.object_weight);
    c.unrounded_share = json.value("unrounded_share", c.unrounded_share);
    if (json.contains("optimizer")) c.optimizer = optimizer_from(json["optimizer"]);
    c.muon = json.value("muon", c.muon);
    c.train_encoder = json.value("train_encoder", c.train_encoder);
    if (json.contains("schedule")) c.schedule = Schedule::from_json(json["schedule"]);
    c.checkpoint_minutes = json.value("checkpoint_minutes", c.checkpoint_minutes);
    c.log_steps = std::max(1, json.value("log_steps", c.log_steps));
  } catch (const nlohmann::json::exception& e) {
    fail("training config: {}", e.what());
  }
  check(c);
  return c;
}

}  // namespace orrery
