#include "train/train_log.h"

#include <cerrno>
#include <cstring>
#include <sstream>

#include "core/error.h"
#include "core/files.h"

namespace orrery {
namespace {

// Lines of an earlier run up to that step. A last line cut short by a crash is dropped.
std::string kept_lines(const std::filesystem::path& path, int64_t keep_until) {
  std::string kept, line;
  if (keep_until < 0 || !std::filesystem::exists(path)) return kept;
  std::istringstream in(read_text(path, 1ull << 30));
  while (std::getline(in, line)) {
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_discarded() && record.value("step", int64_t{0}) <= keep_until) kept += line + "\n";
  }
  return kept;
}

}  // namespace

TrainLog::TrainLog(const std::filesystem::path& path, int64_t keep_until) : path_(path) {
  write_atomic(path, kept_lines(path, keep_until));
  file_.reset(std::fopen(path.c_str(), "a"));
  if (!file_) fail("training log {}: {}", path.string(), std::strerror(errno));
}

void TrainLog::write(const Json& record) {
  const std::string line = record.dump() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || std::fflush(file_.get()) != 0)
    fail("training log {}: {}", path_.string(), std::strerror(errno));
}

}  // namespace orrery
