#include "core/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/interrupt.h"

namespace orrery {
namespace {

// Paths of open temporaries in fixed slots: a signal handler may read the ready ones without locks.
constexpr int kSlots = 64;
constexpr int kSlotBytes = 1024;
enum SlotState { kFree, kBeingWritten, kReady };
char open_temporaries[kSlots][kSlotBytes];
std::atomic<int> slot_state[kSlots];

void remove_temporaries() {
  for (int i = 0; i < kSlots; ++i)
    if (slot_state[i].load() == kReady) unlink(open_temporaries[i]);
}

void register_temporary(const fs::path& path) {
  [[maybe_unused]] static const bool registered = (at_interrupt(remove_temporaries), true);
  const std::string text = path.string();
  if (text.size() >= kSlotBytes) fail("path is too long ({} bytes): {}", text.size(), text);
  for (int i = 0; i < kSlots; ++i) {
    int expected = kFree;
    if (!slot_state[i].compare_exchange_strong(expected, kBeingWritten)) continue;
    std::memcpy(open_temporaries[i], text.c_str(), text.size() + 1);
    slot_state[i].store(kReady);
    return;
  }
}

void forget_temporary(const fs::path& path) {
  const std::string text = path.string();
  for (int i = 0; i < kSlots; ++i)
    if (slot_state[i].load() == kReady && text == open_temporaries[i]) slot_state[i].store(kFree);
}

void sync_file(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0) fail("cannot open {} to flush it: {}", path.string(), std::strerror(errno));
  const int failure = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  if (failure) fail("cannot flush {} to disk: {}", path.string(), std::strerror(failure));
}

template <class Container>
Container read_all(const fs::path& path, uint64_t max_bytes) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) fail("cannot read {}: it is a folder", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read {}: {}", path.string(), std::strerror(errno));
  in.seekg(0, std::ios::end);
  const int64_t size = in.tellg();
  if (size < 0) fail("cannot read {}: it is a stream; save it to a file first", path.string());
  if (uint64_t(size) > max_bytes)
    fail("cannot read {}: {} bytes, more than the {} allowed here", path.string(), size, max_bytes);
  Container content(size, typename Container::value_type());
  in.seekg(0);
  in.read(reinterpret_cast<char*>(content.data()), size);
  if (!in) fail("cannot read all {} bytes of {}", size, path.string());
  return content;
}

}  // namespace

std::string read_text(const fs::path& path, uint64_t max_bytes) {
  return read_all<std::string>(path, max_bytes);
}
std::vector<uint8_t> read_bytes(const fs::path& path, uint64_t max_bytes) {
  return read_all<std::vector<uint8_t>>(path, max_bytes);
}

AtomicPath::AtomicPath(fs::path target) : target_(std::move(target)) {
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  std::error_code ec;
  if (!fs::is_directory(folder, ec))
    fail("cannot write {}: folder {} does not exist", target_.string(), folder.string());
  if (access(folder.c_str(), W_OK) != 0) fail("cannot write {}: {}", target_.string(), std::strerror(errno));
  if (!target_.has_filename()) fail("cannot write \"{}\": it names no file", target_.string());
  if (fs::is_directory(target_, ec)) fail("cannot write {}: it is a folder", target_.string());
  // Renaming onto /dev/null would replace the device.
  if (fs::exists(target_, ec) && !fs::is_regular_file(target_, ec))
    fail("cannot write {}: it is not a regular file", target_.string());
  static std::atomic<int> serial{0};
  // A name may have 255 bytes: a long one is cut to leave room for what makes it unique.
  temporary_ = folder / fmt::format(".{}.{}-{}.tmp{}", target_.stem().string().substr(0, 180), getpid(),
                                    serial++, target_.extension().string());
  register_temporary(temporary_);
}

AtomicPath::~AtomicPath() {
  forget_temporary(temporary_);
  if (committed_) return;
  std::error_code ec;
  fs::remove(temporary_, ec);
}

void AtomicPath::commit() {
  sync_file(temporary_);
  std::error_code ec;
  fs::rename(temporary_, target_, ec);
  if (ec) fail("cannot rename {} to {}: {}", temporary_.string(), target_.string(), ec.message());
  committed_ = true;
}

void write_atomic(const fs::path& path, std::span<const uint8_t> bytes) {
  AtomicPath file(path);
  {
    std::ofstream out(file.temporary(), std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    out.flush();
    if (!out) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  }
  file.commit();
}

void write_atomic(const fs::path& path, const std::string& text) {
  write_atomic(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::string sha256(std::span<const uint8_t> bytes) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string sha256_file(const fs::path& path) { return sha256(read_bytes(path)); }

fs::path find_data_file(const std::string& name) {
  std::error_code ec;
  const fs::path binary = fs::read_symlink("/proc/self/exe", ec);
  const fs::path candidates[] = {binary.parent_path() / "../share/orrery" / name,
                                 fs::path(ORRERY_SHARE_DIR) / name,
                                 binary.parent_path() / "../models/pretrained" / name,
                                 fs::path(ORRERY_SOURCE_DIR) / "models/pretrained" / name};
  for (const fs::path& candidate : candidates)
    if (fs::exists(candidate, ec)) return candidate.lexically_normal();
  return {};
}

}  // namespace orrery
