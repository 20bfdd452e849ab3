#include "nn/resblock.h"

namespace orrery {

void ResBlock::init(ParameterList& list, const std::string& name, int channels, int kernel, Rng& rng) {
  norm_.init(list, name + ".norm", channels);
  first_.init(list, name + ".first", channels, channels, kernel, 1.4, rng);
  // Small: a new block is nearly the identity.
  second_.init(list, name + ".second", channels, channels, kernel, 0.3, rng);
}

void ResBlock::weights_changed() {
  first_.weights_changed();
  second_.weights_changed();
}

void ResBlock::forward(const FeatureMap& x, FeatureMap& y, ResBlockCache& cache) const {
  norm_.forward(x, cache.normed);
  first_.forward(cache.normed, cache.inner);
  silu_forward(cache.inner, cache.active);
  y = x;
  second_.forward_add(cache.active, y);
}

void ResBlock::backward(const FeatureMap& x, ResBlockCache& cache, FeatureMap& d) {
  FeatureMap& d_inner = cache.active;  // overwritten once its last reader is done
  FeatureMap d_active;
  second_.backward(cache.active, d, &d_active);
  silu_backward(cache.inner, d_active);
  first_.backward(cache.normed, d_active, &d_inner);
  norm_.backward(x, d_inner, &d, d);
}

}  // namespace orrery
