// Weights in few bits, in a safetensors file. int8: one scale a row (the first extent), value = scale * code, code in
// -127..127. int4: one scale a block of 32 values in storage order, value = scale * (code - 8), code in 1..15, two codes
// a byte, the lower half first. Both round to nearest; computing is in bf16 as before.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/safetensors.h"

namespace orrery {

enum class WeightType { kInt8, kInt4 };
inline constexpr int64_t kInt4Block = 32;

// Large matrices are quantised; gains, biases, routers and the object head (f32 where it matters) stay as they are.
bool is_quantized_weight(const std::string& name, const std::vector<int64_t>& shape);
// The whole file, metadata included; tensors whose name `keep` accepts stay as they are. Error if it is quantised already.
SafetensorsWriter quantize(const SafetensorsFile& file, WeightType type, const std::function<bool(const std::string&)>& keep = {});
// Tensor `name` in f32 from F32, BF16, int8 or int4. Error names what is missing, misshapen or not finite.
void read_weights(const SafetensorsFile& file, const std::string& name, const std::vector<int64_t>& shape, std::vector<float>& values);

}  // namespace orrery
