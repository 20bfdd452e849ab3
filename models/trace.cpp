#include "models/trace.h"

#include <cmath>

namespace orrery {
namespace {

// |W_h a_h| for every head h: W_h are the head's columns of the output projection, of its values and relative values.
void head_norms(const MlaLayer& attention, const float* attended, float* norms) {
  const AttentionDims& dims = attention.config.dims;
  const int64_t d = attention.config.d_model, width = attention.config.attended_width(), relative = int64_t(dims.heads) * dims.value;
  for (int h = 0; h < dims.heads; ++h) {
    double square = 0;
    for (int64_t i = 0; i < d; ++i) {
      const float* w = &attention.out.weight.value[i * width];
      float sum = 0;
      for (int v = h * dims.value; v < (h + 1) * dims.value; ++v) sum += w[v] * attended[v];
      for (int64_t v = relative + h * dims.rope; v < relative + (h + 1) * dims.rope && v < width; ++v) sum += w[v] * attended[v];
      square += double(sum) * sum;
    }
    norms[h] = float(std::sqrt(square));
  }
}

}  // namespace

LayerTrace trace_layer(const MlaLayer& attention, const Rows<float>& attended,
                       const std::vector<Route>& routes, int64_t begin, std::vector<int32_t> rows) {
  LayerTrace t;
  t.rows = std::move(rows);
  const int heads = attention.config.dims.heads;
  t.heads.resize(t.rows.size() * size_t(heads));
  for (size_t i = 0; i < t.rows.size(); ++i) {
    t.routes.push_back(routes[size_t(begin) + i]);
    head_norms(attention, attended.row(begin + int64_t(i)), &t.heads[i * size_t(heads)]);
  }
  return t;
}

}  // namespace orrery
