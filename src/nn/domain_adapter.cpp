#include "nn/domain_adapter.h"

#include <algorithm>

namespace orrery {
namespace {

constexpr Domain kAdapted[] = {Domain::kLinguistic, Domain::kVisual};

}  // namespace

void DomainAdapter::declare(ParameterList& list, const std::string& name, int64_t in, int64_t out, int rank, Rng& rng) {
  rank_ = rank;
  if (!present()) return;
  for (Domain d : kAdapted) {
    const std::string own = fmt::format("{}.{}", name, kDomainNames[size_t(d)]);
    down_[size_t(d)].declare(list, own + ".down", in, rank, false, rng);
    up_[size_t(d)].declare(list, own + ".up", rank, out, false, rng, 0.0);
  }
}

void DomainAdapter::add_to(const Rows<bf16>& x, std::span<const uint8_t> domain, AdapterCache& cache, Rows<float>& y) const {
  if (!present()) return;
  Rows<float> low, added;
  for (Domain d : kAdapted) {
    AdapterCache::Part& part = cache.parts[size_t(d)];
    part.rows.clear();
    for (int64_t t = 0; t < x.rows(); ++t)
      if (domain[size_t(t)] == uint8_t(d)) part.rows.push_back(t);
    if (part.rows.empty()) continue;
    gather_rows(x, part.rows, part.x);
    linear_forward(down_[size_t(d)], part.x, low);
    to_bf16(low, part.low);
    linear_forward(up_[size_t(d)], part.low, added);
    scatter_add(added, part.rows, y);
  }
}

void DomainAdapter::backward(const AdapterCache& cache, const Rows<bf16>& dy, Rows<float>& dx) {
  if (!present()) return;
  Rows<float> dlow, dpart;
  Rows<bf16> own, half;
  for (Domain d : kAdapted) {
    const AdapterCache::Part& part = cache.parts[size_t(d)];
    if (part.rows.empty()) continue;
    gather_rows(dy, part.rows, own);
    linear_backward(up_[size_t(d)], part.low, own, &dlow);
    to_bf16(dlow, half);
    linear_backward(down_[size_t(d)], part.x, half, &dpart);
    scatter_add(dpart, part.rows, dx);
  }
}

}  // namespace orrery
