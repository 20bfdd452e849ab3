#include "tensor/matmul.h"

#include <tuple>

#include "core/parallel.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {
namespace {

using dnnl::memory;
using DataType = memory::data_type;
using Tag = memory::format_tag;

struct MatmulPrimitive {
  dnnl::matmul primitive;
  memory a, b, c;  // descriptors; data handles are set per call on copies
};

// (layout, m, n, k, input type, output type, accumulate)
using MatmulKey = std::tuple<int, int64_t, int64_t, int64_t, int, int, bool>;

NameSet matmul_names;

MatmulPrimitive make_primitive(const MatmulKey& key) {
  const auto [layout, m, n, k, in, out, accumulate] = key;
  const Tag a_tag = layout == int(MatmulLayout::kTN) ? Tag::ba : Tag::ab;
  const Tag b_tag = layout == int(MatmulLayout::kNT) ? Tag::ba : Tag::ab;
  const memory::desc a({m, k}, DataType(in), a_tag), b({k, n}, DataType(in), b_tag), c({m, n}, DataType(out), Tag::ab);
  dnnl::primitive_attr attributes;
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    attributes.set_post_ops(ops);
  }
  const dnnl::matmul::primitive_desc description({a, b, c}, attributes, dnnl_engine());
  matmul_names.add(description.impl_info_str());
  return {dnnl::matmul(description), memory(a, dnnl_engine(), nullptr), memory(b, dnnl_engine(), nullptr),
          memory(c, dnnl_engine(), nullptr)};
}

template <class In, class Out>
void run(MatmulLayout layout, int64_t m, int64_t n, int64_t k, DataType in, DataType out, const In* a, const In* b, Out* c, bool accumulate) {
  if (m == 0 || n == 0 || k == 0) return;
  // One cache a thread: primitives keep scratch memory, and handles are set on shared objects.
  static thread_local PrimitiveCache<MatmulKey, MatmulPrimitive> cache;
  const MatmulKey key{int(layout), m, n, k, int(in), int(out), accumulate};
  MatmulPrimitive& p = cache.get(key, [&] { return make_primitive(key); });
  p.a.set_data_handle(const_cast<In*>(a));
  p.b.set_data_handle(const_cast<In*>(b));
  p.c.set_data_handle(c);
  p.primitive.execute(dnnl_stream(), {{DNNL_ARG_SRC, p.a}, {DNNL_ARG_WEIGHTS, p.b}, {DNNL_ARG_DST, p.c}});
  dnnl_stream().wait();
}

struct PackedPrimitive {
  dnnl::matmul primitive;
  memory a, c;
  memory::desc b;  // the order that the kernel wants
};

PackedPrimitive make_packed_primitive(int64_t m, int64_t n, int64_t k, DataType out) {
  const memory::desc a({m, k}, DataType::bf16, Tag::ab), b({k, n}, DataType::bf16, Tag::any), c({m, n}, out, Tag::ab);
  const dnnl::matmul::primitive_desc description({a, b, c}, dnnl_engine());
  matmul_names.add(description.impl_info_str());
  return {dnnl::matmul(description), memory(a, dnnl_engine(), nullptr), memory(c, dnnl_engine(), nullptr), description.weights_desc()};
}

template <class Out>
void run_packed(int64_t m, int64_t n, int64_t k, DataType out, const bf16* a, const bf16* b, PackedCopies& packed, Out* c) {
  if (m == 0 || n == 0 || k == 0) return;
  static thread_local PrimitiveCache<std::tuple<int64_t, int64_t, int64_t, int>, PackedPrimitive> cache;
  PackedPrimitive& p = cache.get({m, n, k, int(out)}, [&] { return make_packed_primitive(m, n, k, out); });
  p.a.set_data_handle(const_cast<bf16*>(a));
  p.c.set_data_handle(c);
  memory weight = packed.get(p.b, {{k, n}, DataType::bf16, Tag::ba}, b);
  p.primitive.execute(dnnl_stream(), {{DNNL_ARG_SRC, p.a}, {DNNL_ARG_WEIGHTS, weight}, {DNNL_ARG_DST, p.c}});
  dnnl_stream().wait();
}

std::vector<float> widen(const bf16* values, int64_t count) {
  std::vector<float> wide(count);
  for (int64_t i = 0; i < count; ++i) wide[i] = from_bf16(values[i]);
  return wide;
}

}  // namespace

void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, float* c, bool accumulate) {
  if (cpu_has_bf16()) return run(layout, m, n, k, DataType::bf16, DataType::f32, a, b, c, accumulate);
  const std::vector<float> wide_a = widen(a, m * k), wide_b = widen(b, n * k);
  matmul(layout, m, n, k, wide_a.data(), wide_b.data(), c, accumulate);
}

void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, bf16* c) {
  if (cpu_has_bf16()) return run(layout, m, n, k, DataType::bf16, DataType::bf16, a, b, c, false);
  std::vector<float> wide(m * n);
  matmul(layout, m, n, k, a, b, wide.data(), false);
  for (int64_t i = 0; i < m * n; ++i) c[i] = to_bf16(wide[i]);
}

void matmul(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c, bool accumulate) {
  run(layout, m, n, k, DataType::f32, DataType::f32, a, b, c, accumulate);
}

void matmul(int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, PackedCopies& packed, float* c) {
  if (!cpu_has_bf16()) return matmul(MatmulLayout::kNT, m, n, k, a, b, c);
  run_packed(m, n, k, DataType::f32, a, b, packed, c);
}

void matmul(int64_t m, int64_t n, int64_t k, const bf16* a, const bf16* b, PackedCopies& packed, bf16* c) {
  if (!cpu_has_bf16()) return matmul(MatmulLayout::kNT, m, n, k, a, b, c);
  run_packed(m, n, k, DataType::bf16, a, b, packed, c);
}

void matmul_reference(MatmulLayout layout, int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) {
        const float x = layout == MatmulLayout::kTN ? a[l * m + i] : a[i * k + l];
        const float y = layout == MatmulLayout::kNT ? b[j * k + l] : b[l * n + j];
        sum += double(x) * y;
      }
      c[i * n + j] = float(sum);
    }
}

std::vector<std::string> matmul_implementations() {
  return matmul_names.all();
}

bool rows_are_independent() { return cpu_has_bf16(); }

int64_t row_bucket(int64_t rows) {
  if (rows <= 8) return rows <= 0 ? 0 : rows <= 4 ? 4 : 8;  // a single row would take another kernel, which rounds otherwise
  if (rows <= 128) return (rows + 15) / 16 * 16;
  int64_t step = 16;
  while (step * 16 <= rows) step *= 2;  // rows in [8, 16) steps: at most one step of padding
  return (rows + step - 1) / step * step;
}

}  // namespace orrery
