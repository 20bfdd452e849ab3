// orrery batch LIST: many sentences become a folder of clips; the same command goes on where it was stopped.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "cli/batch_gallery.h"
#include "cli/batch_run.h"
#include "cli/policy.h"
#include "cli/commands.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace orrery {
namespace {

constexpr size_t kShownErrors = 20;
constexpr int kBadLines = 2;  // exit code

struct CommandOptions {
  std::string list, out = "clips", manifest, shard, model, policy;
  BatchDefaults defaults;
  BatchOptions batch;
  int threads = 0;
  bool dry_run = false, overwrite = false, keep_going = false, json = false, quiet = false;
};

std::string read_list(const std::string& name) {
  if (name != "-") return read_text(name);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void event(const CommandOptions& o, const char* kind, Json values) {
  if (!o.json) return;
  Json line = {{"event", kind}};
  line.update(values);
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

void print_all(const std::vector<std::string>& lines) {
  for (size_t i = 0; i < lines.size() && i < kShownErrors; ++i) std::fprintf(stderr, "orrery: %s\n", lines[i].c_str());
  if (lines.size() > kShownErrors) std::fprintf(stderr, "orrery: and %zu more\n", lines.size() - kShownErrors);
}

// Under mpirun (Open MPI, MPICH): this rank's part of the list, "2/4". No call of MPI is needed, and so no library:
// ranks share the folder and the manifest, nothing else.
std::string rank_shard() {
  for (const auto& [rank, size] : {std::pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), std::pair("PMI_RANK", "PMI_SIZE")}) {
    const char *r = std::getenv(rank), *n = std::getenv(size);
    if (r && n) return fmt::format("{}/{}", std::atoll(r) + 1, n);
  }
  return "";
}

// ids: of the whole list, whatever part of it is this process's.
std::vector<BatchJob> read_jobs(const CommandOptions& o, size_t& bad, std::vector<std::string>& ids) {
  if (o.list == "-" && !rank_shard().empty()) fail_usage("batch: only one rank gets standard input; give a file");
  const std::string text = read_list(o.list), name = o.list == "-" ? "standard input" : o.list;
  JobList list = parse_jobs(text, name, list_format(o.list, text), o.defaults);
  const Policy policy = load_policy(o.policy);
  const int64_t count = int64_t(list.jobs.size());
  std::erase_if(list.jobs, [&](const BatchJob& job) {
    const auto reason = refusal(policy, job.prompt, job.clip.seconds, count);
    if (reason) list.errors.push_back(fmt::format("{}: {}: {}", name, job.id, *reason));
    return reason.has_value();
  });
  print_all(list.errors);
  bad = list.errors.size();
  if (bad && !o.keep_going) fail_usage("{}: {} bad line{}; nothing was made (--keep-going makes the others)", name, bad, bad == 1 ? "" : "s");
  for (const BatchJob& job : list.jobs) ids.push_back(job.id);
  if (list.jobs.empty()) fail_usage("{}: no prompts; a line is a sentence, or JSON such as {{\"prompt\": \"a red ball falls\"}}", name);
  std::vector<BatchJob> jobs = std::move(list.jobs);
  for (const std::string& shard : {o.shard, rank_shard()})
    if (!shard.empty()) jobs = shard_of(std::move(jobs), shard);
  return jobs;
}

// One short clip of the first prompt, made in a folder of its own, is the measure.
Json estimate(const CommandOptions& o, const Generator& generator, const std::string& hash, const std::vector<BatchJob>& pending) {
  double chunks = 0, encoded = 0;
  for (const BatchJob& job : pending) {
    const PictureSize size = output_size(job.clip);
    chunks += double(chunks_for(job.clip.seconds)) * job.clip.candidates;
    encoded += chunks_for(job.clip.seconds) * double(size.width) * size.height / (kFrameWidth * kFrameHeight);
  }
  const fs::path folder = fs::temp_directory_path() / fmt::format("orrery-batch-{}", getpid());
  fs::create_directories(folder);
  BatchJob sample;
  sample.prompt = "a ball falls and bounces", sample.id = "sample", sample.file = "sample.mp4", sample.seed = 1;
  sample.clip.seconds = 1, sample.clip.crf = o.defaults.clip.crf;
  BatchOptions options = o.batch;
  options.folder = folder;
  options.ended = {}, options.progress = {};
  Manifest manifest(folder / "manifest.jsonl");
  double seconds = 0;
  uint64_t bytes = 0;
  for (int round = 0; round < 2; ++round) {  // the first warms up
    const auto start = std::chrono::steady_clock::now();
    run_batch(generator, hash, {&sample, 1}, manifest, options);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::error_code ec;
    bytes = fs::file_size(folder / sample.file, ec);
  }
  fs::remove_all(folder);
  const double unit = chunks_for(sample.clip.seconds);
  return {{"bytes", int64_t(double(bytes) * encoded / unit)}, {"seconds", seconds * chunks / unit}};
}

void print_dry_run(const CommandOptions& o, const Json& plan) {
  if (o.json) return event(o, "dry-run", plan);
  fmt::print("{} clips, {:.4g} s of video: {} to make, {} there already, {} refused\n", plan.at("clips").get<size_t>(), plan.at("video_seconds").get<double>(),
             plan.at("to_make").get<size_t>(), plan.at("kept").get<int64_t>(), plan.at("refused").get<size_t>());
  if (plan.at("refused").get<size_t>() > 0) fmt::print("refused: made with other options or weights; --overwrite makes them anew\n");
  fmt::print("about {:.2f} MB in {}, about {} on this machine as busy as it is now\n", plan.at("bytes").get<double>() / 1e6, o.out, format_duration(plan.at("seconds").get<double>()));
}

void dry_run(const CommandOptions& o, const Generator& generator, const std::string& hash, size_t clips, const Reconciled& r) {
  double seconds = 0;
  for (const BatchJob& job : r.pending) seconds += job.clip.seconds;
  Json plan = {{"clips", clips}, {"to_make", r.pending.size()}, {"kept", r.kept}, {"refused", r.refused.size()}, {"video_seconds", seconds}};
  plan.update(estimate(o, generator, hash, r.pending));
  print_dry_run(o, plan);
}

// The manifest in the list's order, and the page that shows it.
void finish_folder(const CommandOptions& o, const fs::path& manifest_path, const std::vector<std::string>& order) {
  Manifest(manifest_path).compact(order, [&](const std::vector<Json>& records) { write_atomic(fs::path(o.out) / "index.html", gallery_html(records)); });
}

BatchTotals make_clips(const CommandOptions& o, const Generator& generator, const std::string& hash, const Reconciled& r, Manifest& manifest) {
  Progress progress("batch", int64_t(r.pending.size()), "clips", o.quiet || o.json);
  BatchOptions batch = o.batch;
  batch.progress = [&](int64_t ended, const std::string& prompt) { progress.update(ended, prompt.substr(0, 60)); };
  batch.ended = [&](const Json& record) {
    const bool failed = record.at("status") == "failed";
    if (failed) std::fprintf(stderr, "%sorrery: %s: %s\n", isatty(2) && !o.json ? "\r\033[K" : "", record.at("id").get<std::string>().c_str(), record.at("error").get<std::string>().c_str());
    event(o, failed ? "failed" : "clip", record);
  };
  const BatchTotals totals = run_batch(generator, hash, r.pending, manifest, batch);
  progress.finish();
  return totals;
}

int run(CommandOptions o) {
  if (o.threads > 0) set_num_threads(o.threads);
  size_t bad = 0;
  std::vector<std::string> order;
  const std::vector<BatchJob> jobs = read_jobs(o, bad, order);
  std::error_code ec;
  if (!o.dry_run) fs::create_directories(o.out, ec);
  if (ec) fail("batch: cannot make the folder {}: {}", o.out, ec.message());
  o.batch.folder = o.out;
  const fs::path manifest_path = o.manifest.empty() ? fs::path(o.out) / "manifest.jsonl" : fs::path(o.manifest);
  if (!o.dry_run) AtomicPath probe(manifest_path), page(fs::path(o.out) / "index.html");  // a folder that cannot be written: now
  const Generator generator(o.model);
  const std::string hash = generator.hash();
  Manifest manifest(manifest_path);
  const Reconciled r = reconcile(jobs, manifest, o.batch, hash, o.overwrite);
  if (o.dry_run) {
    dry_run(o, generator, hash, jobs.size(), r);
    return bad ? kBadLines : 0;
  }
  if (!r.refused.empty()) {
    print_all(r.refused);
    fail_usage("batch: {} of {} clips in {} were made with other options or weights; give --overwrite to make them anew, or another folder", r.refused.size(), jobs.size(), o.out);
  }
  remove_leftovers(jobs, o.out);
  event(o, "start", {{"clips", jobs.size()}, {"to_make", r.pending.size()}, {"kept", r.kept}, {"bad_lines", bad}, {"model", hash}});
  const BatchTotals totals = make_clips(o, generator, hash, r, manifest);
  finish_folder(o, manifest_path, order);
  event(o, "end", {{"made", totals.made}, {"kept", r.kept}, {"failed", totals.failed}, {"manifest", manifest_path.string()}});
  const std::string rank = rank_shard();  // each rank says what it did of its own part
  if (!o.json && !o.quiet)
    fmt::print("{}{}: {} made, {} there already, {} failed; {}/index.html shows them\n", o.out, rank.empty() ? "" : fmt::format(", rank {}", rank), totals.made, r.kept, totals.failed, o.out);
  return totals.failed ? 1 : bad ? kBadLines : 0;
}

void add_job_options(CLI::App& app, BatchDefaults& d) {
  app.add_option("--seeds", d.seeds, "clips a line that names no seed")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--base-seed", d.base_seed, "a line that names no seed gets one from its id and this")->capture_default_str();
  app.add_option("--format", d.format, "mp4, webm or gif")->check(CLI::IsMember({"mp4", "webm", "gif"}))->capture_default_str();
  add_clip_options(app, d.clip);
  app.add_flag("--strict", d.strict, "a prompt with words that the model was never taught fails");
}

}  // namespace

std::function<int()> setup_batch(CLI::App& app) {
  auto o = std::make_shared<CommandOptions>();
  app.add_option("list", o->list, "prompts: .jsonl, .csv, or text with a prompt a line; - reads standard input")->required();
  app.add_option("-o,--out", o->out, "the folder")->capture_default_str();
  app.add_option("--manifest", o->manifest, "the record of every clip, JSON lines (default: manifest.jsonl in the folder)");
  add_job_options(app, o->defaults);
  app.add_flag("--score", o->batch.score, "the physics score of every file into manifest and gallery");
  app.add_option("--shard", o->shard, "i/n: the i-th of n parts of the list");
  app.add_option("--together", o->batch.together, "clips a forward pass; changes the speed, not the clips")->check(CLI::Range(1, 16))->capture_default_str();
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_option("--policy", o->policy, "what is refused (JSON; default: the shipped policy.json; none: nothing)");
  app.add_option("--model", o->model, "transformer weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_flag("--dry-run", o->dry_run, "count, disk and time, and nothing is written");
  app.add_flag("--overwrite", o->overwrite, "make clips anew that were made with other options or weights");
  app.add_flag("--keep-going", o->keep_going, "bad lines are named and left out instead of stopping everything");
  app.add_flag("--json", o->json, "events on standard output, a JSON object a line");
  app.add_flag("--quiet", o->quiet, "print nothing but warnings and errors");
  app.footer(
      "A JSONL line: {\"id\": \"drop-1\", \"prompt\": \"a red ball falls\", \"seconds\": 2, \"seeds\": [1, 2, 3]}; all keys but prompt may be left out:\n"
      "id, seed, seeds (a number or a list), seconds, size, fps, upscale, candidates, temperature, effort, crf, format,\n"
      "private_prompt, watermark, watermark_key, strict. CSV: the first line names the keys.\n"
      "The same command goes on where it was stopped. Exit code: 0, 1 if a clip failed, 2 for bad lines or usage.\n"
      "Examples:\n"
      "  orrery batch prompts.jsonl -o clips\n"
      "  orrery batch prompts.txt -o clips --seeds 4 --seconds 2 --score --dry-run\n"
      "  generate_prompts | orrery batch - -o clips --json\n"
      "  orrery batch prompts.jsonl -o clips --shard 1/4\n"
      "  mpirun -n 4 orrery batch prompts.jsonl -o clips        # a part for each rank, one manifest");
  return [o] { return run(*o); };
}

}  // namespace orrery
