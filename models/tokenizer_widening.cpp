#include "models/tokenizer_widening.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "nn/quantize.h"

namespace orrery {
namespace {

bool has_part(const std::string& name, const char* part) { return name.find(std::string(".") + part + ".") != std::string::npos; }

// New channels are zero wherever they would reach an old one: as outputs of what writes into the residual stream, and
// as what a block's second convolution reads of its first.
bool writes_stream(const std::string& name) { return has_part(name, "change") || has_part(name, "second"); }
bool new_inputs_are_live(const std::string& name) { return has_part(name, "second"); }

// Inputs after space-to-depth: four pixels' channels side by side, each of which grew.
int64_t pixels_an_input(const Parameter& p) {
  return has_part(p.name, "change") && !p.name.starts_with("encoder0") ? 4 : 1;
}

void widen_convolution(const std::vector<float>& from, const std::vector<int64_t>& held, Parameter& p) {
  const int64_t outputs = held[0], kernel = held[1] * held[2], inputs = held[3], wider = p.shape[3], pixels = pixels_an_input(p);
  for (int64_t o = 0; o < p.shape[0]; ++o)
    for (int64_t k = 0; k < kernel; ++k) {
      float* row = &p.value[size_t((o * kernel + k) * wider)];
      if (o >= outputs) {
        if (writes_stream(p.name)) std::fill_n(row, wider, 0.0f);
        continue;
      }
      if (new_inputs_are_live(p.name)) std::fill_n(row, wider, 0.0f);
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        std::copy_n(&from[size_t((o * kernel + k) * inputs + pixel * (inputs / pixels))], inputs / pixels, row + pixel * (wider / pixels));
    }
}

// RMS over more channels, the new of which are zero, is smaller by sqrt(held / wider).
void widen_gain(const std::vector<float>& from, Parameter& p) {
  const float scale = std::sqrt(float(from.size()) / float(p.value.size()));
  for (size_t i = 0; i < from.size(); ++i) p.value[i] = from[i] * scale;
}

}  // namespace

void load_into_wider_tokenizer(const SafetensorsFile& file, const ParameterList& parameters) {
  for (Parameter* p : parameters.all()) {
    if (!file.contains(p->name)) continue;
    const std::vector<int64_t> held = file.tensor(p->name).shape;
    bool fits = held.size() == p->shape.size();
    for (size_t i = 0; fits && i < held.size(); ++i) fits = p->name.starts_with("encoder") ? held[i] <= p->shape[i] : held[i] == p->shape[i];
    if (!fits) fail("tensor {} does not fit: only the encoder may be wider than the file's", p->name);
    std::vector<float> values;
    read_weights(file, p->name, held, values);
    if (held.size() == 4)
      widen_convolution(values, held, *p);
    else if (p->name.ends_with(".gain"))
      widen_gain(values, *p);
    else
      std::copy(values.begin(), values.end(), p->value.begin());  // biases: zero for new channels
    p->refresh();
  }
}

}  // namespace orrery
