#include "tensor/conv.h"

#include <array>
#include <unordered_map>

#include "core/error.h"
#include "core/parallel.h"
#include "tensor/amx_conv_gradient.h"
#include "tensor/dnnl_runtime.h"
#include "tensor/feature_map.h"

namespace orrery {
namespace {

using dnnl::memory;
using Type = memory::data_type;
using Tag = memory::format_tag;
using Args = std::unordered_map<int, memory>;

struct Key {
  ConvShape shape;
  bool f32_result, accumulate;
  auto operator<=>(const Key&) const = default;
};

// Reads, writes and weights are f32 where bf16 convolutions do not exist.
Type map_type() { return cpu_has_bf16() ? Type::bf16 : Type::f32; }

struct Descs {
  memory::desc src, weights, bias, dst;
  memory::dims strides{1, 1}, padding;
};

Descs describe(const ConvShape& s, Type dst_type, Type weight_type) {
  const int p = s.kernel / 2;
  return {{{s.batch, s.in, s.height, s.width}, map_type(), Tag::nhwc},
          {{s.out, s.in, s.kernel, s.kernel}, weight_type, Tag::any},
          {{s.out}, Type::f32, Tag::x},
          {{s.batch, s.out, s.height, s.width}, dst_type, Tag::nhwc},
          {1, 1},
          {p, p}};
}

dnnl::convolution_forward::primitive_desc forward_desc(const Key& k) {
  const Descs d = describe(k.shape, k.f32_result ? Type::f32 : map_type(), map_type());
  dnnl::primitive_attr attr;
  if (k.accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    attr.set_post_ops(ops);
  }
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, d.src, d.weights, d.bias,
           d.dst, d.strides, d.padding, d.padding},
          attr,
          dnnl_engine()};
}

dnnl::convolution_backward_data::primitive_desc data_desc(const ConvShape& s) {
  const Descs d = describe(s, map_type(), map_type());
  return {{dnnl::algorithm::convolution_direct, d.src, d.weights, d.dst, d.strides, d.padding, d.padding},
          dnnl_engine(),
          forward_desc({s, false, false})};
}

dnnl::convolution_backward_weights::primitive_desc weights_desc(const ConvShape& s) {
  const Descs d = describe(s, map_type(), Type::f32);
  return {
      {dnnl::algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, d.strides, d.padding, d.padding},
      dnnl_engine(),
      forward_desc({s, false, false})};
}

struct Forward {
  dnnl::convolution_forward::primitive_desc desc;
  dnnl::convolution_forward primitive;
};
struct BackwardData {
  dnnl::convolution_backward_data::primitive_desc desc;
  dnnl::convolution_backward_data primitive;
};
struct BackwardWeights {
  dnnl::convolution_backward_weights::primitive_desc desc;
  dnnl::convolution_backward_weights primitive;
  dnnl::reorder to_plain;
  memory weights, bias, plain;  // scratch
};

memory::desc plain_weights(const ConvShape& s) {
  return {{s.out, s.in, s.kernel, s.kernel}, Type::f32, Tag::ohwi};
}

Forward& forward_entry(const Key& key) {
  static thread_local PrimitiveCache<Key, Forward> cache;  // one a thread: primitives keep scratch memory
  return cache.get(key, [&] {
    auto desc = forward_desc(key);
    return Forward{desc, dnnl::convolution_forward(desc)};
  });
}

BackwardData& data_entry(const ConvShape& shape) {
  static thread_local PrimitiveCache<ConvShape, BackwardData> cache;
  return cache.get(shape, [&] {
    auto desc = data_desc(shape);
    return BackwardData{desc, dnnl::convolution_backward_data(desc)};
  });
}

BackwardWeights& weights_entry(const ConvShape& shape) {
  static thread_local PrimitiveCache<ConvShape, BackwardWeights> cache;
  return cache.get(shape, [&] {
    auto desc = weights_desc(shape);
    const memory::desc plain = plain_weights(shape);
    return BackwardWeights{desc,
                           dnnl::convolution_backward_weights(desc),
                           dnnl::reorder({dnnl_engine(), desc.diff_weights_desc(), dnnl_engine(), plain}),
                           memory(desc.diff_weights_desc(), dnnl_engine()),
                           memory(desc.diff_bias_desc(), dnnl_engine()),
                           memory(plain, dnnl_engine())};
  });
}

ConvShape transposed_shape(ConvShape s) {
  std::swap(s.in, s.out);
  return s;
}

// [out][ky][kx][in] -> [in][-ky][-kx][out]
std::vector<float> transposed_weights(const float* weight, const ConvShape& s) {
  const int taps = s.kernel * s.kernel;
  std::vector<float> flipped(size_t(taps) * s.in * s.out);
  parallel_for(s.out, [&](int64_t o) {
    for (int t = 0; t < taps; ++t)
      for (int i = 0; i < s.in; ++i)
        flipped[(int64_t(i) * taps + taps - 1 - t) * s.out + o] = weight[(o * taps + t) * s.in + i];
  });
  return flipped;
}

// The backward to the data is a convolution with transposed weights. On maps of 6 x 6 and less oneDNN's
// forward kernels are 1.5 to 3 times faster at it than its backward ones (measured on AMX); on larger maps
// there is no gain.
bool data_as_forward(const ConvShape& s) { return s.kernel == 3 && s.height * s.width <= 36; }

// AMX of our own pays on small maps and 1 x 1 kernels (1.2 to 2.4 times); on maps of 16 x 16 and more oneDNN
// is level.
bool gradient_by_amx(const ConvShape& s) {
  return (s.kernel == 1 || s.height * s.width <= 144) && amx_conv_gradient_supported(s);
}

ORRERY_SIMD void widen(const bf16* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = from_bf16(in[i]);
}
ORRERY_SIMD void narrow(const float* in, bf16* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(in[i]);
}

// A bf16 map as oneDNN sees it: itself, or an f32 copy that finish() rounds back.
class MapView {
 public:
  MapView(const memory::desc& desc, const bf16* data, bool read, bool write)
      : data_(const_cast<bf16*>(data)), write_(write) {
    if (desc.data_type() == Type::bf16) {
      memory_ = memory(desc, dnnl_engine(), data_);
      return;
    }
    wide_.resize(desc.get_size() / sizeof(float));
    if (read) widen(data_, wide_.data(), int64_t(wide_.size()));
    memory_ = memory(desc, dnnl_engine(), wide_.data());
  }
  const memory& get() const { return memory_; }
  void finish() {
    if (write_ && !wide_.empty()) narrow(wide_.data(), data_, int64_t(wide_.size()));
  }

 private:
  bf16* data_;
  bool write_;
  AlignedVector<float> wide_;
  memory memory_;
};

void run(const dnnl::primitive& primitive, const Args& args) {
  primitive.execute(dnnl_stream(), args);
  dnnl_stream().wait();
}

memory bias_memory(const memory::desc& desc, const float* bias) {
  return memory(desc, dnnl_engine(), const_cast<float*>(bias));
}

}  // namespace

void PackedConvWeights::invalidate() {
  std::lock_guard lock(mutex_);
  for (auto& copy : copies_) copy->fresh = false;
}

memory& PackedConvWeights::get(const memory::desc& layout, const float* source, const ConvShape& shape) {
  return find(layout, source, shape, false);
}

memory& PackedConvWeights::get_transposed(const memory::desc& layout, const float* source,
                                          const ConvShape& shape) {
  return find(layout, source, shape, true);
}

memory& PackedConvWeights::find(const memory::desc& layout, const float* source, const ConvShape& shape,
                                bool transposed) {
  std::lock_guard lock(mutex_);
  size_t i = 0;
  while (i < copies_.size() &&
         (copies_[i]->transposed != transposed || copies_[i]->memory.get_desc() != layout))
    ++i;
  if (i == copies_.size())
    copies_.push_back(std::make_unique<Copy>(Copy{memory(layout, dnnl_engine()), transposed, false}));
  Copy& copy = *copies_[i];
  if (copy.fresh) return copy.memory;
  const std::vector<float> flipped = transposed ? transposed_weights(source, shape) : std::vector<float>();
  memory plain(plain_weights(transposed ? transposed_shape(shape) : shape), dnnl_engine(),
               const_cast<float*>(transposed ? flipped.data() : source));
  dnnl::reorder(plain, copy.memory).execute(dnnl_stream(), plain, copy.memory);
  dnnl_stream().wait();
  copy.fresh = true;
  return copy.memory;
}

void conv_forward(const ConvShape& s, const bf16* src, PackedConvWeights& packed, const float* weight,
                  const float* bias, bf16* dst, bool accumulate) {
  Forward& f = forward_entry({s, false, accumulate});
  MapView x(f.desc.src_desc(), src, true, false), y(f.desc.dst_desc(), dst, accumulate, true);
  run(f.primitive, {{DNNL_ARG_SRC, x.get()},
                    {DNNL_ARG_WEIGHTS, packed.get(f.desc.weights_desc(), weight, s)},
                    {DNNL_ARG_BIAS, bias_memory(f.desc.bias_desc(), bias)},
                    {DNNL_ARG_DST, y.get()}});
  y.finish();
}

void conv_forward(const ConvShape& s, const bf16* src, PackedConvWeights& packed, const float* weight,
                  const float* bias, float* dst) {
  Forward& f = forward_entry({s, true, false});
  MapView x(f.desc.src_desc(), src, true, false);
  run(f.primitive, {{DNNL_ARG_SRC, x.get()},
                    {DNNL_ARG_WEIGHTS, packed.get(f.desc.weights_desc(), weight, s)},
                    {DNNL_ARG_BIAS, bias_memory(f.desc.bias_desc(), bias)},
                    {DNNL_ARG_DST, memory(f.desc.dst_desc(), dnnl_engine(), dst)}});
}

static void backward_data_as_forward(const ConvShape& s, const bf16* d_dst, PackedConvWeights& packed,
                                     const float* weight, bf16* d_src) {
  Forward& f = forward_entry({transposed_shape(s), false, false});
  const std::vector<float> zeros(size_t(s.in), 0.0f);
  MapView dy(f.desc.src_desc(), d_dst, true, false), dx(f.desc.dst_desc(), d_src, false, true);
  run(f.primitive, {{DNNL_ARG_SRC, dy.get()},
                    {DNNL_ARG_WEIGHTS, packed.get_transposed(f.desc.weights_desc(), weight, s)},
                    {DNNL_ARG_BIAS, bias_memory(f.desc.bias_desc(), zeros.data())},
                    {DNNL_ARG_DST, dx.get()}});
  dx.finish();
}

void conv_backward_data(const ConvShape& s, const bf16* d_dst, PackedConvWeights& packed, const float* weight,
                        bf16* d_src) {
  if (data_as_forward(s)) return backward_data_as_forward(s, d_dst, packed, weight, d_src);
  BackwardData& b = data_entry(s);
  MapView dy(b.desc.diff_dst_desc(), d_dst, true, false), dx(b.desc.diff_src_desc(), d_src, false, true);
  run(b.primitive, {{DNNL_ARG_DIFF_DST, dy.get()},
                    {DNNL_ARG_WEIGHTS, packed.get(b.desc.weights_desc(), weight, s)},
                    {DNNL_ARG_DIFF_SRC, dx.get()}});
  dx.finish();
}

void conv_backward_weights(const ConvShape& s, const bf16* src, const bf16* d_dst, float* d_weight,
                           float* d_bias) {
  if (gradient_by_amx(s)) return amx_conv_gradient(s, src, d_dst, d_weight, d_bias);
  BackwardWeights& b = weights_entry(s);
  MapView x(b.desc.src_desc(), src, true, false), dy(b.desc.diff_dst_desc(), d_dst, true, false);
  run(b.primitive, {{DNNL_ARG_SRC, x.get()},
                    {DNNL_ARG_DIFF_DST, dy.get()},
                    {DNNL_ARG_DIFF_WEIGHTS, b.weights},
                    {DNNL_ARG_DIFF_BIAS, b.bias}});
  run(b.to_plain, {{DNNL_ARG_FROM, b.weights}, {DNNL_ARG_TO, b.plain}});
  const float* w = static_cast<const float*>(b.plain.get_data_handle());
  const float* bias = static_cast<const float*>(b.bias.get_data_handle());
  for (int64_t i = 0; i < int64_t(s.out) * s.in * s.kernel * s.kernel; ++i) d_weight[i] += w[i];
  for (int i = 0; i < s.out; ++i) d_bias[i] += bias[i];
}

std::vector<std::string> conv_implementations(const ConvShape& s) {
  const std::string data = data_as_forward(s)
                               ? forward_desc({transposed_shape(s), false, false}).impl_info_str()
                               : data_desc(s).impl_info_str();
  return {forward_desc({s, false, false}).impl_info_str(), forward_desc({s, false, true}).impl_info_str(),
          forward_desc({s, true, false}).impl_info_str(), data,
          gradient_by_amx(s) ? "orrery:amx" : weights_desc(s).impl_info_str()};
}

}  // namespace orrery
