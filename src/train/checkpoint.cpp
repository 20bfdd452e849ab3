#include "train/checkpoint.h"

#include "core/error.h"

namespace orrery {

void save_checkpoint(const std::filesystem::path& path, const ParameterList& parameters, const AdamW& optimizer,
                     const TrainState& state, const Json& extra) {
  SafetensorsWriter writer;
  parameters.save(writer, DType::kF32, "model.");
  optimizer.save(writer);
  writer.set_metadata("train.step", std::to_string(state.step));
  writer.set_metadata("train.seconds", fmt::format("{}", state.seconds));
  writer.set_metadata("train.config", state.config.dump());
  writer.set_metadata("train.extra", extra.dump());
  writer.write(path);
}

Json load_checkpoint(const std::filesystem::path& path, ParameterList& parameters, AdamW& optimizer, TrainState& state) {
  const SafetensorsFile file(path);
  if (file.metadata("train.step").empty()) fail("{}: not a training checkpoint", path.string());
  parameters.load(file, "model.");
  optimizer.load(file);
  state.step = std::stoll(file.metadata("train.step"));
  state.seconds = std::stod(file.metadata("train.seconds", "0"));
  state.config = parse_json(file.metadata("train.config", "{}"), path.string());
  return parse_json(file.metadata("train.extra", "{}"), path.string());
}

std::filesystem::path last_checkpoint(const std::filesystem::path& folder) { return folder / "last.safetensors"; }

void export_weights(const std::filesystem::path& path, ParameterList& parameters, AdamW& optimizer,
                    const std::map<std::string, std::string>& metadata) {
  SafetensorsWriter writer;
  optimizer.swap_ema();
  parameters.save(writer, DType::kBF16);
  optimizer.swap_ema();
  for (const auto& [key, value] : metadata) writer.set_metadata(key, value);
  writer.write(path);
}

}  // namespace orrery
