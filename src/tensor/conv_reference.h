// The oracle of conv.h: plain loops in double precision over f32 NHWC values.
#pragma once
#include <vector>

#include "tensor/conv.h"

namespace orrery {

std::vector<double> conv_reference(const ConvShape& s, const std::vector<float>& src, const std::vector<float>& weight, const std::vector<float>& bias);
struct ConvGradients {
  std::vector<double> src, weight, bias;
};
ConvGradients conv_reference_backward(const ConvShape& s, const std::vector<float>& src, const std::vector<float>& weight, const std::vector<float>& d_dst);

}  // namespace orrery
