#include "cli/batch_manifest.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace orrery {
namespace {

constexpr std::string_view kStart = "{\"id\":";

// The manifest, open and locked against other processes until destroyed.
class LockedFile {
 public:
  explicit LockedFile(const fs::path& path) {
    for (;;) {
      fd_ = open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
      if (fd_ < 0) fail("cannot write the manifest {}: {}", path.string(), std::strerror(errno));
      while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
      }
      struct stat held{}, named{};
      if (fstat(fd_, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino) return;
      close(fd_);  // replaced by another process while we waited
    }
  }
  ~LockedFile() { close(fd_); }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  bool ends_a_line() const {
    const off_t size = lseek(fd_, 0, SEEK_END);
    char last = '\n';
    return size == 0 || (pread(fd_, &last, 1, size - 1) == 1 && last == '\n');
  }
  void write_all(const std::string& text, const fs::path& path) const {
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = write(fd_, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot write the manifest {}: {}", path.string(), std::strerror(errno));
      done += size_t(n);
    }
    if (fsync(fd_) != 0) fail("cannot flush the manifest {}: {}", path.string(), std::strerror(errno));
  }

 private:
  int fd_ = -1;
};

}  // namespace

Manifest::Manifest(fs::path path) : path_(std::move(path)) {
  std::error_code ec;
  if (fs::exists(path_, ec)) read(read_text(path_, 4ull << 30));
}

void Manifest::read(const std::string& text) {
  records_.clear();
  index_.clear();
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.empty()) continue;
    if (line.substr(0, kStart.size()) != kStart.substr(0, line.size())) fail("{}:{}: not a record of orrery batch; give another --manifest", path_.string(), number);
    Json record = Json::parse(line, nullptr, false);
    if (!record.is_object() || !record.at("id").is_string()) continue;  // cut short by a kill
    const auto [at, fresh] = index_.emplace(record.at("id").get<std::string>(), records_.size());
    if (fresh) records_.push_back(std::move(record));
    else records_[at->second] = std::move(record);
  }
}

const Json* Manifest::find(const std::string& id) const {
  const auto at = index_.find(id);
  return at == index_.end() ? nullptr : &records_[at->second];
}

void Manifest::append(const Json& record) {
  const LockedFile file(path_);
  std::string line = record.dump() + '\n';
  if (!file.ends_a_line()) line.insert(line.begin(), '\n');
  file.write_all(line, path_);
}

void Manifest::compact(const std::vector<std::string>& order, const std::function<void(const std::vector<Json>&)>& shown) {
  const LockedFile file(path_);
  read(read_text(path_, 4ull << 30));
  std::vector<Json> sorted;
  std::vector<bool> taken(records_.size());
  const auto take = [&](size_t i) {
    if (!taken[i]) sorted.push_back(records_[i]);
    taken[i] = true;
  };
  for (const std::string& id : order)
    if (const auto at = index_.find(id); at != index_.end()) take(at->second);
  for (size_t i = 0; i < records_.size(); ++i) take(i);
  std::string text;
  for (const Json& record : sorted) text += record.dump() + "\n";
  if (shown) shown(sorted);
  write_atomic(path_, text);
  read(text);
}

}  // namespace orrery
