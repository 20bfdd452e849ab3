// Weights in few bits, in a safetensors file. int8: one scale a row (the first extent), value = scale * code, code in
// -127..127. int4: one scale a block of 32 values in storage order, value = scale * (code - 8), code in 1..15, two codes
// a byte, the lower half first. Both round to nearest. Products are in bf16 with the values read back, or, where the file
// asks for it, in int8 (tensor/int8_matmul.h).
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/safetensors.h"
#include "tensor/int8_matmul.h"

namespace orrery {

enum class WeightType { kInt8, kInt4 };
inline constexpr int64_t kInt4Block = 32;
inline constexpr const char* kProductsKey = "products";  // metadata: "int8", or absent

// Large matrices are quantised; gains, biases, routers, the affinity predictor and the object head (f32 where it matters) stay as they are.
bool is_quantized_weight(const std::string& name, const std::vector<int64_t>& shape);
// The whole file, metadata included; tensors whose name `keep` accepts stay as they are. Error if it is quantised already.
SafetensorsWriter quantize(const SafetensorsFile& file, WeightType type, const std::function<bool(const std::string&)>& keep = {});
// The codes of tensor `name` for products in int8; null if it is no int8 matrix or the CPU has no such products.
std::shared_ptr<const Int8Weight> int8_weight(const SafetensorsFile& file, const std::string& name);
// Tensor `name` in f32 from F32, BF16, int8 or int4. Error names what is missing, misshapen or not finite.
void read_weights(const SafetensorsFile& file, const std::string& name, const std::vector<int64_t>& shape, std::vector<float>& values);

}  // namespace orrery
