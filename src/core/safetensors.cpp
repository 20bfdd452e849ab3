#include "core/safetensors.h"

#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/files.h"

namespace orrery {
namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  int size;
};
constexpr DTypeRow kDTypes[] = {{DType::kF32, "F32", 4}, {DType::kBF16, "BF16", 2}, {DType::kI8, "I8", 1},
                                {DType::kU8, "U8", 1},   {DType::kI32, "I32", 4},   {DType::kI64, "I64", 8},
                                {DType::kI16, "I16", 2}};

const DTypeRow& row(DType dtype) {
  for (const DTypeRow& r : kDTypes)
    if (r.dtype == dtype) return r;
  ORRERY_ASSERT(false);
  return kDTypes[0];
}

DType parse_dtype(const std::string& name, const std::string& where) {
  for (const DTypeRow& r : kDTypes)
    if (name == r.name) return r.dtype;
  fail("{}: unknown dtype {}", where, name);
}

// Header of one tensor, checked against the data that is there.
RawTensor read_tensor(const Json& entry, const std::string& where, std::span<const uint8_t> data) {
  RawTensor t;
  t.dtype = parse_dtype(entry.at("dtype").get<std::string>(), where);
  uint64_t count = 1;
  for (const Json& extent : entry.at("shape")) {
    const int64_t n = extent.get<int64_t>();
    if (n < 0 || (n > 0 && count > std::numeric_limits<int64_t>::max() / uint64_t(n))) fail("{}: bad shape", where);
    count *= uint64_t(n);
    t.shape.push_back(n);
  }
  const Json& offsets = entry.at("data_offsets");
  const uint64_t begin = offsets.at(0).get<uint64_t>(), end = offsets.at(1).get<uint64_t>();
  if (begin > end || end > data.size()) fail("{}: lies outside the file (is it truncated?)", where);
  if ((end - begin) / row(t.dtype).size != count || (end - begin) % row(t.dtype).size) fail("{}: shape and size disagree", where);
  t.bytes = data.subspan(begin, end - begin);
  return t;
}

}  // namespace

int dtype_size(DType dtype) { return row(dtype).size; }
const char* dtype_name(DType dtype) { return row(dtype).name; }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : source_(path.string()), bytes_(read_bytes(path)) { parse(); }
SafetensorsFile::SafetensorsFile(std::vector<uint8_t> bytes, const std::string& source) : source_(source), bytes_(std::move(bytes)) { parse(); }

void SafetensorsFile::parse() {
  if (bytes_.size() < 8) fail("{}: not a safetensors file ({} bytes)", source_, bytes_.size());
  uint64_t length = 0;
  std::memcpy(&length, bytes_.data(), 8);
  if (length > bytes_.size() - 8) fail("{}: not a safetensors file, or truncated (header of {} bytes, file of {})", source_, length, bytes_.size());
  const std::span<const uint8_t> data = std::span<const uint8_t>(bytes_).subspan(8 + length);
  const Json header = parse_json(std::string(bytes_.begin() + 8, bytes_.begin() + 8 + int64_t(length)), source_);
  try {
    if (!header.is_object()) fail("{}: header is not an object", source_);
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        for (const auto& [key, value] : entry.items()) metadata_[key] = value.get<std::string>();
      } else {
        tensors_[name] = read_tensor(entry, fmt::format("{}: tensor {}", source_, name), data);
      }
    }
  } catch (const nlohmann::json::exception& error) {
    fail("{}: malformed header: {}", source_, error.what());
  }
}

const RawTensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) fail("{}: has no tensor {}", source_, name);
  return it->second;
}

std::string SafetensorsFile::metadata(const std::string& key, const std::string& fallback) const {
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? fallback : it->second;
}

void SafetensorsWriter::add(const std::string& name, DType dtype, std::vector<int64_t> shape, std::span<const uint8_t> bytes) {
  entries_[name] = {dtype, std::move(shape), {bytes.begin(), bytes.end()}};
}

std::vector<uint8_t> SafetensorsWriter::serialize() const {
  Json header = Json::object();
  if (!metadata_.empty()) header["__metadata__"] = metadata_;
  uint64_t offset = 0;
  for (const auto& [name, entry] : entries_) {
    header[name] = {{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + entry.bytes.size()}}};
    offset += entry.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::vector<uint8_t> out(8 + length);
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, text.data(), length);
  out.reserve(out.size() + offset);
  for (const auto& [name, entry] : entries_) out.insert(out.end(), entry.bytes.begin(), entry.bytes.end());
  return out;
}

void SafetensorsWriter::write(const std::filesystem::path& path) const { write_atomic(path, serialize()); }

}  // namespace orrery
