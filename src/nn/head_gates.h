// Domain-gated heads: a domain opens each attention head to a degree g in [0, 1], a sigmoid stretched over both ends
// (hard concrete, Louizos et al. 2018, arXiv 1712.01312, without its noise) so that a head can close altogether.
// A head that no token of a sequence opens is not computed for it.
#pragma once
#include <span>

#include "nn/attention.h"

namespace orrery {

struct HeadGates {
  Parameter logit;  // [domains, heads]; absent while domains is 0: all heads are open
  int domains = 0, heads = 0;
  double weight = 0;  // of the penalty sum(g) in the loss
  void declare(ParameterList& list, const std::string& name, int domains, int heads, double weight);
  std::vector<float> values() const;  // [domains][heads], 0 to 1
};

// A bit a head and sequence, [sequences][heads]: some query's domain opens it beyond the threshold.
std::vector<uint8_t> open_heads(const std::vector<float>& gates, int heads, const AttentionPlan& plan, std::span<const uint8_t> domain, float threshold);

// attended (rows of HeadRows, relative values behind the values or none) is scaled by each token's gates; those at or
// below the threshold count as 0.
void apply_gates(const std::vector<float>& gates, const AttentionDims& dims, std::span<const uint8_t> domain, float threshold, Rows<float>& attended);
// d: gradient of the scaled rows -> of the rows before; the gates' gradient is added, with the penalty's.
void gates_backward(HeadGates& gates, const AttentionDims& dims, std::span<const uint8_t> domain, const Rows<float>& before, Rows<float>& d);

}  // namespace orrery
