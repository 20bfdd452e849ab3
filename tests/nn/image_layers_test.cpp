// Image-side layers: backward against central differences of a double-precision forward.
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "nn/channel_norm.h"
#include "nn/fsq.h"
#include "nn/orthogonalize.h"
#include "nn/pixel_shuffle.h"
#include "nn/resblock.h"

namespace orrery {
namespace {

FeatureMap random_map(int b, int h, int w, int c, uint64_t seed) {
  FeatureMap map;
  map.resize(b, h, w, c);
  Rng rng(seed);
  for (bf16& v : map.data) v = to_bf16(float(rng.normal()));
  return map;
}

double silu(double x) { return x / (1 + std::exp(-x)); }

// Sum over channels of weight_c * silu(gain_c x_c / rms(x)).
double norm_loss(const std::vector<double>& x, const std::vector<double>& gain,
                 const std::vector<double>& weight) {
  double mean = 0, sum = 0;
  for (double v : x) mean += v * v / double(x.size());
  const double r = 1 / std::sqrt(mean + kNormEpsilon);
  for (size_t c = 0; c < x.size(); ++c) sum += weight[c] * silu(gain[c] * x[c] * r);
  return sum;
}

std::vector<double> doubles(const bf16* data, int n) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(from_bf16(data[i]));
  return out;
}

template <class F>
double central_difference(F&& f, double& x) {
  const double at = x, h = 1e-5;
  x = at + h;
  const double high = f();
  x = at - h;
  const double low = f();
  x = at;
  return (high - low) / (2 * h);
}

TEST(ChannelNorm, BackwardMatchesFiniteDifferences) {
  const int channels = 48, pixels = 6;
  const FeatureMap x = random_map(1, 2, 3, channels, 1), d_y = random_map(1, 2, 3, channels, 2),
                   skip = random_map(1, 2, 3, channels, 3);
  ParameterList list;
  ChannelNorm norm;
  norm.init(list, "norm", channels);
  Rng rng(4);
  for (float& g : norm.gain.value) g = float(rng.uniform(0.5, 1.5));
  list.zero_gradients();
  FeatureMap d_x;
  norm.backward(x, d_y, &skip, d_x);
  std::vector<double> gain(norm.gain.value.begin(), norm.gain.value.end()), d_gain(channels, 0.0);
  for (int p = 0; p < pixels; ++p) {
    std::vector<double> xs = doubles(&x.data[p * channels], channels);
    const std::vector<double> weight = doubles(&d_y.data[p * channels], channels);
    const auto loss = [&] { return norm_loss(xs, gain, weight); };
    for (int c = 0; c < channels; ++c) {
      const double expected = central_difference(loss, xs[c]) + from_bf16(skip.data[p * channels + c]);
      EXPECT_NEAR(from_bf16(d_x.data[p * channels + c]), expected, 0x1p-8 * std::abs(expected) + 1e-4);
      d_gain[c] += central_difference(loss, gain[c]);
    }
  }
  for (int c = 0; c < channels; ++c)
    EXPECT_NEAR(norm.gain.gradient[c], d_gain[c], 1e-4 * std::abs(d_gain[c]) + 1e-4);
}

TEST(ChannelNorm, APixelsResultDependsOnThatPixelAlone) {
  FeatureMap x = random_map(1, 4, 4, 32, 5), before, after;
  ParameterList list;
  ChannelNorm norm;
  norm.init(list, "norm", 32);
  norm.forward(x, before);
  for (int c = 0; c < 32; ++c) x.data[c] = to_bf16(100.0f);
  norm.forward(x, after);
  for (size_t i = 32; i < before.data.size(); ++i) EXPECT_EQ(before.data[i], after.data[i]);
}

TEST(Silu, ForwardAndBackwardMatchTheFormula) {
  const FeatureMap x = random_map(1, 8, 8, 16, 6), d_y = random_map(1, 8, 8, 16, 7);
  FeatureMap y, d = d_y;
  silu_forward(x, y);
  silu_backward(x, d);
  for (int64_t i = 0; i < x.size(); ++i) {
    double v = from_bf16(x.data[i]);
    EXPECT_NEAR(from_bf16(y.data[i]), silu(v), 0x1p-8 * std::abs(silu(v)) + 1e-7);
    const double slope = central_difference([&] { return silu(v); }, v) * from_bf16(d_y.data[i]);
    EXPECT_NEAR(from_bf16(d.data[i]), slope, 0x1p-8 * std::abs(slope) + 1e-6);
  }
}

TEST(PixelShuffle, IsAPermutationAndItsInverse) {
  const FeatureMap x = random_map(2, 4, 6, 5, 8);
  FeatureMap deep, back;
  space_to_depth(x, deep);
  EXPECT_EQ(deep.height, 2);
  EXPECT_EQ(deep.channels, 20);
  // Pixel (1, 0) of the first 2 x 2 cell: channels 10..14 of cell (0, 0).
  for (int c = 0; c < 5; ++c) EXPECT_EQ(deep.data[10 + c], x.data[size_t(1 * 6 + 0) * 5 + c]);
  depth_to_space(deep, back);
  EXPECT_EQ(back.data, x.data);
}

TEST(Fsq, CodesAreTheNearestLevelsAndAllCanOccur) {
  const float latent[] = {-9, -0.75f, -0.4f, 0, 0.4f, 0.75f, 9};  // 3 tanh: -3, -1.9, -1.1, 0, 1.1, 1.9, 3
  int8_t codes[7];
  fsq_encode(latent, 7, 7, codes);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(codes[i], i);
}

TEST(Fsq, BackwardIsTheBoundsSlopeRoundedOrNot) {
  std::vector<float> latent, level(40), d_latent(40), ones(40, 1.0f);
  const std::vector<uint8_t> keep(10, 1);
  for (int i = 0; i < 40; ++i) latent.push_back(float(i - 20) / 8);
  fsq_forward(latent.data(), 40, 4, 7, keep.data(), level.data());
  fsq_backward(latent.data(), 40, 7, ones.data(), d_latent.data());
  for (int i = 0; i < 40; ++i) {
    double z = latent[i];
    const double slope = central_difference([&] { return 3 * std::tanh(z) + 3; }, z);
    EXPECT_NEAR(level[i], 3 * std::tanh(z) + 3, 1e-5);
    EXPECT_NEAR(d_latent[i], slope, 1e-5);
  }
}

// The slope along the gradient itself is the gradient's norm.
TEST(ResBlock, GradientPredictsTheChangeOfTheLoss) {
  ParameterList list;
  ResBlock block;
  Rng rng(9);
  block.init(list, "block", 32, 3, rng);
  FeatureMap x = random_map(2, 6, 6, 32, 10);
  const FeatureMap weight = random_map(2, 6, 6, 32, 11);
  const auto loss = [&] {
    FeatureMap y;
    ResBlockCache cache;
    block.forward(x, y, cache);
    double sum = 0;
    for (int64_t i = 0; i < y.size(); ++i) sum += double(from_bf16(y.data[i])) * from_bf16(weight.data[i]);
    return sum;
  };
  FeatureMap y, d = weight;
  ResBlockCache cache;
  block.forward(x, y, cache);
  list.zero_gradients();
  block.backward(x, cache, d);
  double norm = 0;
  for (const Parameter* p : list.all())
    for (float g : p->gradient) norm += double(g) * g;
  norm = std::sqrt(norm);
  const auto move = [&](double by) {
    for (Parameter* p : list.all())
      for (size_t i = 0; i < p->value.size(); ++i) p->value[i] += float(by / norm * p->gradient[i]);
    block.weights_changed();
  };
  move(0.05);
  const double high = loss();
  move(-0.1);
  const double low = loss();
  EXPECT_NEAR((high - low) / 0.1, norm, 0.03 * norm);
}

TEST(Orthogonalize, SingularValuesComeNearOne) {
  const int rows = 24, cols = 80;
  Rng rng(12);
  std::vector<float> matrix, out(rows * cols);
  for (int i = 0; i < rows * cols; ++i) matrix.push_back(float(rng.normal()));
  orthogonalize(matrix.data(), rows, cols, out.data());
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < rows; ++j) {
      double dot = 0;
      for (int k = 0; k < cols; ++k) dot += double(out[i * cols + k]) * out[j * cols + k];
      if (i == j) EXPECT_NEAR(dot, 0.9, 0.45);
      else EXPECT_NEAR(dot, 0, 0.2);
    }
}

}  // namespace
}  // namespace orrery
