#include <fmt/format.h>

#include "cli/commands.h"
#include "core/error.h"
#include "core/json.h"
#include "core/parallel.h"
#include "train/affinity_trainer.h"
#include "train/tokenizer_trainer.h"
#include "train/transformer_trainer.h"

namespace orrery {
namespace {

struct TrainArguments {
  std::string stage, config, out, weights, initial;
  double minutes = 0;
  int64_t steps = 0;
  int threads = 0;
  bool resume = false, quiet = false;
};

// Length given on the command line replaces the config's.
void set_length(Json& config, const TrainArguments& o) {
  if (o.steps > 0) config["schedule"]["steps"] = o.steps;
  if (o.minutes > 0) config["schedule"]["steps"] = 0, config["schedule"]["minutes"] = o.minutes;
}

std::string command_of(const TrainArguments& o) {
  std::string line = fmt::format("orrery train {} --config {}", o.stage, o.config);
  if (o.steps > 0) line += fmt::format(" --steps {}", o.steps);
  if (o.minutes > 0) line += fmt::format(" --minutes {}", o.minutes);
  return line;
}

int run_tokenizer(const TrainArguments& o) {
  Json config = read_json(o.config);
  set_length(config, o);
  TrainOptions options;
  options.out = o.out.empty() ? "checkpoints/tokenizer" : o.out;
  options.weights = o.weights;
  options.initial = o.initial;
  options.resume = o.resume, options.quiet = o.quiet;
  options.command = command_of(o);
  train_tokenizer(TokenizerTrainConfig::from_json(config), options);
  return 0;
}

int run_transformer(const TrainArguments& o) {
  Json config = read_json(o.config);
  set_length(config, o);
  TrainOptions options;
  options.out = o.out.empty() ? "checkpoints/transformer" : o.out;
  options.weights = o.weights;
  options.initial = o.initial;
  options.resume = o.resume, options.quiet = o.quiet;
  options.command = command_of(o);
  train_transformer(TransformerTrainConfig::from_json(config), options);
  return 0;
}

int run_affinity(const TrainArguments& o) {
  if (o.resume) fail_usage("train affinity: takes a minute or two and is not resumed; leave --resume out");
  if (o.initial.empty()) fail_usage("train affinity: give the model with --initial, for example --initial models/pretrained/transformer.safetensors");
  if (o.minutes > 0) fail_usage("train affinity: its length is counted in --steps");
  Json config = read_json(o.config);
  set_length(config, o);
  TrainOptions options;
  options.out = o.out.empty() ? "checkpoints/affinity" : o.out;
  options.weights = o.weights.empty() ? options.out / "transformer.safetensors" : std::filesystem::path(o.weights);
  options.initial = o.initial;
  options.quiet = o.quiet;
  options.command = command_of(o);
  train_affinity(AffinityTrainConfig::from_json(config), options);
  return 0;
}

// One row a stage.
struct Stage {
  const char* name;
  int (*run)(const TrainArguments&);
};
constexpr Stage kStages[] = {{"tokenizer", run_tokenizer}, {"transformer", run_transformer}, {"affinity", run_affinity}};

int run(const TrainArguments& o) {
  if (o.threads > 0) set_num_threads(o.threads);
  for (const Stage& stage : kStages)
    if (o.stage == stage.name) return stage.run(o);
  fail_usage("train: unknown stage {}; stages: tokenizer, transformer, affinity", o.stage);
}

}  // namespace

std::function<int()> setup_train(CLI::App& app) {
  auto o = std::make_shared<TrainArguments>();
  app.add_option("stage", o->stage, "what to train: tokenizer, transformer, or affinity: the expert affinity predictor of a trained transformer")->required();
  app.add_option("--config", o->config, "JSON file; see src/train/configs")->required()->check(CLI::ExistingFile);
  app.add_option("--out", o->out, "folder for checkpoints and log.jsonl (default checkpoints/STAGE)");
  app.add_option("--weights", o->weights, "also export the averaged weights here at every checkpoint");
  app.add_option("--initial", o->initial, "weights to start from, with a fresh optimizer; a smaller model's will do")->check(CLI::ExistingFile);
  app.add_option("--minutes", o->minutes, "length in minutes, instead of the config's")->check(above_zero());
  app.add_option("--steps", o->steps, "length in steps, instead of the config's")->check(above_zero());
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_flag("--resume", o->resume, "go on from the last checkpoint in the folder");
  app.add_flag("--quiet", o->quiet, "no progress line");
  app.footer(
      "Examples:\n"
      "  orrery train transformer --config src/train/configs/transformer.json --out run --weights run.safetensors\n"
      "  orrery train affinity --config src/train/configs/affinity.json --initial run.safetensors --weights with_affinity.safetensors");
  return [o] { return run(*o); };
}

}  // namespace orrery
