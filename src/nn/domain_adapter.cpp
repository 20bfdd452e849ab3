#include "nn/domain_adapter.h"

#include <algorithm>

namespace orrery {
namespace {

constexpr Domain kAdapted[] = {Domain::kLinguistic, Domain::kVisual};

void clear_others(std::span<const uint8_t> domain, Domain own, Rows<float>& rows) {
  for (int64_t t = 0; t < rows.rows(); ++t)
    if (domain[size_t(t)] != uint8_t(own)) std::fill_n(rows.row(t), rows.cols(), 0.0f);
}

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
    Rows<bf16>& half = cache.low[size_t(d)];
    half.resize(0, rank_);
    if (std::ranges::find(domain, uint8_t(d)) == domain.end()) continue;
    linear_forward(down_[size_t(d)], x, low);
    clear_others(domain, d, low);
    to_bf16(low, half);
    linear_forward(up_[size_t(d)], half, added);
    add_rows(added, y);
  }
}

void DomainAdapter::backward(const Rows<bf16>& x, std::span<const uint8_t> domain, const AdapterCache& cache, const Rows<bf16>& dy, Rows<float>& dx) {
  Rows<float> dlow;
  Rows<bf16> half;
  for (Domain d : kAdapted) {
    if (!present() || cache.low[size_t(d)].rows() == 0) continue;
    linear_backward(up_[size_t(d)], cache.low[size_t(d)], dy, &dlow);
    clear_others(domain, d, dlow);
    to_bf16(dlow, half);
    linear_backward(down_[size_t(d)], x, half, &dx, true);
  }
}

}  // namespace orrery
