#include "nn/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "tensor/bf16.h"

namespace orrery {
namespace {

constexpr const char* kScale = ".scale";
constexpr const char* kInt4 = ".int4";
constexpr uint64_t kSmallest = 4096;  // values: below, the scales would cost what the codes save

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

template <class T>
std::span<const uint8_t> bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}

float largest(const float* values, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

int code_of(float value, float scale, int most) {
  return scale > 0 ? std::clamp(int(std::lround(value / scale)), -most, most) : 0;
}

void add_int8(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values, SafetensorsWriter& writer) {
  const int64_t rows = shape[0], cols = int64_t(values.size()) / rows;
  std::vector<float> scales(rows);
  std::vector<int8_t> codes(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    scales[r] = largest(&values[r * cols], cols) / 127;
    for (int64_t i = r * cols; i < (r + 1) * cols; ++i) codes[i] = int8_t(code_of(values[i], scales[r], 127));
  }
  writer.add(name, DType::kI8, shape, bytes_of(codes));
  writer.add(name + kScale, DType::kF32, {rows}, bytes_of(scales));
}

double squared_error(const float* values, int64_t n, float scale) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double error = values[i] - scale * float(code_of(values[i], scale, 7));
    sum += error * error;
  }
  return sum;
}

// The scale of least squared error among those that cut off up to 40 % of the largest value: with 15 levels, rounding
// the many finely is worth more than holding the one.
bf16 int4_scale(const float* values, int64_t n) {
  const float whole = largest(values, n) / 7;
  bf16 best = to_bf16(whole);
  double least = squared_error(values, n, from_bf16(best));
  for (float share = 0.95f; share > 0.58f; share -= 0.05f) {
    const bf16 scale = to_bf16(whole * share);
    const double error = squared_error(values, n, from_bf16(scale));
    if (error < least) least = error, best = scale;
  }
  return best;
}

void add_int4(const std::string& name, const std::vector<float>& values, SafetensorsWriter& writer) {
  const int64_t n = int64_t(values.size()), blocks = (n + kInt4Block - 1) / kInt4Block;
  std::vector<bf16> scales(blocks);
  std::vector<uint8_t> codes((n + 1) / 2, 0);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t end = std::min(n, (b + 1) * kInt4Block);
    scales[b] = int4_scale(&values[b * kInt4Block], end - b * kInt4Block);
    const float scale = from_bf16(scales[b]);  // the code is chosen for the scale that will be read
    for (int64_t i = b * kInt4Block; i < end; ++i) codes[i / 2] |= uint8_t((code_of(values[i], scale, 7) + 8) << (i % 2 * 4));
  }
  writer.add(name + kInt4, DType::kU8, {int64_t(codes.size())}, codes);
  writer.add(name + kScale, DType::kBF16, {blocks}, bytes_of(scales));
}

const RawTensor& sized(const SafetensorsFile& file, const std::string& name, DType dtype, int64_t values) {
  const RawTensor& t = file.tensor(name);
  if (t.dtype != dtype || int64_t(t.bytes.size()) != values * dtype_size(dtype))
    fail("tensor {}: {} values of {} expected, {} bytes of {} in the file", name, values, dtype_name(dtype), t.bytes.size(), dtype_name(t.dtype));
  return t;
}

template <class T>
T at(const RawTensor& t, int64_t i) {
  T value;
  std::memcpy(&value, t.bytes.data() + i * int64_t(sizeof(T)), sizeof(T));
  return value;
}

void read_int8(const SafetensorsFile& file, const std::string& name, const RawTensor& codes, std::vector<float>& values) {
  const int64_t rows = codes.shape.empty() ? 1 : codes.shape[0], cols = rows ? int64_t(values.size()) / rows : 0;
  const RawTensor& scales = sized(file, name + kScale, DType::kF32, rows);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = r * cols; i < (r + 1) * cols; ++i) values[i] = at<float>(scales, r) * float(at<int8_t>(codes, i));
}

void read_int4(const SafetensorsFile& file, const std::string& name, std::vector<float>& values) {
  const int64_t n = int64_t(values.size());
  const RawTensor& codes = sized(file, name + kInt4, DType::kU8, (n + 1) / 2);
  const RawTensor& scales = sized(file, name + kScale, DType::kBF16, (n + kInt4Block - 1) / kInt4Block);
  for (int64_t i = 0; i < n; ++i)
    values[i] = from_bf16(at<bf16>(scales, i / kInt4Block)) * float((codes.bytes[i / 2] >> (i % 2 * 4) & 15) - 8);
}

}  // namespace

bool is_quantized_weight(const std::string& name, const std::vector<int64_t>& shape) {
  return shape.size() >= 2 && element_count(shape) >= kSmallest && name.find(".router.") == std::string::npos && !name.starts_with("head.objects") && !name.starts_with("affinity.");
}

void read_weights(const SafetensorsFile& file, const std::string& name, const std::vector<int64_t>& shape, std::vector<float>& values) {
  values.resize(element_count(shape));
  if (!file.contains(name) && file.contains(name + kInt4)) {
    read_int4(file, name, values);
  } else {
    const RawTensor& t = file.tensor(name);
    if (t.shape != shape) fail("tensor {}: shape {} in the file, {} in the model", name, shape_text(t.shape), shape_text(shape));
    const int64_t n = int64_t(values.size());
    if (t.dtype == DType::kF32) std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
    else if (t.dtype == DType::kBF16)
      for (int64_t i = 0; i < n; ++i) values[i] = from_bf16(at<bf16>(t, i));
    else if (t.dtype == DType::kI8) read_int8(file, name, t, values);
    else fail("tensor {}: dtype {} is not supported here", name, dtype_name(t.dtype));
  }
  for (float v : values)
    if (!std::isfinite(v)) fail("tensor {}: holds a value that is not finite", name);
}

std::shared_ptr<const Int8Weight> int8_weight(const SafetensorsFile& file, const std::string& name) {
  if (!has_int8_products() || !file.contains(name)) return nullptr;
  const RawTensor& t = file.tensor(name);
  if (t.dtype != DType::kI8 || t.shape.size() != 2) return nullptr;
  const RawTensor& s = sized(file, name + kScale, DType::kF32, t.shape[0]);
  std::vector<int8_t> codes(t.bytes.size());
  std::vector<float> scales(size_t(t.shape[0]));
  std::memcpy(codes.data(), t.bytes.data(), t.bytes.size());
  std::memcpy(scales.data(), s.bytes.data(), s.bytes.size());
  return std::make_shared<const Int8Weight>(t.shape[0], t.shape[1], std::move(codes), std::move(scales));
}

SafetensorsWriter quantize(const SafetensorsFile& file, WeightType type, const std::function<bool(const std::string&)>& keep) {
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : file.tensors()) {
    if (tensor.dtype == DType::kI8 || name.ends_with(kInt4)) fail("{} is quantised already: start from the bf16 weights", name);
    if ((tensor.dtype != DType::kF32 && tensor.dtype != DType::kBF16) || !is_quantized_weight(name, tensor.shape) || (keep && keep(name))) {
      writer.add(name, tensor.dtype, tensor.shape, tensor.bytes);
      continue;
    }
    std::vector<float> values;
    read_weights(file, name, tensor.shape, values);
    type == WeightType::kInt8 ? add_int8(name, tensor.shape, values, writer) : add_int4(name, values, writer);
  }
  for (const auto& [key, value] : file.all_metadata()) writer.set_metadata(key, value);
  writer.set_metadata("weight_type", std::string(type == WeightType::kInt8 ? "int8" : "int4") + (keep ? " and bf16" : ""));
  return writer;
}

}  // namespace orrery
