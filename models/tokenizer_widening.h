// A video tokenizer's weights into one with more encoder channels, which at first computes the same (Net2Net, Chen et
// al. 2016, but with new channels that start at zero instead of copies).
#pragma once
#include "core/safetensors.h"
#include "nn/parameter.h"

namespace orrery {

// parameters: a VideoTokenizer's. What the file lacks keeps its values. Error where the file's decoder is not of the
// same shape, or its encoder is wider.
void load_into_wider_tokenizer(const SafetensorsFile& file, const ParameterList& parameters);

}  // namespace orrery
