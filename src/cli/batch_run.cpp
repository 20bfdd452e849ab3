#include "cli/batch_run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <atomic>
#include <cstdlib>
#include <list>
#include <set>
#include <thread>

#include <fmt/ranges.h>

#include "cli/batch_writer.h"
#include "core/error.h"
#include "core/parallel.h"

namespace orrery {
namespace {

constexpr uint64_t kLeastFreeBytes = 1 << 20;  // a clip: below it, its work would be for nothing

// What of the record is not as the job wants it; empty: nothing. Of the options, those that differ alone.
std::string difference(const Json& record, const Json& wanted) {
  std::vector<std::string> changes;
  for (const auto& [key, value] : wanted.items()) {
    const Json had = record.is_object() ? record.value(key, Json()) : Json();
    if (had == value) continue;
    changes.push_back(value.is_object() ? difference(had, value) : fmt::format("{} was {}, is {}", key, had.dump(), value.dump()));
    if (changes.back().empty()) changes.back() = fmt::format("{} was {}, is {}", key, had.dump(), value.dump());
  }
  return fmt::format("{}", fmt::join(changes, "; "));
}

std::string difference(const Json& record, const BatchJob& job, const std::string& model_hash) {
  return difference(record, Json{{"prompt", job.prompt}, {"seed", job.seed}, {"file", job.file}, {"model", model_hash}, {"options", options_of(job)}});
}

bool is_whole(const Json& record, const fs::path& file, bool score) {
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) return false;
  if (score && !record.value("scored", false)) return false;
  return sha256_file(file) == record.value("sha256", std::string());
}

bool alike(const Candidate& a, const Candidate& b) { return a.chunks == b.chunks && a.clip->job->clip.effort == b.clip->job->clip.effort; }

// Clips of equal length and effort run together: as many candidates at a time as asked for.
std::vector<std::vector<Candidate*>> groups_of(std::list<Candidate>& candidates, int together) {
  std::vector<std::vector<Candidate*>> groups;
  for (Candidate& c : candidates) {
    if (groups.empty() || int(groups.back().size()) == together || !alike(*groups.back().front(), c)) groups.emplace_back();
    groups.back().push_back(&c);
  }
  return groups;
}

void check_prompt(const Generator& generator, const BatchJob& job) {
  generator.text().encode(job.prompt);
  if (!job.strict) return;
  const std::string words = generator.text().describe_untaught(job.prompt);
  if (!words.empty()) fail("the model was never taught: {} (strict)", words);
}

void check_space(const fs::path& folder, size_t clips) {
  std::error_code ec;
  const fs::space_info space = fs::space(folder, ec);
  if (!ec && space.available < kLeastFreeBytes * clips) fail("disk full: {} bytes are left in {}", space.available, folder.string());
}

std::vector<PlannedClip> plan(const Generator& generator, const std::vector<Candidate*>& group) {
  std::vector<Generator::Request> requests;
  for (const Candidate* c : group) requests.push_back({c->clip->job->prompt, c->seed, c->clip->job->clip.temperature});
  return generator.plan(requests, group.front()->chunks);
}

void generate(const Generator& generator, const fs::path& folder, std::vector<Candidate*> group, BatchWriter& writer) {
  std::erase_if(group, [&](Candidate* c) {
    try {
      check_prompt(generator, *c->clip->job);
      check_space(folder, group.size());
      return false;
    } catch (const std::exception& error) {
      writer.take_failure(*c, error.what());
      return true;
    }
  });
  if (group.empty()) return;
  std::vector<PlannedClip> clips;
  try {
    clips = plan(generator, group);
  } catch (const std::exception& error) {  // one of several fails: each alone, so that the others are made
    if (group.size() == 1) return writer.take_failure(*group.front(), error.what());
    for (Candidate* c : group) generate(generator, folder, {c}, writer);
    return;
  }
  std::vector<GenerationCache*> caches;
  for (PlannedClip& clip : clips) caches.push_back(&clip.cache);
  try {
    generate_codes(generator.transformer(), caches, group.front()->chunks, [&](size_t i, int chunk, const ShownCodes& codes) { writer.take(*group[i], chunk, codes); },
                   effort_of(group.front()->clip->job->clip.effort));
  } catch (const std::exception& error) {
    for (Candidate* c : group) writer.take_failure(*c, error.what());
  }
}

using Group = std::vector<Candidate*>;

// Each worker takes the next group that nobody has; the first error ends all and is thrown here.
void work_through(const std::vector<Group>& groups, int workers, int threads_each, const std::function<void(const Group&)>& work) {
  std::atomic<size_t> next = 0;
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto loop = [&] {
    set_num_threads(threads_each);
    try {
      for (size_t i; (i = next++) < groups.size();) work(groups[i]);
    } catch (...) {
      next = groups.size();
      std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::jthread> others;
  for (int w = 0; w < workers; ++w) others.emplace_back(loop);
  others.clear();  // waits for them
  if (error) std::rethrow_exception(error);
}

// ".NAME.PID-N.tmp.mp4", and the encoder's own temporary of that: the process that made it, or 0.
int maker_of(const std::string& name, const std::set<std::string>& stems) {
  const size_t begin = name.find_first_not_of('.'), tmp = name.find(".tmp");
  if (begin == 0 || begin == std::string::npos || tmp == std::string::npos || tmp < begin) return 0;
  const std::string front = name.substr(begin, tmp - begin);  // NAME.PID-N
  const size_t dot = front.rfind('.');
  if (dot == std::string::npos || !stems.contains(front.substr(0, dot))) return 0;
  return std::atoi(front.c_str() + dot + 1);
}

}  // namespace

Reconciled reconcile(std::vector<BatchJob> jobs, const Manifest& manifest, const BatchOptions& options, const std::string& model_hash, bool overwrite) {
  Reconciled r;
  for (BatchJob& job : jobs) {
    const fs::path file = options.folder / job.file;
    const Json* record = manifest.find(job.id);
    const bool done = record && record->value("status", "") == "done";
    std::error_code ec;
    std::string why;
    if (done) why = difference(*record, job, model_hash);
    else if (!record && fs::exists(file, ec)) why = fmt::format("{} exists, and the manifest does not know it", file.string());
    if (!why.empty() && !overwrite) r.refused.push_back(fmt::format("{}: {}", job.id, why));
    else if (done && why.empty() && is_whole(*record, file, options.score)) ++r.kept;
    else r.pending.push_back(std::move(job));
  }
  return r;
}

void remove_leftovers(std::span<const BatchJob> jobs, const fs::path& folder) {
  std::set<std::string> stems = {"index", "manifest"};
  for (const BatchJob& job : jobs) stems.insert(fs::path(job.file).stem().string());
  std::error_code ec;
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    const int pid = maker_of(entry.path().filename().string(), stems);
    if (pid > 0 && (pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH))) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove(path, ec);
}

BatchTotals run_batch(const Generator& generator, const std::string& model_hash, std::span<const BatchJob> jobs, Manifest& manifest, const BatchOptions& options) {
  std::list<ClipInProgress> clips;
  std::list<Candidate> candidates;
  std::vector<const BatchJob*> order;
  for (const BatchJob& job : jobs) order.push_back(&job);
  std::stable_sort(order.begin(), order.end(), [](const BatchJob* a, const BatchJob* b) { return a->clip.seconds < b->clip.seconds; });
  for (const BatchJob* job : order) {
    clips.emplace_back();
    clips.back().job = job;
    clips.back().candidates_left = job->clip.candidates;
    for (int n = 0; n < job->clip.candidates; ++n) candidates.push_back({&clips.back(), uint64_t(job->seed) + uint64_t(n), chunks_for(job->clip.seconds), {}});
  }
  const int threads = num_threads(), workers = int(std::clamp<size_t>(candidates.size(), 1, size_t(threads)));
  const int even = int((candidates.size() + size_t(workers) - 1) / size_t(workers));
  BatchWriter writer(generator, model_hash, manifest, options);
  work_through(groups_of(candidates, Generator::clips_together(std::clamp(even, 1, options.together))), workers, std::max(1, threads / workers),
               [&](const std::vector<Candidate*>& group) { generate(generator, options.folder, group, writer); });
  return writer.totals();
}

}  // namespace orrery
