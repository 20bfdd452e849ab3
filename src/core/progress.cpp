#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace orrery {

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown time";
  const int64_t s = int64_t(std::clamp(seconds, 0.0, 1e12) + 0.5);
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

Progress::Progress(std::string label, int64_t total, std::string unit, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet),
      terminal_(isatty(2)),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() { finish(); }

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  const auto now = Clock::now();
  const double since_start = std::chrono::duration<double>(now - start_).count();
  const double since_last = std::chrono::duration<double>(now - last_).count();
  if (quiet_ || since_start < 2 || since_last < (terminal_ ? 0.2 : 10)) return;
  last_ = now;
  print(note, false);
}

void Progress::print(const std::string& note, bool last) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = elapsed > 0 ? double(done_) / elapsed : 0;
  std::string line = fmt::format("{}: {}", label_, done_);
  if (total_ > 0) line += fmt::format("/{}", total_);
  line += fmt::format(" {}, {:.{}f}/s", unit_, rate, rate < 10 ? 2 : 0);
  if (total_ > 0 && rate > 0 && !last)
    line += ", " + format_duration(double(total_ - done_) / rate) + " left";
  if (last) line += ", " + format_duration(elapsed);
  if (!note.empty()) line += "  " + note;
  if (terminal_) std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
  else std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (shown_ && !quiet_) print("", true);
}

}  // namespace orrery
