// What became of each clip: a JSON line a clip, appended before the clip gets its name. So a file without a record is
// not ours, and a record without its file is a clip to be made again: a kill at any moment leaves nothing undecided.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/json.h"

namespace orrery {

class Manifest {
 public:
  // Reads what is there; a line that a kill cut short is passed over. Error if the file is something else.
  explicit Manifest(fs::path path);
  const Json* find(const std::string& id) const;  // the latest record, or null
  const std::vector<Json>& records() const { return records_; }  // one an id
  // One line, flushed to disk. Other processes may append to the same file.
  void append(const Json& record);
  // One line an id: those of `order` first, then what earlier lists left. Replaces the file at once. `shown` gets the
  // records before another process can change them: what the last of several writes is complete.
  void compact(const std::vector<std::string>& order, const std::function<void(const std::vector<Json>&)>& shown = {});

 private:
  void read(const std::string& text);
  fs::path path_;
  std::vector<Json> records_;
  std::map<std::string, size_t> index_;  // id -> place in records_
};

}  // namespace orrery
