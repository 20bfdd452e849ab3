#include "nn/linear.h"

#include "core/parallel.h"
#include "tensor/int8_matmul.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

void add_bias(const Linear& l, Rows<float>& y) {
  if (!l.has_bias) return;
  const float* b = l.bias.value.data();
  parallel_for(y.rows(), [&](int64_t i) {
    float* row = y.row(i);
    for (int64_t j = 0; j < y.cols(); ++j) row[j] += b[j];
  });
}

template <class T>
void bias_backward(Linear& l, const Rows<T>& dy) {
  if (!l.has_bias) return;
  for (int64_t i = 0; i < dy.rows(); ++i)
    for (int64_t j = 0; j < dy.cols(); ++j)
      if constexpr (std::is_same_v<T, bf16>) l.bias.gradient[j] += from_bf16(dy.row(i)[j]);
      else l.bias.gradient[j] += dy.row(i)[j];
}

ORRERY_SIMD void silu_row(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * fast_sigmoid(x[i]);
}

ORRERY_SIMD void silu_backward_row(const float* x, float* dy, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float s = fast_sigmoid(x[i]);
    dy[i] *= s * (1 + x[i] * (1 - s));
  }
}

ORRERY_SIMD void narrow_row(const float* x, bf16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = to_bf16(x[i]);
}

template <class T>
void gather(const Rows<T>& from, const std::vector<int64_t>& rows, Rows<T>& to) {
  to.resize(int64_t(rows.size()), from.cols());
  parallel_for(to.rows(), [&](int64_t i) { std::memcpy(to.row(i), from.row(rows[size_t(i)]), size_t(from.cols()) * sizeof(T)); });
}

}  // namespace

void weight_product(int64_t m, const bf16* x, const Parameter& w, float* y) {
  if (w.int8) return int8_matmul(m, x, *w.int8, y);
  matmul(m, w.shape[0], w.shape[1], x, w.half.data(), *w.packed, y);
}

void weight_product(int64_t m, const bf16* x, const Parameter& w, bf16* y) {
  if (w.int8) return int8_matmul(m, x, *w.int8, y);
  matmul(m, w.shape[0], w.shape[1], x, w.half.data(), *w.packed, y);
}

void Linear::declare(ParameterList& list, const std::string& name, int64_t in, int64_t out, bool with_bias, Rng& rng, double gain) {
  list.add(weight, name + ".weight", {out, in});
  if (gain > 0) init_uniform(weight, in, gain, rng);
  else init_constant(weight, 0.0f);
  has_bias = with_bias;
  if (with_bias) {
    list.add(bias, name + ".bias", {out}, false);
    init_constant(bias, 0.0f);
  }
}

void linear_forward(const Linear& l, const Rows<bf16>& x, Rows<float>& y) {
  y.resize(x.rows(), l.out());
  weight_product(x.padded(), x.data(), l.weight, y.data());
  add_bias(l, y);
}

void linear_forward(const Linear& l, const Rows<bf16>& x, Rows<bf16>& y) {
  ORRERY_ASSERT(!l.has_bias);
  y.resize(x.rows(), l.out());
  weight_product(x.padded(), x.data(), l.weight, y.data());
}

void linear_forward(const Linear& l, const Rows<float>& x, Rows<float>& y) {
  y.resize(x.rows(), l.out());
  matmul(MatmulLayout::kNT, x.padded(), l.out(), l.in(), x.data(), l.weight.value.data(), y.data());
  add_bias(l, y);
}

void linear_backward(Linear& l, const Rows<bf16>& x, const Rows<bf16>& dy, Rows<float>* dx, bool accumulate_dx) {
  matmul(MatmulLayout::kTN, l.out(), l.in(), x.padded(), dy.data(), x.data(), l.weight.gradient.data(), true);
  bias_backward(l, dy);
  if (!dx) return;
  if (!accumulate_dx) dx->resize(x.rows(), l.in());
  matmul(MatmulLayout::kNN, dy.padded(), l.in(), l.out(), dy.data(), l.weight.half.data(), dx->data(), accumulate_dx);
}

void linear_backward(Linear& l, const Rows<float>& x, const Rows<float>& dy, Rows<float>* dx) {
  matmul(MatmulLayout::kTN, l.out(), l.in(), x.padded(), dy.data(), x.data(), l.weight.gradient.data(), true);
  bias_backward(l, dy);
  if (!dx) return;
  dx->resize(x.rows(), l.in());
  matmul(MatmulLayout::kNN, dy.padded(), l.in(), l.out(), dy.data(), l.weight.value.data(), dx->data());
}

void add_rows(const Rows<float>& from, Rows<float>& to) {
  parallel_for(from.rows(), [&](int64_t i) {
    for (int64_t j = 0; j < from.cols(); ++j) to.row(i)[j] += from.row(i)[j];
  });
}

void gather_rows(const Rows<float>& from, const std::vector<int64_t>& rows, Rows<float>& to) { gather(from, rows, to); }
void gather_rows(const Rows<bf16>& from, const std::vector<int64_t>& rows, Rows<bf16>& to) { gather(from, rows, to); }

void scatter_add(const Rows<float>& from, const std::vector<int64_t>& rows, Rows<float>& to) {
  parallel_for(from.rows(), [&](int64_t i) {
    float* row = to.row(rows[size_t(i)]);
    for (int64_t j = 0; j < from.cols(); ++j) row[j] += from.row(i)[j];
  });
}

void to_bf16(const Rows<float>& from, Rows<bf16>& to) {
  to.resize(from.rows(), from.cols());
  parallel_for(from.rows(), [&](int64_t i) { narrow_row(from.row(i), to.row(i), from.cols()); });
}

void FeatureMlp::declare(ParameterList& list, const std::string& name, int64_t in, int64_t hidden, int64_t out, Rng& rng) {
  up.declare(list, name + ".up", in, hidden, true, rng);
  down.declare(list, name + ".down", hidden, out, true, rng);
}

void feature_mlp_forward(const FeatureMlp& mlp, FeatureMlp::Cache& cache, Rows<float>& y) {
  linear_forward(mlp.up, cache.input, cache.hidden);
  cache.activated.resize(cache.hidden.rows(), cache.hidden.cols());
  parallel_for(cache.hidden.rows(), [&](int64_t i) { silu_row(cache.hidden.row(i), cache.activated.row(i), cache.hidden.cols()); });
  linear_forward(mlp.down, cache.activated, y);
}

void feature_mlp_backward(FeatureMlp& mlp, FeatureMlp::Cache& cache, const Rows<float>& dy, Rows<float>* dinput) {
  Rows<float> dhidden;
  linear_backward(mlp.down, cache.activated, dy, &dhidden);
  parallel_for(dhidden.rows(), [&](int64_t i) { silu_backward_row(cache.hidden.row(i), dhidden.row(i), dhidden.cols()); });
  linear_backward(mlp.up, cache.input, dhidden, dinput);
}

}  // namespace orrery
