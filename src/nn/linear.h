// y = x W^T (+ b). W is [out, in]. Products in bf16 with f32 accumulation, or all in f32 for state inputs and outputs.
#pragma once
#include "nn/parameter.h"
#include "tensor/matmul.h"

namespace orrery {

struct Linear {
  Parameter weight;  // [out, in]
  Parameter bias;    // [out], or empty
  bool has_bias = false;
  void declare(ParameterList& list, const std::string& name, int64_t in, int64_t out, bool with_bias, Rng& rng, double gain = 1.0);
  int64_t in() const { return weight.shape[1]; }
  int64_t out() const { return weight.shape[0]; }
};

// y [m, out] = x [m, in] w^T, in bf16 or, where the parameter has codes for it, in int8.
void weight_product(int64_t m, const bf16* x, const Parameter& w, float* y);
void weight_product(int64_t m, const bf16* x, const Parameter& w, bf16* y);

// x [t, in] -> y [t, out].
void linear_forward(const Linear& l, const Rows<bf16>& x, Rows<float>& y);
void linear_forward(const Linear& l, const Rows<bf16>& x, Rows<bf16>& y);  // no bias
void linear_forward(const Linear& l, const Rows<float>& x, Rows<float>& y);
// dy [t, out] -> dx [t, in] (overwritten; null to skip) and gradients (added). x: the input of the forward pass.
void linear_backward(Linear& l, const Rows<bf16>& x, const Rows<bf16>& dy, Rows<float>* dx, bool accumulate_dx = false);
void linear_backward(Linear& l, const Rows<float>& x, const Rows<float>& dy, Rows<float>* dx);

void to_bf16(const Rows<float>& from, Rows<bf16>& to);
void add_rows(const Rows<float>& from, Rows<float>& to);
// to row i = from row rows[i]; and the way back: to row rows[i] += from row i, the rows distinct.
void gather_rows(const Rows<float>& from, const std::vector<int64_t>& rows, Rows<float>& to);
void gather_rows(const Rows<bf16>& from, const std::vector<int64_t>& rows, Rows<bf16>& to);
void scatter_add(const Rows<float>& from, const std::vector<int64_t>& rows, Rows<float>& to);

// Two layers with SiLU between, in f32: the embedding of continuous features.
struct FeatureMlp {
  Linear up, down;
  void declare(ParameterList& list, const std::string& name, int64_t in, int64_t hidden, int64_t out, Rng& rng);
  struct Cache {
    Rows<float> input, hidden, activated;
  };
};
// cache.input holds the features [t, in]; y [t, out]. dinput [t, in] is overwritten; null to skip.
void feature_mlp_forward(const FeatureMlp& mlp, FeatureMlp::Cache& cache, Rows<float>& y);
void feature_mlp_backward(FeatureMlp& mlp, FeatureMlp::Cache& cache, const Rows<float>& dy, Rows<float>* dinput = nullptr);

}  // namespace orrery
