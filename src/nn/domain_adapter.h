// What a domain adds to a projection that all domains share: y_t += U_d V_d x_t for the tokens t of domain d (LoRA, Hu
// et al. 2021, arXiv 2106.09685). U is zero at first. Domains without an adapter have the shared projection alone.
#pragma once
#include <array>
#include <span>

#include "nn/linear.h"
#include "nn/router.h"

namespace orrery {

struct AdapterCache {
  struct Part {                // the tokens of one domain
    std::vector<int64_t> rows;  // where they are in the batch
    Rows<bf16> x, low;          // their input, and V_d x
  };
  std::array<Part, kNumDomains> parts;
};

class DomainAdapter {
 public:
  // rank 0: none. The physical domain never has one, so that what others learn leaves states as they are.
  void declare(ParameterList& list, const std::string& name, int64_t in, int64_t out, int rank, Rng& rng);
  bool present() const { return rank_ > 0; }
  // x [t, in], domain [t]; adds to y [t, out]. The cache is for backward.
  void add_to(const Rows<bf16>& x, std::span<const uint8_t> domain, AdapterCache& cache, Rows<float>& y) const;
  // dy [t, out] -> gradients (added); adds to dx [t, in].
  void backward(const AdapterCache& cache, const Rows<bf16>& dy, Rows<float>& dx);

 private:
  int rank_ = 0;
  std::array<Linear, kNumDomains> down_, up_;  // [rank, in], [out, rank]
};

}  // namespace orrery
