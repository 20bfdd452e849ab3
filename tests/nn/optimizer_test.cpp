#include "nn/optimizer.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "core/parallel.h"
#include "tests/nn/numeric.h"

namespace orrery {
namespace {

struct Model {
  Parameter matrix, gain;
  ParameterList list;
  explicit Model(int64_t rows = 7) {
    Rng rng(1);
    list.add(matrix, "matrix", {rows, 5});
    list.add(gain, "gain", {3}, false);
    for (Parameter* p : list.all()) fill_exact(rng, 1, *p);
  }
  // The gradients of a step: any fixed numbers.
  void draw_gradients(int64_t step, double scale = 1) {
    Rng rng(100 + uint64_t(step));
    for (Parameter* p : list.all())
      for (float& g : p->gradient) g = float(scale * rng.normal());
  }
};

// Loshchilov and Hutter 2019, algorithm 2, in f64, one number at a time.
struct ScalarAdamW {
  AdamWConfig c;
  double w, m = 0, v = 0, ema = w;
  void step(int64_t t, double g, double rate, bool decays) {
    m = c.beta1 * m + (1 - c.beta1) * g;
    v = c.beta2 * v + (1 - c.beta2) * g * g;
    const double mhat = m / (1 - std::pow(c.beta1, double(t))), vhat = v / (1 - std::pow(c.beta2, double(t)));
    w -= rate * (mhat / (std::sqrt(vhat) + c.epsilon) + (decays ? c.weight_decay * w : 0));
    ema += (1 - std::min(c.ema_decay, (1.0 + t) / (10.0 + t))) * (w - ema);
  }
};

TEST(AdamW, MatchesAScalarReference) {
  for (double clip : {1e9, 0.5}) {
    AdamWConfig config;
    config.clip_norm = clip;
    config.weight_decay = 0.1;
    config.ema_decay = 0.5;
    Model model;
    AdamW optimizer(model.list, config);
    std::vector<ScalarAdamW> reference;
    for (Parameter* p : model.list.all())
      for (float w : p->value) reference.push_back({config, w});
    for (int64_t t = 1; t <= 30; ++t) {
      model.draw_gradients(t);
      double squares = 0;
      for (Parameter* p : model.list.all())
        for (float g : p->gradient) squares += double(g) * g;
      const double scale = std::min(1.0, clip / std::sqrt(squares)), rate = 0.01 * double(t);
      size_t i = 0;
      for (Parameter* p : model.list.all())
        for (float g : p->gradient) reference[i++].step(t, scale * g, rate, p->decay);
      EXPECT_NEAR(optimizer.step(rate), std::sqrt(squares), 1e-6);
    }
    size_t i = 0;
    for (size_t k = 0; k < 2; ++k)
      for (int64_t n = 0; n < model.list.all()[k]->size(); ++n, ++i) {
        EXPECT_NEAR(model.list.all()[k]->value[n], reference[i].w, 1e-5) << i;
        EXPECT_NEAR(optimizer.ema(k)[n], reference[i].ema, 1e-5) << i;
      }
    EXPECT_EQ(optimizer.steps(), 30);
  }
}

TEST(AdamW, HalfPrecisionCopiesFollow) {
  Model model;
  AdamW optimizer(model.list, {});
  model.draw_gradients(1);
  optimizer.step(0.1);
  for (Parameter* p : model.list.all())
    for (int64_t i = 0; i < p->size(); ++i) EXPECT_EQ(p->half[i], to_bf16(p->value[i]));
  optimizer.swap_ema();
  for (Parameter* p : model.list.all())
    for (int64_t i = 0; i < p->size(); ++i) EXPECT_EQ(p->half[i], to_bf16(p->value[i]));
}

TEST(AdamW, SwappingTheAverageTwiceChangesNothing) {
  Model model;
  AdamW optimizer(model.list, {});
  for (int t = 1; t <= 3; ++t) model.draw_gradients(t), optimizer.step(0.1);
  const std::vector<float> weights = model.matrix.value, average = optimizer.ema(0);
  EXPECT_NE(weights, average);
  optimizer.swap_ema();
  EXPECT_EQ(model.matrix.value, average);
  optimizer.swap_ema();
  EXPECT_EQ(model.matrix.value, weights);
}

TEST(AdamW, AGradientThatIsNotFiniteIsNamedAndChangesNothing) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Model model;
    AdamW optimizer(model.list, {});
    model.draw_gradients(1);
    optimizer.step(0.1);
    SafetensorsWriter before, after;
    const auto snapshot = [&](SafetensorsWriter& writer) {
      model.list.save(writer, DType::kF32);
      optimizer.save(writer);
      return writer.serialize();
    };
    const std::vector<uint8_t> kept = snapshot(before);
    model.draw_gradients(2);
    model.gain.gradient[1] = bad;
    try {
      optimizer.step(0.1);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("gain"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("step 1"), std::string::npos) << error.what();
    }
    EXPECT_EQ(snapshot(after), kept);
  }
}

std::vector<uint8_t> checkpoint(Model& model, AdamW& optimizer) {
  SafetensorsWriter writer;
  model.list.save(writer, DType::kF32);
  optimizer.save(writer);
  return writer.serialize();
}

TEST(AdamW, AResumedRunIsTheSameRun) {
  const AdamWConfig config;
  Model straight;
  AdamW optimizer(straight.list, config);
  std::vector<uint8_t> middle;
  for (int t = 1; t <= 10; ++t) {
    straight.draw_gradients(t);
    optimizer.step(0.01);
    if (t == 5) middle = checkpoint(straight, optimizer);
  }
  Model resumed;
  AdamW again(resumed.list, config);
  const SafetensorsFile file(middle, "checkpoint");
  resumed.list.load(file);
  again.load(file);
  EXPECT_EQ(again.steps(), 5);
  for (int t = 6; t <= 10; ++t) {
    resumed.draw_gradients(t);
    again.step(0.01);
  }
  EXPECT_EQ(checkpoint(resumed, again), checkpoint(straight, optimizer));
}

TEST(AdamW, AStateOfAnotherModelIsRefused) {
  Model small(4), large(7);
  AdamW a(small.list, {}), b(large.list, {});
  const SafetensorsFile file(checkpoint(small, a), "checkpoint");
  EXPECT_THROW(b.load(file), Error);
}

TEST(AdamW, TheThreadCountDoesNotChangeAStep) {
  const int threads = num_threads();
  std::vector<uint8_t> results[2];
  for (int n = 1; n <= 2; ++n) {
    set_num_threads(n);
    Model model(20000);  // several blocks
    AdamW optimizer(model.list, {});
    for (int t = 1; t <= 3; ++t) model.draw_gradients(t), optimizer.step(0.01);
    results[n - 1] = checkpoint(model, optimizer);
  }
  set_num_threads(threads);
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace orrery
