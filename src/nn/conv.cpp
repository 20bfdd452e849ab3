#include "nn/conv.h"

#include "core/error.h"

namespace orrery {

void Conv2d::init(ParameterList& list, const std::string& name, int in, int out, int kernel, double gain, Rng& rng) {
  in_ = in, out_ = out, kernel_ = kernel;
  list.add(weight, name + ".weight", {out, kernel, kernel, in});
  list.add(bias, name + ".bias", {out}, false);
  init_uniform(weight, int64_t(in) * kernel * kernel, gain, rng);
}

ConvShape Conv2d::shape_for(const FeatureMap& x) const {
  ORRERY_ASSERT(x.channels == in_);
  return {x.batch, x.height, x.width, in_, out_, kernel_};
}

void Conv2d::forward(const FeatureMap& x, FeatureMap& y) const {
  y.resize(x.batch, x.height, x.width, out_);
  conv_forward(shape_for(x), x.data.data(), packed_, weight.value.data(), bias.value.data(), y.data.data(), false);
}

void Conv2d::forward_add(const FeatureMap& x, FeatureMap& y) const {
  ORRERY_ASSERT(y.pixels() == x.pixels() && y.channels == out_);
  conv_forward(shape_for(x), x.data.data(), packed_, weight.value.data(), bias.value.data(), y.data.data(), true);
}

void Conv2d::forward(const FeatureMap& x, float* y) const {
  conv_forward(shape_for(x), x.data.data(), packed_, weight.value.data(), bias.value.data(), y);
}

void Conv2d::backward(const FeatureMap& x, const FeatureMap& d_y, FeatureMap* d_x) {
  ORRERY_ASSERT(d_y.pixels() == x.pixels() && d_y.channels == out_);
  const ConvShape shape = shape_for(x);
  if (!weight.gradient.empty())
    conv_backward_weights(shape, x.data.data(), d_y.data.data(), weight.gradient.data(), bias.gradient.data());
  if (!d_x) return;
  d_x->resize_like(x);
  conv_backward_data(shape, d_y.data.data(), packed_, weight.value.data(), d_x->data.data());
}

}  // namespace orrery
