// Residual block: y = x + conv(silu(conv(silu(norm(x))))).
#pragma once
#include "nn/channel_norm.h"
#include "nn/conv.h"

namespace orrery {

struct ResBlockCache {
  FeatureMap normed, inner, active;  // silu(norm(x)); first convolution; its silu
};

class ResBlock {
 public:
  void init(ParameterList& list, const std::string& name, int channels, int kernel, Rng& rng);
  void weights_changed();
  void forward(const FeatureMap& x, FeatureMap& y, ResBlockCache& cache) const;
  // d: gradient of y on entry, of x on return.
  void backward(const FeatureMap& x, ResBlockCache& cache, FeatureMap& d);

 private:
  ChannelNorm norm_;
  Conv2d first_, second_;
};

}  // namespace orrery
