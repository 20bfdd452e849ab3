// One JSON object a line, appended and flushed. Resuming at a step drops the lines after it.
#pragma once
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/json.h"

namespace orrery {

class TrainLog {
 public:
  // keep_until < 0: start anew.
  TrainLog(const std::filesystem::path& path, int64_t keep_until);
  void write(const Json& record);  // Error if the disk is full

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace orrery
