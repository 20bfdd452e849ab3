// A convolution layer: stride 1, "same" padding, kernel 1 or 3.
#pragma once
#include "nn/parameter.h"
#include "tensor/conv.h"
#include "tensor/feature_map.h"

namespace orrery {

class Conv2d {
 public:
  // Weights [out][kernel][kernel][in] from a normal of deviation gain / sqrt(fan in); bias zero.
  void init(ParameterList& list, const std::string& name, int in, int out, int kernel, double gain, Rng& rng);
  void weights_changed() { packed_.invalidate(); }

  void forward(const FeatureMap& x, FeatureMap& y) const;
  void forward_add(const FeatureMap& x, FeatureMap& y) const;   // y += conv(x)
  void forward(const FeatureMap& x, float* y) const;            // f32 result: the last layer of a network
  // d_x may be null. Weight gradients are added where allocated. Needs x as it was in forward.
  void backward(const FeatureMap& x, const FeatureMap& d_y, FeatureMap* d_x);

  int in() const { return in_; }
  int out() const { return out_; }
  Parameter weight, bias;

 private:
  ConvShape shape_for(const FeatureMap& x) const;
  int in_ = 0, out_ = 0, kernel_ = 1;
  mutable PackedConvWeights packed_;
};

}  // namespace orrery
