#include "nn/parameter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <regex>

#include "core/error.h"
#include "core/parallel.h"
#include "nn/quantize.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {
namespace {

uint32_t mixed(uint32_t h) {  // MurmurHash3's finaliser: a bijection of 32 bits that a vector unit can do
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

// out[i] uniform in [-reach, reach), from (key, i) alone.
ORRERY_SIMD void fill_uniform(float* out, int64_t n, uint64_t key, float reach) {
  const uint32_t low = uint32_t(key), high = uint32_t(key >> 32);
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t h = mixed(mixed(uint32_t(i) ^ low) + high);
    out[i] = reach * (float(int32_t(h)) * 0x1p-31f);
  }
}

// `from`, of shape `held`, into the corner of `to`, of shape `shape`; axes from `axis` on.
void copy_block(const float* from, std::span<const int64_t> held, float* to, std::span<const int64_t> shape, size_t axis) {
  if (axis == held.size()) {
    *to = *from;
    return;
  }
  int64_t from_stride = 1, to_stride = 1;
  for (size_t i = axis + 1; i < held.size(); ++i) from_stride *= held[i], to_stride *= shape[i];
  for (int64_t i = 0; i < held[axis]; ++i) copy_block(from + i * from_stride, held, to + i * to_stride, shape, axis + 1);
}

}  // namespace

void Parameter::half_changed() {
  int8.reset();
  packed = std::make_shared<PackedCopies>();
}

void Parameter::refresh() {
  half_changed();
  half.resize(value.size());
  parallel_for((size() + 65535) / 65536, [&](int64_t block) {
    const int64_t end = std::min(size(), (block + 1) * 65536);
    for (int64_t i = block * 65536; i < end; ++i) half[i] = to_bf16(value[i]);
  });
}

void Parameter::zero_gradient() { gradient.assign(value.size(), 0.0f); }

void ParameterList::add(Parameter& parameter, const std::string& name, std::vector<int64_t> shape, bool decay) {
  parameter.name = name;
  parameter.value.assign(element_count(shape), 0.0f);
  parameter.shape = std::move(shape);
  parameter.decay = decay;
  parameters_.push_back(&parameter);
}

ParameterList ParameterList::matching(const std::string& pattern) const {
  ParameterList list;
  const std::regex expression(pattern);
  for (Parameter* p : parameters_)
    if (std::regex_search(p->name, expression)) list.parameters_.push_back(p);
  return list;
}

ParameterList ParameterList::subset(const std::string& prefix) const {
  ParameterList list;
  for (Parameter* p : parameters_)
    if (p->name.starts_with(prefix)) list.parameters_.push_back(p);
  return list;
}

int64_t ParameterList::total_size() const {
  int64_t n = 0;
  for (const Parameter* p : parameters_) n += p->size();
  return n;
}

void ParameterList::refresh() {
  for (Parameter* p : parameters_) p->refresh();
}

void ParameterList::zero_gradients() {
  for (Parameter* p : parameters_) p->zero_gradient();
}

void ParameterList::load(const SafetensorsFile& file, const std::string& prefix) {
  for (Parameter* p : parameters_) {
    read_weights(file, prefix + p->name, p->shape, p->value);
    p->refresh();
    if (file.metadata(kProductsKey) == "int8") p->int8 = int8_weight(file, prefix + p->name);
  }
}

void ParameterList::load_into_larger(const SafetensorsFile& file) {
  for (Parameter* p : parameters_) {
    if (!file.contains(p->name)) continue;
    const std::vector<int64_t>& held = file.tensor(p->name).shape;
    bool fits = held.size() == p->shape.size();
    for (size_t i = 0; fits && i < held.size(); ++i) fits = held[i] <= p->shape[i];
    if (!fits) fail("tensor {} is larger in the file than in the model", p->name);
    std::vector<float> values;
    read_weights(file, p->name, held, values);
    if (held.size() == 2)  // inputs that the smaller model lacks come in from nothing: what it computes stays as it was
      for (int64_t i = 0; i < held[0]; ++i) std::fill_n(p->value.begin() + i * p->shape[1] + held[1], p->shape[1] - held[1], 0.0f);
    copy_block(values.data(), held, p->value.data(), p->shape, 0);
    p->refresh();
  }
}

void ParameterList::save(SafetensorsWriter& writer, DType dtype, const std::string& prefix) const {
  for (const Parameter* p : parameters_) {
    if (dtype == DType::kF32) {
      writer.add(prefix + p->name, dtype, p->shape, {reinterpret_cast<const uint8_t*>(p->value.data()), p->value.size() * 4});
      continue;
    }
    ORRERY_ASSERT(dtype == DType::kBF16);
    std::vector<bf16> rounded(p->value.size());
    for (size_t i = 0; i < rounded.size(); ++i) rounded[i] = to_bf16(p->value[i]);
    writer.add(prefix + p->name, dtype, p->shape, {reinterpret_cast<const uint8_t*>(rounded.data()), rounded.size() * 2});
  }
}

void init_uniform(Parameter& parameter, int64_t fan_in, double gain, Rng& rng) {
  const double reach = gain * std::sqrt(3.0 / double(fan_in));
  fill_uniform(parameter.value.data(), parameter.size(), rng.next(), float(reach));
  parameter.refresh();
}

void init_constant(Parameter& parameter, float value) {
  std::fill(parameter.value.begin(), parameter.value.end(), value);
  parameter.refresh();
}

}  // namespace orrery
