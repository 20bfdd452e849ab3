// A line on stderr with rate and ETA for anything over two seconds; silent before that, plain lines every ten
// seconds when stderr is not a terminal.
#pragma once
#include <chrono>
#include <string>

namespace orrery {

class Progress {
 public:
  // total <= 0: unknown. unit: "frames", "clips", ...
  Progress(std::string label, int64_t total, std::string unit, bool quiet = false);
  ~Progress();
  void update(int64_t done, const std::string& note = "");
  void finish();

 private:
  void print(const std::string& note, bool last);
  using Clock = std::chrono::steady_clock;
  std::string label_, unit_;
  int64_t total_, done_ = 0;
  bool quiet_, terminal_, shown_ = false, finished_ = false;
  Clock::time_point start_, last_;
};

// "1 h 02 min", "3 min 20 s", "12 s"
std::string format_duration(double seconds);

}  // namespace orrery
