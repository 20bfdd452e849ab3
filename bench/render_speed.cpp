// How fast is `orrery render`, from the start of the process to the finished file, encoding included?
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "bench/common.h"
#include "core/error.h"
#include "core/files.h"

extern char** environ;

namespace orrery::bench {
namespace {

struct Timing {
  double wall = 0, cpu = 0;  // s
};

double cpu_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Timing time_process(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  const double before = cpu_of_children();
  const auto start = std::chrono::steady_clock::now();
  pid_t pid = 0;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const int failed = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) fail("cannot start {}: give the program with --program", command[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("{} failed with status {}", command[0], status);
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          cpu_of_children() - before};
}

struct Case {
  std::string name;
  double seconds;
  std::vector<std::string> command;
};

std::vector<Case> cases(const std::string& program, const Options& o, double seconds,
                        const fs::path& folder) {
  const auto render = [&](double length, const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> c = {program,
                                  "render",
                                  "a red ball falls and bounces",
                                  "-o",
                                  (folder / out).string(),
                                  "--seconds",
                                  fmt::format("{}", length),
                                  "--threads",
                                  std::to_string(o.threads),
                                  "--seed",
                                  std::to_string(o.seed),
                                  "--overwrite",
                                  "--quiet"};
    if (!o.model.empty()) c.insert(c.end(), {"--model", o.model});
    c.insert(c.end(), more.begin(), more.end());
    return c;
  };
  return {{"render, MP4", seconds, render(seconds, "a.mp4", {})},
          {"one chunk of 4 frames: mostly loading the weights", 1.0 / 6, render(1.0 / 6, "b.mp4", {})},
          {"start of the process alone", 0, {program, "--version"}}};
}

void run(const Options& o, const std::string& program, double seconds) {
  const Generator generator(o.model);
  Report report(fmt::format("Speed of whole processes: a clip of {:.3g} s at 320x192, {} threads, {} runs",
                            seconds, o.threads, o.count),
                o, &generator);
  const fs::path folder = fs::temp_directory_path() / fmt::format("orrery_render_speed_{}", getpid());
  fs::create_directories(folder);
  Table table{"", {"", "N", "wall s: median / p90", "processor s: median", "seconds of video a second"}, {}};
  for (const Case& c : cases(program, o, seconds, folder)) {
    std::vector<double> wall, cpu;
    for (int i = 0; i < o.count; ++i) {
      const Timing t = time_process(c.command);
      wall.push_back(t.wall), cpu.push_back(t.cpu);
    }
    const double rate = c.seconds / quantile(wall, 0.5);
    table.rows.push_back({c.name, std::to_string(o.count), spread(wall, 2),
                          fmt::format("{:.2f}", quantile(cpu, 0.5)),
                          c.seconds > 0 ? fmt::format("{:.2f}", rate) : "-"});
    report.figures[c.name] = {
        {"wall_s", spread_json(wall)}, {"cpu_s", spread_json(cpu)}, {"video_seconds_per_second", rate}};
  }
  fs::remove_all(folder);
  report.print(table);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Seconds of video a second, whole process", "render_speed");
  Options options;
  std::string program = "orrery";
  double seconds = 4;
  add_options(app, options, 5, "runs");
  options.threads = 2;
  app.add_option("--program", program, "the orrery binary")->capture_default_str();
  app.add_option("--seconds", seconds, "of the clip")->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, program, seconds); });
}
