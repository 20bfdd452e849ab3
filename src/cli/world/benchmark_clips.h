// Clips of the world-model benchmark: who makes which, and making what is not there yet.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/batch_run.h"
#include "cli/external_command.h"
#include "cli/world/benchmark_references.h"

namespace orrery {

// What a generator's command may contain in braces.
extern const std::vector<std::string> kGeneratorNames;

enum class Maker { kModel, kSimulator, kPerturbed, kCommand };

// A column of the table.
struct Column {
  std::string name;  // also the folder's: clips/NAME
  Maker maker = Maker::kModel;
};

struct BenchmarkOptions {
  fs::path folder;
  Suite suite;
  std::vector<Column> columns;
  int seeds = 2;
  int64_t base_seed = 1;  // clips of a scenario have base_seed, base_seed + 1, ...
  std::string command;    // of the external generator; empty: none
  std::string ending = "mp4";
  double timeout_s = 0, temperature = 0.7, effort = kDefaultEffort;
  bool metamorphic = true, overwrite = false, quiet = false;
};

struct BenchmarkClip {
  size_t column = 0;
  const Scenario* scenario = nullptr;
  const PromptPair* pair = nullptr;  // not null: a clip of this pair and of no law
  bool changed = false;              // the second of the pair
  BatchJob job;
  fs::path file, states;  // states: tracks as CSV, where the maker knows them; else empty
  std::string error;      // not made, and why
  std::string broken;     // the law that was broken on purpose
};

// The objects that a prompt promises, for telling one question from another.
std::string objects_text(const std::vector<physics_eval::ExpectedObject>& objects);

// All clips that the table needs, by column, scenario, seed.
std::vector<BenchmarkClip> planned_clips(const BenchmarkOptions& options);

// The model of the column "orrery"; null members without it.
struct OwnModel {
  std::unique_ptr<Generator> generator;
  std::string hash;
};

struct Pending {
  std::vector<BenchmarkClip*> clips;  // to be made
  int64_t kept = 0;
  std::vector<std::string> refused;  // made with other options
};
Pending pending_clips(const BenchmarkOptions& options, const OwnModel& model,
                      std::vector<BenchmarkClip>& clips);

// Makes them, and the states of the model's clips that have none. A clip that fails gets its `error` and the
// rest goes on.
void make_clips(const BenchmarkOptions& options, const OwnModel& model, const Pending& pending,
                std::vector<BenchmarkClip>& clips);

}  // namespace orrery
