// The second half of a batch: codes -> frames -> files -> records. Called from several threads, a candidate always
// from the same one.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>

#include "cli/batch_run.h"

namespace orrery {

// A clip on its way; the best candidate so far if there are several.
struct ClipInProgress {
  const BatchJob* job = nullptr;
  std::mutex mutex;  // candidates may end on different threads
  int candidates_left = 1;
  std::atomic<bool> over = false;  // made or failed
  double best_score = -1;
  uint64_t seed = 0;  // of the best candidate
  std::vector<Frame> best;
  std::unique_ptr<AtomicPath> target;
  std::unique_ptr<ClipOutput> sink;
};

// One candidate of one clip.
struct Candidate {
  ClipInProgress* clip = nullptr;
  uint64_t seed = 0;
  int chunks = 0;
  std::vector<Frame> frames;  // kept if there are several
};

class BatchWriter {
 public:
  BatchWriter(const Generator& generator, const std::string& model_hash, Manifest& manifest, const BatchOptions& options);
  void take(Candidate& candidate, int chunk, const ShownCodes& codes);
  void take_failure(Candidate& candidate, const std::string& error);
  BatchTotals totals() const { return totals_; }

 private:
  void take_frame(Candidate& candidate, const Frame& frame);
  void end_candidate(Candidate& candidate);
  void open(ClipInProgress& clip);
  void end_clip(ClipInProgress& clip);
  void record_failure(ClipInProgress& clip, const std::string& error);
  void show_progress(const BatchJob& job);

  const Generator& generator_;
  const std::string model_hash_;
  Manifest& manifest_;
  const BatchOptions& options_;
  std::mutex mutex_;  // of manifest, totals and callbacks
  BatchTotals totals_;
};

}  // namespace orrery
