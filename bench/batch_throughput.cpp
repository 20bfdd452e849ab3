// What does a batch gain? The same clips in one batch, one by one in one process, and one process a clip, in turn.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "bench/common.h"
#include "cli/batch_run.h"
#include "core/error.h"
#include "core/parallel.h"

namespace orrery::bench {
namespace {

constexpr const char* kPrompts[] = {"a red ball falls and bounces",  "a blue box slides across the floor", "two green balls collide",
                                    "a yellow ball rolls down a ramp", "a purple box falls",                "a pink ball flies to the right",
                                    "a white ball hits a black box", "an orange ball rolls"};

std::vector<BatchJob> jobs_of(int clips, double seconds) {
  std::vector<BatchJob> jobs;
  for (int i = 0; i < clips; ++i) {
    BatchJob job;
    job.prompt = kPrompts[i % int(std::size(kPrompts))];
    job.id = fmt::format("clip-{}", i);
    job.file = job.id + ".mp4";
    job.seed = i + 1;
    job.clip.seconds = chunks_for(seconds) * kFramesPerChunk / kFramesPerSecond;
    jobs.push_back(job);
  }
  return jobs;
}

double timed(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void one_by_one(const Generator& generator, const std::string& hash, const std::vector<BatchJob>& jobs, const fs::path& folder) {
  for (const BatchJob& job : jobs) {
    PlannedClip clip = generator.plan(job.prompt, uint64_t(job.seed), job.clip.temperature, chunks_for(job.clip.seconds));
    ClipOutput output(folder / job.file, "", job.clip, provenance_of(job.prompt, clip.seed, hash, job.clip, job.file));
    generator.frames(clip, [&](const Frame& frame) { output.write(frame); });
    output.finish();
  }
}

void one_process_a_clip(const std::string& program, const Options& o, const std::vector<BatchJob>& jobs, const fs::path& folder) {
  for (const BatchJob& job : jobs) {
    const std::string command = fmt::format("'{}' render '{}' -o '{}' --seconds {} --seed {} --threads {} --quiet --overwrite > /dev/null {}", program, job.prompt,
                                            (folder / job.file).string(), job.clip.seconds, job.seed, o.threads, o.model.empty() ? "" : "--model '" + o.model + "'");
    if (std::system(command.c_str()) != 0) fail("{} render failed: give the program with --program", program);
  }
}

void batch(const Generator& generator, const std::string& hash, const std::vector<BatchJob>& jobs, const fs::path& folder, int together) {
  Manifest manifest(folder / "manifest.jsonl");
  BatchOptions options;
  options.folder = folder;
  options.together = together;
  if (run_batch(generator, hash, jobs, manifest, options).failed) fail("a clip failed; see {}", folder.string());
}

void run(const Options& o, const std::string& program, double seconds, int rounds, int together) {
  const Generator generator(o.model);
  const std::string hash = generator.hash();
  Report report(fmt::format("Throughput of {} clips of {:.3g} s, {} threads, {} rounds", o.count, seconds, o.threads, rounds), o, &generator);
  const std::vector<BatchJob> jobs = jobs_of(o.count, seconds);
  const fs::path folder = fs::temp_directory_path() / fmt::format("orrery_batch_throughput_{}", getpid());
  for (const char* way : {"processes", "single", "batch"}) fs::create_directories(folder / way);
  one_by_one(generator, hash, {jobs.begin(), jobs.begin() + 1}, folder / "single");  // warms up
  std::vector<double> processes, single, batched, gain;
  for (int r = 0; r < rounds; ++r) {
    if (!program.empty()) processes.push_back(timed([&] { one_process_a_clip(program, o, jobs, folder / "processes"); }));
    single.push_back(timed([&] { one_by_one(generator, hash, jobs, folder / "single"); }));
    batched.push_back(timed([&] { batch(generator, hash, jobs, folder / "batch", together); }));
    gain.push_back(single.back() / batched.back());
  }
  for (const BatchJob& job : jobs)
    if (sha256_file(folder / "single" / job.file) != sha256_file(folder / "batch" / job.file)) fail("{} differs between the two ways", job.file);
  fs::remove_all(folder);
  Table table{"", {"", "s for all, median / p90", "clips a minute", "times one by one"}, {}};
  const double base = quantile(single, 0.5);
  const auto add = [&](const std::string& name, const std::vector<double>& times) {
    if (times.empty()) return;
    table.rows.push_back({name, spread(times, 2), fmt::format("{:.1f}", 60 * o.count / quantile(times, 0.5)), fmt::format("{:.2f}", base / quantile(times, 0.5))});
    report.figures[name] = spread_json(times);
  };
  add("one process a clip", processes);
  add("one by one in one process", single);
  add(fmt::format("batch, {} together", together), batched);
  report.figures["gain"] = spread_json(gain);
  report.print(table);
  report.print(fmt::format("Gain of the batch, round by round, median / p10: {}. The files are the same bytes.", spread(gain, 2, 0.1)));
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Clips a minute: batch, one by one, one process each", "batch_throughput");
  Options options;
  std::string program;
  double seconds = 2;
  int rounds = 3, together = 8;
  add_options(app, options, 16, "clips");
  options.threads = 2;
  app.add_option("--program", program, "the orrery binary; without it, nothing is measured for one process a clip");
  app.add_option("--seconds", seconds, "of a clip")->capture_default_str();
  app.add_option("--rounds", rounds, "each way so many times, in turn")->check(CLI::Range(1, 100))->capture_default_str();
  app.add_option("--together", together, "clips a forward pass")->check(CLI::Range(1, 16))->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, program, seconds, rounds, together); });
}
