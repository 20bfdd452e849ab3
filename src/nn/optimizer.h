// AdamW (Loshchilov and Hutter 2019) with global-norm clipping and an exponential moving average of the weights.
#pragma once
#include <map>

#include "nn/parameter.h"

namespace orrery {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-8;
  double weight_decay = 0.01;
  double clip_norm = 1.0;
  double ema_decay = 0.999;
  double muon_momentum = 0.95;
};

class AdamW {
 public:
  AdamW(ParameterList& parameters, const AdamWConfig& config);
  // One step from the gradients; returns their global norm before clipping. Error naming the tensor if a
  // gradient is not finite (nothing is changed then). Refreshes the bf16 copies.
  double step(double learning_rate);
  // From now on this parameter, a matrix [first extent][rest], takes Muon's steps (Jordan et al. 2024): the momentum
  // orthogonalised, scaled by 0.2 sqrt(longer side) so that AdamW's rate and decay fit (Liu et al. 2025). A zero gradient (an expert that
  // nothing was routed to) moves nothing: the direction of a stale momentum would be followed at full length.
  void use_muon(const Parameter& parameter);
  int64_t steps() const { return steps_; }
  const std::vector<float>& ema(size_t index) const { return ema_[index]; }
  void swap_ema();  // exchanges weights and their average (call again to undo); refreshes
  // m, v, ema and the step count, so that a resumed run is the same run.
  void save(SafetensorsWriter& writer) const;
  void load(const SafetensorsFile& file);

 private:
  void muon_step(size_t index, double rate, double scale, double ema);  // of a gradient that is not zero
  ParameterList* parameters_;
  AdamWConfig config_;
  int64_t steps_ = 0;
  std::vector<std::vector<float>> m_, v_, ema_;
  std::vector<bool> muon_;
};

}  // namespace orrery
