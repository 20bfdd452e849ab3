// Weight gradient of a convolution with AMX tiles: oneDNN's kernel for it reaches a quarter of its forward rate
// on feature maps of 6 to 24 pixels, and it was 40 % of a training step.
#pragma once
#include "tensor/conv.h"

namespace orrery {

// This CPU and operating system have AMX bf16, and both channel counts are multiples of 32.
bool amx_conv_gradient_supported(const ConvShape& s);
// As conv_backward_weights(). The order of additions does not depend on the thread count.
void amx_conv_gradient(const ConvShape& s, const bf16* src, const bf16* d_dst, float* d_weight, float* d_bias);

}  // namespace orrery
