#include "nn/parameter.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "tests/core/expect_error.h"
#include "tests/nn/numeric.h"

namespace orrery {
namespace {

struct TwoTensors {
  Parameter a, b;
  ParameterList list;
  TwoTensors() {
    list.add(a, "layer.0.a", {2, 3});
    list.add(b, "layer.1.b", {4}, false);
  }
};

std::unique_ptr<SafetensorsFile> saved(const TwoTensors& model, DType dtype, const std::string& prefix = "") {
  SafetensorsWriter writer;
  model.list.save(writer, dtype, prefix);
  return std::make_unique<SafetensorsFile>(writer.serialize(), "weights");
}

TEST(Parameter, F32RoundTripIsExactAndBf16IsTheNearest) {
  TwoTensors model;
  Rng rng(1);
  for (Parameter* p : model.list.all())
    for (float& v : p->value) v = float(rng.normal());
  TwoTensors exact, rounded;
  exact.list.load(*saved(model, DType::kF32, "ema."), "ema.");
  rounded.list.load(*saved(model, DType::kBF16));
  for (size_t k = 0; k < 2; ++k) {
    const Parameter &p = *model.list.all()[k], &q = *rounded.list.all()[k];
    EXPECT_EQ(exact.list.all()[k]->value, p.value);
    for (int64_t i = 0; i < p.size(); ++i) {
      EXPECT_EQ(q.value[i], from_bf16(to_bf16(p.value[i])));
      EXPECT_EQ(q.half[i], to_bf16(p.value[i])) << "load refreshes";
    }
  }
}

TEST(Parameter, ALargerModelTakesTheSmallerOnesValuesInItsCorner) {
  TwoTensors small;
  for (size_t i = 0; i < 6; ++i) small.a.value[i] = float(i + 1);
  for (size_t i = 0; i < 4; ++i) small.b.value[i] = 7;
  Parameter a, b, c;
  ParameterList list;
  list.add(a, "layer.0.a", {3, 4});
  list.add(b, "layer.1.b", {5});
  list.add(c, "layer.2.c", {2});
  for (Parameter* p : list.all()) init_constant(*p, -1);
  list.load_into_larger(*saved(small, DType::kF32));
  EXPECT_EQ(a.value, (std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0, -1, -1, -1, -1})) << "new inputs say nothing at first";
  EXPECT_EQ(b.value, (std::vector<float>{7, 7, 7, 7, -1}));
  EXPECT_EQ(c.value, (std::vector<float>{-1, -1}));
  EXPECT_EQ(from_bf16(a.half[4]), 4) << "load refreshes";
  TwoTensors tiny;
  SafetensorsWriter writer;
  list.save(writer, DType::kF32);
  expect_error([&] { tiny.list.load_into_larger(SafetensorsFile(writer.serialize(), "large")); }, {"layer.0.a", "larger"});
}

TEST(Parameter, FilesThatDoNotFitNameTheTensor) {
  TwoTensors model;
  const std::vector<float> six(6), four(4);
  const auto bytes = [](const std::vector<float>& v) {
    return std::span(reinterpret_cast<const uint8_t*>(v.data()), v.size() * 4);
  };
  const auto load = [&](DType dtype, std::vector<int64_t> shape, const std::vector<float>& values) {
    SafetensorsWriter writer;
    writer.add("layer.0.a", DType::kF32, {2, 3}, bytes(six));
    if (!shape.empty()) writer.add("layer.1.b", dtype, shape, bytes(values));
    model.list.load(SafetensorsFile(writer.serialize(), "weights.safetensors"));
  };
  expect_error([&] { load(DType::kF32, {}, four); }, {"layer.1.b", "weights.safetensors"});
  expect_error([&] { load(DType::kF32, {2, 2}, four); }, {"layer.1.b", "[2, 2]", "[4]"});
  expect_error([&] { load(DType::kI32, {4}, four); }, {"layer.1.b", "I32"});
  expect_error(
      [&] {
        load(DType::kF32, {4}, {1, 2, std::numeric_limits<float>::quiet_NaN(), 4});
      },
      {"layer.1.b", "not finite"});
  EXPECT_NO_THROW(load(DType::kF32, {4}, four));
}

TEST(Parameter, InitialValuesHaveTheirDeviationAndDependOnTheSeedAlone) {
  Parameter p, q;
  ParameterList list;
  list.add(p, "p", {200, 300});
  list.add(q, "q", {200, 300});
  Rng rng(5), same(5);
  init_uniform(p, 300, 2.0, rng);
  init_uniform(q, 300, 2.0, same);
  EXPECT_EQ(p.value, q.value);
  double sum = 0, squares = 0;
  for (float v : p.value) sum += v, squares += double(v) * v;
  const double deviation = 2.0 / std::sqrt(300.0), n = 60000;
  EXPECT_NEAR(sum / n, 0, 5 * deviation / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), deviation, 0.01 * deviation);
  for (int64_t i = 0; i < p.size(); ++i) EXPECT_EQ(p.half[i], to_bf16(p.value[i]));
}

TEST(Parameter, GradientsStartAtZeroAndSizesAdd) {
  TwoTensors model;
  EXPECT_EQ(model.list.total_size(), 10);
  EXPECT_TRUE(model.a.gradient.empty());
  model.list.zero_gradients();
  EXPECT_EQ(model.a.gradient, std::vector<float>(6, 0.0f));
  model.a.gradient[3] = 1;
  model.list.zero_gradients();
  EXPECT_EQ(model.a.gradient, std::vector<float>(6, 0.0f));
}

TEST(Parameter, ASubsetIsChosenByName) {
  TwoTensors model;
  const ParameterList subset = model.list.subset("layer.1.");
  ASSERT_EQ(subset.all().size(), 1u);
  EXPECT_EQ(subset.all()[0], &model.b);
}

}  // namespace
}  // namespace orrery
