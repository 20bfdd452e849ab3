#include "core/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

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

// Memory for a header's JSON is up to fifty times its text. Headers of 10,000 tensors have about a megabyte.
constexpr uint64_t kMaxHeaderBytes = 16 << 20;

// Sorted by key: the ordered kind looks a key up in linear time, and a hostile header may have a million.
using HeaderJson = nlohmann::json;

HeaderJson parse_header(const std::string& text, const std::string& source) {
  std::set<std::string> names;
  const auto check_name = [&](int depth, HeaderJson::parse_event_t event, HeaderJson& value) {
    if (depth == 1 && event == HeaderJson::parse_event_t::key &&
        !names.insert(value.get<std::string>()).second)
      fail("{}: {} occurs twice in the header", source, value.get<std::string>());
    return true;
  };
  try {
    return HeaderJson::parse(text, check_name);
  } catch (const HeaderJson::exception& error) {
    fail("{}: header is not valid JSON: {}", source, error.what());
  }
}

uint64_t natural_number(const HeaderJson& value, const std::string& where) {
  if (!value.is_number_unsigned())
    fail("{}: {} is not a size", where, value.dump(-1, ' ', true, HeaderJson::error_handler_t::replace));
  return value.get<uint64_t>();
}

// Header of one tensor, checked against the data that is there.
RawTensor read_tensor(const HeaderJson& entry, const std::string& where, std::span<const uint8_t> data) {
  RawTensor t;
  t.dtype = parse_dtype(entry.at("dtype").get<std::string>(), where);
  uint64_t count = 1;
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  if (!entry.at("shape").is_array())
    fail("{}: shape is not a list", where);  // a lone number would pass for one
  for (const HeaderJson& extent : entry.at("shape")) {
    const uint64_t n = natural_number(extent, where);
    if (n > kLargest || (n > 0 && count > kLargest / n)) fail("{}: bad shape", where);
    count *= n;
    t.shape.push_back(int64_t(n));
  }
  const HeaderJson& offsets = entry.at("data_offsets");
  const uint64_t begin = natural_number(offsets.at(0), where), end = natural_number(offsets.at(1), where);
  if (begin > end || end > data.size()) fail("{}: lies outside the file (is it truncated?)", where);
  if ((end - begin) / row(t.dtype).size != count || (end - begin) % row(t.dtype).size)
    fail("{}: shape and size disagree", where);
  t.bytes = data.subspan(begin, end - begin);
  return t;
}

// Tensors cover the data end to end: no overlap, no hole, nothing behind the last one.
void check_cover(const std::map<std::string, RawTensor>& tensors, std::span<const uint8_t> data,
                 const std::string& source) {
  std::vector<std::pair<const uint8_t*, const uint8_t*>> ranges;
  for (const auto& [name, t] : tensors) ranges.emplace_back(t.bytes.data(), t.bytes.data() + t.bytes.size());
  std::sort(ranges.begin(), ranges.end());
  const uint8_t* expected = data.data();
  for (const auto& [begin, end] : ranges) {
    if (begin != expected)
      fail("{}: tensors overlap or leave a gap at byte {} of the data", source, expected - data.data());
    expected = end;
  }
  const auto rest = data.data() + data.size() - expected;
  if (rest) fail("{}: {} bytes after the last tensor", source, rest);
}

}  // namespace

uint64_t element_count(const std::vector<int64_t>& shape) {
  uint64_t count = 1;
  for (int64_t n : shape) count *= uint64_t(n);
  return count;
}

int dtype_size(DType dtype) { return row(dtype).size; }
const char* dtype_name(DType dtype) { return row(dtype).name; }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : source_(path.string()), bytes_(read_bytes(path)) {
  parse();
}
SafetensorsFile::SafetensorsFile(std::vector<uint8_t> bytes, const std::string& source)
    : source_(source), bytes_(std::move(bytes)) {
  parse();
}

void SafetensorsFile::parse() {
  if (bytes_.size() < 8) fail("{}: not a safetensors file ({} bytes)", source_, bytes_.size());
  uint64_t length = 0;
  std::memcpy(&length, bytes_.data(), 8);
  if (length > bytes_.size() - 8)
    fail("{}: not a safetensors file, or truncated (header of {} bytes, file of {})", source_, length,
         bytes_.size());
  const std::span<const uint8_t> data = std::span<const uint8_t>(bytes_).subspan(8 + length);
  if (length > kMaxHeaderBytes)
    fail("{}: header of {} bytes, more than the {} allowed", source_, length, kMaxHeaderBytes);
  const HeaderJson header =
      parse_header(std::string(bytes_.begin() + 8, bytes_.begin() + 8 + int64_t(length)), source_);
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
  check_cover(tensors_, data, source_);
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

void SafetensorsWriter::add(const std::string& name, DType dtype, std::vector<int64_t> shape,
                            std::span<const uint8_t> bytes) {
  ORRERY_ASSERT(element_count(shape) * uint64_t(dtype_size(dtype)) == bytes.size());
  entries_[name] = {dtype, std::move(shape), {bytes.begin(), bytes.end()}};
}

std::vector<uint8_t> SafetensorsWriter::serialize() const {
  Json header = Json::object();
  if (!metadata_.empty()) header["__metadata__"] = metadata_;
  uint64_t offset = 0;
  for (const auto& [name, entry] : entries_) {
    header[name] = {{"dtype", dtype_name(entry.dtype)},
                    {"shape", entry.shape},
                    {"data_offsets", {offset, offset + entry.bytes.size()}}};
    offset += entry.bytes.size();
  }
  std::string text =
      header.dump(-1, ' ', false, Json::error_handler_t::replace);  // metadata may hold any bytes
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
