#include "tensor/int8_matmul.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "tensor/vector_math.h"

namespace orrery {
namespace {

using dnnl::memory;
using Shape = std::tuple<int64_t, int64_t, int64_t>;  // m, n, k

struct Product {
  dnnl::matmul primitive;
  memory::desc weight;
  memory x, y;
};

NameSet int8_matmul_names;

Product make_product(const Shape& shape) {
  const auto [m, n, k] = shape;
  const memory::desc x({m, k}, memory::data_type::s8, memory::format_tag::ab),
      y({m, n}, memory::data_type::s32, memory::format_tag::ab);
  const memory::desc w({k, n}, memory::data_type::s8, memory::format_tag::any);
  const dnnl::matmul::primitive_desc description({x, w, y}, dnnl_engine());
  int8_matmul_names.add(description.impl_info_str());
  return {dnnl::matmul(description), description.weights_desc(), memory(x, dnnl_engine(), nullptr),
          memory(y, dnnl_engine(), nullptr)};
}

ORRERY_SIMD float largest(const bf16* x, int64_t n) {
  float most = 0;
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(from_bf16(x[i])));
  return most;
}

ORRERY_SIMD void round_row(const bf16* x, float inverse, int8_t* codes, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    codes[i] = int8_t(int32_t(from_bf16(x[i]) * inverse + 128.5f) - 128);  // to nearest
}

ORRERY_SIMD void scale_row(const int32_t* sums, float scale, const float* scales, float* y, int64_t n) {
  for (int64_t j = 0; j < n; ++j) y[j] = float(sums[j]) * (scale * scales[j]);
}

ORRERY_SIMD void scale_row(const int32_t* sums, float scale, const float* scales, bf16* y, int64_t n) {
  for (int64_t j = 0; j < n; ++j) y[j] = to_bf16(float(sums[j]) * (scale * scales[j]));
}

template <class Out>
void multiply(int64_t m, const bf16* x, const Int8Weight& w, Out* y) {
  if (m == 0) return;
  const int64_t n = w.n(), k = w.k();
  static thread_local PrimitiveCache<Shape, Product> cache;
  static thread_local std::vector<int8_t> codes;
  static thread_local std::vector<int32_t> sums;
  static thread_local std::vector<float> scales;
  codes.resize(std::max(codes.size(), size_t(m * k)));
  sums.resize(std::max(sums.size(), size_t(m * n)));
  scales.resize(std::max(scales.size(), size_t(m)));
  quantize_rows(m, k, x, codes.data(), scales.data());
  Product& p = cache.get({m, n, k}, [&] { return make_product({m, n, k}); });
  p.x.set_data_handle(codes.data());
  p.y.set_data_handle(sums.data());
  p.primitive.execute(dnnl_stream(),
                      {{DNNL_ARG_SRC, p.x}, {DNNL_ARG_WEIGHTS, w.packed(p.weight)}, {DNNL_ARG_DST, p.y}});
  dnnl_stream().wait();
  const int32_t* sum = sums.data();
  const float* scale = scales.data();
  parallel_for(m, [&](int64_t i) { scale_row(sum + i * n, scale[i], w.scales().data(), y + i * n, n); });
}

}  // namespace

bool has_int8_products() {
  static const bool has = instruction_set() == "AMX" || instruction_set() == "AVX-512 bf16" ||
                          instruction_set() == "AVX-512 VNNI";
  return has;
}

Int8Weight::Int8Weight(int64_t n, int64_t k, std::vector<int8_t> codes, std::vector<float> scales)
    : n_(n), k_(k), codes_(std::move(codes)), scales_(std::move(scales)) {
  ORRERY_ASSERT(int64_t(codes_.size()) == n * k && int64_t(scales_.size()) == n);
}

memory Int8Weight::packed(const memory::desc& order) const {
  return packed_.get(order, {{k_, n_}, memory::data_type::s8, memory::format_tag::ba}, codes_.data());
}

void quantize_rows(int64_t m, int64_t k, const bf16* x, int8_t* codes, float* scales) {
  parallel_for(m, [&](int64_t i) {
    const float most = largest(x + i * k, k);
    scales[i] = most / 127;
    round_row(x + i * k, most > 0 ? 127 / most : 0, codes + i * k, k);
  });
}

void int8_matmul(int64_t m, const bf16* x, const Int8Weight& w, float* y) { multiply(m, x, w, y); }
void int8_matmul(int64_t m, const bf16* x, const Int8Weight& w, bf16* y) { multiply(m, x, w, y); }

void int8_matmul_reference(int64_t m, const bf16* x, const Int8Weight& w, float* y) {
  std::vector<int8_t> codes(size_t(m * w.k()));
  std::vector<float> scales(static_cast<size_t>(m));
  quantize_rows(m, w.k(), x, codes.data(), scales.data());
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < w.n(); ++j) {
      int32_t sum = 0;
      for (int64_t l = 0; l < w.k(); ++l) sum += int32_t(codes[i * w.k() + l]) * w.codes()[j * w.k() + l];
      y[i * w.n() + j] = float(sum) * (scales[size_t(i)] * w.scales()[size_t(j)]);
    }
}

std::vector<std::string> int8_matmul_implementations() {
  return int8_matmul_names.all();
}

}  // namespace orrery
