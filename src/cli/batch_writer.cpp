#include "cli/batch_writer.h"

#include <cmath>
#include <cstdio>

#include "cli/candidate_score.h"
#include "codecs/decoder.h"
#include "core/error.h"
#include "physics_eval/evaluate.h"

namespace orrery {

Json clip_record(const BatchJob& job, const std::string& model_hash, const char* status) {
  return {{"id", job.id}, {"status", status}, {"prompt", job.prompt}, {"seed", job.seed}, {"file", job.file}, {"seconds", job.clip.seconds},
          {"model", model_hash}, {"version", ORRERY_VERSION}, {"options", options_of(job)}};
}

BatchWriter::BatchWriter(const Generator& generator, const std::string& model_hash, Manifest& manifest, const BatchOptions& options)
    : generator_(generator), model_hash_(model_hash), manifest_(manifest), options_(options) {}

void BatchWriter::take(Candidate& candidate, int chunk, const ShownCodes& codes) {
  ClipInProgress& clip = *candidate.clip;
  try {
    if (!clip.over) decode_chunk(generator_.tokenizer(), codes, chunk, [&](const Frame& frame) { take_frame(candidate, frame); });
    if (chunk + 1 == candidate.chunks) end_candidate(candidate);
  } catch (const std::exception& error) {
    record_failure(clip, error.what());
  }
  show_progress(*clip.job);
}

void BatchWriter::take_failure(Candidate& candidate, const std::string& error) {
  record_failure(*candidate.clip, error);
  show_progress(*candidate.clip->job);
}

void BatchWriter::show_progress(const BatchJob& job) {
  if (!options_.progress) return;
  std::lock_guard lock(mutex_);
  options_.progress(totals_.made + totals_.failed, job.prompt);
}

void BatchWriter::take_frame(Candidate& candidate, const Frame& frame) {
  ClipInProgress& clip = *candidate.clip;
  if (clip.job->clip.candidates > 1) return candidate.frames.push_back(frame);
  clip.seed = candidate.seed;
  if (!clip.sink) open(clip);
  clip.sink->write(frame);
}

// As `render` chooses: the first of the best by the score of the encoded clip.
void BatchWriter::end_candidate(Candidate& candidate) {
  ClipInProgress& clip = *candidate.clip;
  std::unique_lock lock(clip.mutex);
  if (clip.over) return;
  if (clip.job->clip.candidates > 1) {
    const BatchJob& job = *clip.job;
    lock.unlock();
    const double score = candidate_score(candidate.frames, options_.folder / job.file, job.clip, provenance_of(job.prompt, candidate.seed, model_hash_, job.clip, job.file));
    lock.lock();
    if (clip.over) return;  // another candidate of it failed meanwhile
    if (score > clip.best_score || (score == clip.best_score && candidate.seed < clip.seed)) {
      clip.best_score = score;
      clip.best = std::move(candidate.frames);
      clip.seed = candidate.seed;
    }
    candidate.frames.clear();
    if (--clip.candidates_left > 0) return;
    open(clip);
    for (const Frame& frame : clip.best) clip.sink->write(frame);
    clip.best.clear();
  }
  end_clip(clip);
}

void BatchWriter::open(ClipInProgress& clip) {
  const BatchJob& job = *clip.job;
  clip.target = std::make_unique<AtomicPath>(options_.folder / job.file);
  clip.sink = std::make_unique<ClipOutput>(clip.target->temporary(), "", job.clip, provenance_of(job.prompt, clip.seed, model_hash_, job.clip, job.file));
}

// The record first, then the name: see batch_manifest.h.
void BatchWriter::end_clip(ClipInProgress& clip) {
  const BatchJob& job = *clip.job;
  clip.sink->finish();
  clip.sink.reset();
  const fs::path& made = clip.target->temporary();
  Json record = clip_record(job, model_hash_, "done");
  record["sha256"] = sha256_file(made);
  record["bytes"] = fs::file_size(made);
  record["frames"] = int64_t(std::ceil(job.clip.seconds * job.clip.fps - 1e-6));
  record["candidate_seed"] = clip.seed;
  record["score"] = nullptr;
  if (options_.score)
    if (const auto score = physics_eval::evaluate(*open_decoder(made)).score) record["score"] = *score;
  record["scored"] = options_.score;
  std::lock_guard lock(mutex_);
  manifest_.append(record);
  clip.target->commit();
  clip.target.reset();
  clip.over = true;
  ++totals_.made;
  if (options_.ended) options_.ended(record);
}

void BatchWriter::record_failure(ClipInProgress& clip, const std::string& error) {
  std::scoped_lock lock(clip.mutex, mutex_);
  if (clip.over) return;
  clip.over = true;
  clip.sink.reset();
  clip.target.reset();
  clip.best.clear();
  ++totals_.failed;
  Json record = clip_record(*clip.job, model_hash_, "failed");
  record["error"] = error;
  try {
    manifest_.append(record);
  } catch (const std::exception& why) {
    std::fprintf(stderr, "orrery: %s: %s; and it cannot be recorded: %s\n", clip.job->id.c_str(), error.c_str(), why.what());
  }
  if (options_.ended) options_.ended(record);
}

}  // namespace orrery
