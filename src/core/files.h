// Files that are never half-written, and bounded reads.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace orrery {

namespace fs = std::filesystem;

// The whole file. Error if absent, unreadable or longer than max_bytes.
std::string read_text(const fs::path& path, uint64_t max_bytes = 64ull << 20);
std::vector<uint8_t> read_bytes(const fs::path& path, uint64_t max_bytes = 4ull << 30);

// Temporary name beside `path`, fsync, rename. Error names the path and the reason.
void write_atomic(const fs::path& path, std::span<const uint8_t> bytes);
void write_atomic(const fs::path& path, const std::string& text);

// For writers that need a path of their own (muxers): write to temporary(), then commit(). Destroyed before
// commit: the temporary is removed. Temporaries still open are also removed on SIGINT and SIGTERM.
class AtomicPath {
 public:
  explicit AtomicPath(fs::path target);  // Error if the folder is absent or not writable
  ~AtomicPath();
  AtomicPath(const AtomicPath&) = delete;
  AtomicPath& operator=(const AtomicPath&) = delete;
  const fs::path& temporary() const { return temporary_; }  // same extension as the target
  void commit();

 private:
  fs::path target_, temporary_;
  bool committed_ = false;
};

// Lower-case hexadecimal SHA-256.
std::string sha256(std::span<const uint8_t> bytes);
std::string sha256_file(const fs::path& path);

// Where shipped data is: $ORRERY_MODEL's folder is the caller's affair; this looks in the installed share
// folder, beside the executable, and in the source tree. Empty if not found.
fs::path find_data_file(const std::string& name);

}  // namespace orrery
