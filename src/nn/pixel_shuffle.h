// Moves between space and channels, factor 2, NHWC: [B, 2h, 2w, c] <-> [B, h, w, (dy, dx, c)].
#pragma once
#include "tensor/feature_map.h"

namespace orrery {

void space_to_depth(const FeatureMap& x, FeatureMap& y);  // its backward is depth_to_space
void depth_to_space(const FeatureMap& x, FeatureMap& y);  // its backward is space_to_depth

}  // namespace orrery
