// Makes the clips of a list: one model, clips of equal length together, several such groups side by side.
#pragma once
#include <functional>
#include <span>

#include "cli/batch_jobs.h"
#include "cli/batch_manifest.h"
#include "generate/pipeline.h"

namespace orrery {

struct BatchOptions {
  fs::path folder;
  int together = 8;    // clips a forward pass
  bool score = false;  // the physics score of every file into its record
  std::function<void(const Json& record)> ended = {};                          // after every clip, made or failed
  std::function<void(int64_t ended, const std::string& prompt)> progress = {};  // after every chunk
};

struct BatchTotals {
  int64_t made = 0, failed = 0;
};

// What the manifest says before anything is made.
struct Reconciled {
  std::vector<BatchJob> pending;
  int64_t kept = 0;
  std::vector<std::string> refused;  // made with other options or weights, or a file that is not ours
};
// A clip is kept if its record has these options, this model, and its file has the recorded bytes. `overwrite`:
// what would be refused is pending instead.
Reconciled reconcile(std::vector<BatchJob> jobs, const Manifest& manifest, const BatchOptions& options, const std::string& model_hash, bool overwrite);

// Removes what killed runs left of these clips.
void remove_leftovers(std::span<const BatchJob> jobs, const fs::path& folder);

// A record of the manifest without what only the file can tell. status: "done" or "failed".
Json clip_record(const BatchJob& job, const std::string& model_hash, const char* status);

// A clip that fails is recorded and the rest goes on. Uses num_threads() threads: each makes groups of clips from
// prompt to file, so that no thread waits for another. Callbacks come from all of them, one at a time.
BatchTotals run_batch(const Generator& generator, const std::string& model_hash, std::span<const BatchJob> jobs, Manifest& manifest, const BatchOptions& options);

}  // namespace orrery
