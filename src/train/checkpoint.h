// The whole state of a training run in one safetensors file, written atomically: weights (f32), optimizer, average,
// step, seconds trained, config, and whatever a trainer adds. Nothing else may influence the next step.
#pragma once
#include <filesystem>
#include <string>

#include "core/json.h"
#include "nn/optimizer.h"

namespace orrery {

struct TrainState {
  int64_t step = 0;
  double seconds = 0;  // of training so far, all resumed parts together
  Json config;
};

// `extra`: small values of the trainer's own as metadata (generator counters, router biases are parameters or go here).
void save_checkpoint(const std::filesystem::path& path, const ParameterList& parameters, const AdamW& optimizer,
                     const TrainState& state, const Json& extra = Json::object());
// Fills parameters, optimizer and state; returns `extra`. Error if the file is of another model.
Json load_checkpoint(const std::filesystem::path& path, ParameterList& parameters, AdamW& optimizer, TrainState& state);

// <folder>/last.safetensors
std::filesystem::path last_checkpoint(const std::filesystem::path& folder);

// The averaged weights in bf16 with metadata: what is shipped. The optimizer's average is swapped in and out.
void export_weights(const std::filesystem::path& path, ParameterList& parameters, AdamW& optimizer,
                    const std::map<std::string, std::string>& metadata);

}  // namespace orrery
