// The safetensors container (github.com/huggingface/safetensors): 8-byte little-endian header length, JSON
// header, raw tensors. Reading checks every offset against the file before it allocates anything.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"

namespace orrery {

enum class DType { kF32, kBF16, kI8, kU8, kI32, kI64, kI16 };
uint64_t element_count(const std::vector<int64_t>& shape);  // 1 of a scalar
int dtype_size(DType dtype);             // bytes
const char* dtype_name(DType dtype);     // "F32", "BF16", ...

struct RawTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;
};

// What a safetensors file holds: tensors by name and string metadata. Owns the bytes.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);           // Error if absent or malformed
  SafetensorsFile(std::vector<uint8_t> bytes, const std::string& source);  // from memory
  bool contains(const std::string& name) const { return tensors_.count(name) > 0; }
  const RawTensor& tensor(const std::string& name) const;  // Error names file and tensor
  const std::map<std::string, RawTensor>& tensors() const { return tensors_; }
  std::string metadata(const std::string& key, const std::string& fallback = "") const;
  const std::map<std::string, std::string>& all_metadata() const { return metadata_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void parse();
  std::string source_;
  std::vector<uint8_t> bytes_;
  std::map<std::string, RawTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Collects tensors and writes them atomically, in name order: same content, same bytes.
class SafetensorsWriter {
 public:
  void add(const std::string& name, DType dtype, std::vector<int64_t> shape, std::span<const uint8_t> bytes);  // copies
  void set_metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }
  void write(const std::filesystem::path& path) const;
  std::vector<uint8_t> serialize() const;

 private:
  struct Entry {
    DType dtype;
    std::vector<int64_t> shape;
    std::vector<uint8_t> bytes;
  };
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace orrery
