#include "nn/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/rng.h"
#include "nn/parameter.h"
#include "tensor/bf16.h"

namespace orrery {
namespace {

const std::vector<int64_t> kShape{64, 96};

std::vector<float> weights() {
  Rng rng(7);
  std::vector<float> values(64 * 96);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(rng.normal() * std::exp(0.05 * double(i / 96)));  // rows of different size
  return values;
}

SafetensorsFile file_of(const std::vector<float>& values) {
  SafetensorsWriter writer;
  writer.add("w", DType::kF32, kShape, {reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4});
  writer.add("gain", DType::kF32, {4}, {reinterpret_cast<const uint8_t*>(values.data()), 16});
  writer.set_metadata("config", "kept");
  return SafetensorsFile(writer.serialize(), "test");
}

// Half a step of the scale is the most that rounding to nearest can cost.
TEST(Quantize, Int8ErrsByHalfAStepOfTheRowsScale) {
  const std::vector<float> values = weights();
  const SafetensorsFile small(quantize(file_of(values), WeightType::kInt8).serialize(), "test");
  std::vector<float> read;
  read_weights(small, "w", kShape, read);
  for (int r = 0; r < 64; ++r) {
    float most = 0;
    for (int c = 0; c < 96; ++c) most = std::max(most, std::abs(values[r * 96 + c]));
    for (int c = 0; c < 96; ++c) EXPECT_LE(std::abs(read[r * 96 + c] - values[r * 96 + c]), 0.5001f * most / 127) << r << " " << c;
  }
  EXPECT_EQ(small.metadata("config"), "kept");
  EXPECT_EQ(small.tensor("gain").dtype, DType::kF32);
}

// Half a step of the scale, or, for the few values beyond what it holds, what is cut off.
TEST(Quantize, Int4ErrsLessThanScalesThatHoldTheLargestValue) {
  const std::vector<float> values = weights();
  const SafetensorsFile small(quantize(file_of(values), WeightType::kInt4).serialize(), "test");
  std::vector<float> read;
  read_weights(small, "w", kShape, read);
  double error = 0, by_largest = 0;
  for (size_t b = 0; b < values.size(); b += kInt4Block) {
    float most = 0;
    for (int64_t i = 0; i < kInt4Block; ++i) most = std::max(most, std::abs(values[b + i]));
    double own = 0, plain = 0;
    for (int64_t i = 0; i < kInt4Block; ++i) {
      const float v = values[b + i], held = std::round(v / most * 7) * most / 7;
      own += (read[b + i] - v) * (read[b + i] - v) / (most * most);
      plain += (held - v) * (held - v) / (most * most);
      EXPECT_LE(std::abs(read[b + i] - v), 0.43f * most);
    }
    error += own, by_largest += plain;
  }
  EXPECT_LT(error, 0.95 * by_largest);
  EXPECT_LT(small.bytes().size(), file_of(values).bytes().size() / 5);
}

TEST(Quantize, WhatIsToBeKeptStaysAsItIs) {
  const SafetensorsFile kept(quantize(file_of(weights()), WeightType::kInt8, [](const std::string& name) { return name == "w"; }).serialize(), "test");
  EXPECT_EQ(kept.tensor("w").dtype, DType::kF32);
  std::vector<float> read;
  read_weights(kept, "w", kShape, read);
  EXPECT_EQ(read, weights());
}

TEST(Quantize, WhatIsQuantizedAlreadyIsRefused) {
  const SafetensorsFile once(quantize(file_of(weights()), WeightType::kInt8).serialize(), "test");
  EXPECT_THROW(quantize(once, WeightType::kInt4), Error);
}

TEST(Quantize, DamageIsNamed) {
  std::vector<float> read;
  SafetensorsWriter without_scale;
  const std::vector<uint8_t> codes(64 * 96, 1);
  without_scale.add("w", DType::kI8, kShape, codes);
  EXPECT_THROW(read_weights(SafetensorsFile(without_scale.serialize(), "test"), "w", kShape, read), Error);
  SafetensorsWriter short_codes;
  short_codes.add("w.int4", DType::kU8, {10}, std::span(codes).first(10));
  short_codes.add("w.scale", DType::kBF16, {192}, std::span(codes).first(384));
  EXPECT_THROW(read_weights(SafetensorsFile(short_codes.serialize(), "test"), "w", kShape, read), Error);
  SafetensorsWriter infinite;
  const std::vector<float> scales(64, INFINITY);
  infinite.add("w", DType::kI8, kShape, codes);
  infinite.add("w.scale", DType::kF32, {64}, {reinterpret_cast<const uint8_t*>(scales.data()), 256});
  EXPECT_THROW(read_weights(SafetensorsFile(infinite.serialize(), "test"), "w", kShape, read), Error);
}

TEST(Quantize, Int8CodesAreMultipliedWhereTheFileAsksForIt) {
  SafetensorsWriter writer = quantize(file_of(weights()), WeightType::kInt8);
  const auto load = [&] {
    ParameterList list;
    auto p = std::make_unique<Parameter>();
    list.add(*p, "w", kShape);
    list.load(SafetensorsFile(writer.serialize(), "test"));
    return p;
  };
  EXPECT_EQ(load()->int8, nullptr);
  writer.set_metadata(kProductsKey, "int8");
  const auto p = load();
  if (!has_int8_products()) return;
  ASSERT_NE(p->int8, nullptr);
  for (int64_t i = 0; i < p->size(); ++i) ASSERT_EQ(p->value[i], float(p->int8->codes()[i]) * p->int8->scales()[i / 96]);
  p->refresh();
  EXPECT_EQ(p->int8, nullptr) << "the codes are of the old value";
}

}  // namespace
}  // namespace orrery
