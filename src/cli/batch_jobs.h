// The list of `orrery batch`: JSONL, CSV or plain text -> jobs with unique ids, seeds and safe file names.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/clip_output.h"

namespace orrery {

struct BatchJob {
  std::string id, prompt, file;  // file: name inside the folder
  int64_t seed = 0;
  ClipOptions clip;     // seconds: of whole chunks
  bool strict = false;  // words that the model was never taught are an error
};

// What decides the file's bytes besides prompt, seed and weights, as the manifest keeps it.
Json options_of(const BatchJob& job);

// What a line does not say.
struct BatchDefaults {
  ClipOptions clip;
  std::string format = "mp4";
  uint64_t base_seed = 0;
  int seeds = 1;  // clips a line that names neither seed nor seeds
  bool strict = false;
};

enum class ListFormat { kJsonl, kCsv, kText };
// By the name's ending; else by the first character: '{' is JSONL.
ListFormat list_format(const std::string& name, const std::string& text);

struct JobList {
  std::vector<BatchJob> jobs;
  std::vector<std::string> errors;  // "prompts.jsonl:3: unknown key ..."; every bad line has one
};
JobList parse_jobs(const std::string& text, const std::string& name, ListFormat format, const BatchDefaults& defaults);

// A seed that depends on id and base alone: a line may move in its list.
int64_t seed_of(const std::string& id, uint64_t base_seed);
// A file name without its ending: letters, digits, '.', '_' and '-' only, at most 100 bytes; where the id had to be
// changed, eight digits of its hash keep names apart.
std::string safe_stem(const std::string& id);
// "2/5": the second of five parts. UsageError otherwise.
std::vector<BatchJob> shard_of(std::vector<BatchJob> jobs, const std::string& shard);

}  // namespace orrery
