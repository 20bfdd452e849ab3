// y = silu(gain * x / rms(x)), root mean square over a pixel's channels: nothing is shared over space.
#pragma once
#include "nn/parameter.h"
#include "tensor/feature_map.h"

namespace orrery {

inline constexpr float kNormEpsilon = 1e-5f;

class ChannelNorm {
 public:
  void init(ParameterList& list, const std::string& name, int channels);
  void forward(const FeatureMap& x, FeatureMap& y) const;
  // d_x = d_skip + backward of d_y (d_skip may be null). Recomputes the norm from x. d_x may be d_skip.
  void backward(const FeatureMap& x, const FeatureMap& d_y, const FeatureMap* d_skip, FeatureMap& d_x);
  Parameter gain;
};

// y = silu(x)
void silu_forward(const FeatureMap& x, FeatureMap& y);
// d = d * silu'(x), in place
void silu_backward(const FeatureMap& x, FeatureMap& d);

}  // namespace orrery
