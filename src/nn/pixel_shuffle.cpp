#include "nn/pixel_shuffle.h"

#include <cstring>

#include "core/error.h"
#include "core/parallel.h"

namespace orrery {

void space_to_depth(const FeatureMap& x, FeatureMap& y) {
  ORRERY_ASSERT(x.height % 2 == 0 && x.width % 2 == 0);
  y.resize(x.batch, x.height / 2, x.width / 2, 4 * x.channels);
  const int64_t pair = 2 * x.channels;  // two neighbours in x lie together on both sides
  parallel_for(int64_t(y.batch) * y.height, [&](int64_t row) {
    for (int dy = 0; dy < 2; ++dy)
      for (int j = 0; j < y.width; ++j)
        std::memcpy(&y.data[((row * y.width + j) * 2 + dy) * pair],
                    &x.data[(row * 2 + dy) * x.width * x.channels + j * pair], size_t(pair) * sizeof(bf16));
  });
}

void depth_to_space(const FeatureMap& x, FeatureMap& y) {
  ORRERY_ASSERT(x.channels % 4 == 0);
  y.resize(x.batch, x.height * 2, x.width * 2, x.channels / 4);
  const int64_t pair = 2 * y.channels;
  parallel_for(int64_t(x.batch) * x.height, [&](int64_t row) {
    for (int dy = 0; dy < 2; ++dy)
      for (int j = 0; j < x.width; ++j)
        std::memcpy(&y.data[(row * 2 + dy) * y.width * y.channels + j * pair],
                    &x.data[((row * x.width + j) * 2 + dy) * pair], size_t(pair) * sizeof(bf16));
  });
}

}  // namespace orrery
