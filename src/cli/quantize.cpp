// orrery quantize: weights in fewer bits. Everything that reads weights reads these too.
#include <fmt/format.h>

#include <optional>
#include <regex>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "models/unified_transformer.h"
#include "nn/quantize.h"

namespace orrery {
namespace {

struct QuantizeArguments {
  std::string in, out, type = "int8", products = "bf16";
  std::optional<std::string> keep;
  bool overwrite = false;
};

std::function<bool(const std::string&)> keep_matching(const std::string& pattern) {
  if (pattern.empty()) return {};
  try {
    return [regex = std::regex(pattern)](const std::string& name) { return std::regex_search(name, regex); };
  } catch (const std::regex_error& error) {
    fail_usage("--keep {}: {}", pattern, error.what());
  }
}

int run(const QuantizeArguments& a) {
  if (fs::exists(a.out) && !a.overwrite) fail_usage("{} exists: give --overwrite, or another name", a.out);
  if (a.products == "int8" && a.type != "int8") fail_usage("--products int8 needs --type int8: int4 weights are multiplied in bf16");
  const SafetensorsFile file{fs::path(a.in)};
  const std::string chosen = a.keep ? *a.keep : a.type == "int4" ? "states" : "", keep = chosen == "states" ? kStateTensors : chosen;
  SafetensorsWriter writer = quantize(file, a.type == "int4" ? WeightType::kInt4 : WeightType::kInt8, keep_matching(keep));
  if (a.products == "int8") writer.set_metadata(kProductsKey, a.products);
  writer.write(a.out);
  fmt::print("{}: {}, {:.1f} MB, from {:.1f} MB\n", a.out, a.type, double(fs::file_size(a.out)) / 1e6, double(file.bytes().size()) / 1e6);
  return 0;
}

}  // namespace

std::function<int()> setup_quantize(CLI::App& app) {
  auto a = std::make_shared<QuantizeArguments>();
  app.add_option("in", a->in, "weights in bf16 or f32 (.safetensors): transformer or video tokenizer")->required()->check(CLI::ExistingFile);
  app.add_option("out", a->out, "file to write")->required();
  app.add_option("--type", a->type, "int8: one scale a row; int4: one scale for 32 values")->check(CLI::IsMember({"int8", "int4"}))->capture_default_str();
  app.add_option("--keep", a->keep, "tensors that stay in bf16: a regular expression of names, or the word states: those that a transformer's predicted states depend on (default: none for int8; states for int4, in which rollouts go astray)");
  app.add_option("--products", a->products, "arithmetic of the layers: bf16, or int8 with activations quantised row by row (--type int8)")->check(CLI::IsMember({"bf16", "int8"}))->capture_default_str();
  app.add_flag("--overwrite", a->overwrite, "replace the file if it exists");
  app.footer(
      "Examples:\n"
      "  orrery quantize models/pretrained/transformer.safetensors small/transformer.safetensors --type int4\n"
      "  orrery quantize transformer.safetensors mixed.safetensors --keep states\n"
      "  orrery render \"a red ball falls\" --model small/transformer.safetensors");
  return [a] { return run(*a); };
}

}  // namespace orrery
