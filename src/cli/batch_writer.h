// The second half of a batch: codes -> frames -> files -> records, on a thread of its own behind a bounded queue.
#pragma once
#include <memory>

#include "cli/batch_run.h"
#include "core/serial_worker.h"

namespace orrery {

// A clip on its way; the best candidate so far if there are several.
struct ClipInProgress {
  const BatchJob* job = nullptr;
  int candidates_left = 1;
  bool over = false;  // made or failed
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
  BatchWriter(const Generator& generator, const std::string& model_hash, Manifest& manifest, const BatchOptions& options, int threads);
  void push(Candidate& candidate, int chunk, ShownCodes codes);  // waits while the queue is full
  void push_failure(Candidate& candidate, const std::string& error);
  BatchTotals finish();

 private:
  struct Item {
    Candidate* candidate;
    int chunk;
    ShownCodes codes;
    std::string error;
  };
  void push(Item item);
  void take(const Item& item);
  void take_frame(Candidate& candidate, const Frame& frame);
  void end_candidate(Candidate& candidate);
  void open(ClipInProgress& clip);
  void end_clip(ClipInProgress& clip);
  void record_failure(ClipInProgress& clip, const std::string& error);

  const Generator& generator_;
  const std::string model_hash_;
  Manifest& manifest_;
  const BatchOptions& options_;
  BatchTotals totals_;
  SerialWorker worker_;  // last: it uses all of the above
};

}  // namespace orrery
