#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "nn/orthogonalize.h"

namespace orrery {
namespace {

constexpr int64_t kBlock = 1 << 14;

// Sum of squares in fixed blocks, so that the thread count does not change the result.
double squared_norm(const std::vector<float>& g) {
  const int64_t blocks = (int64_t(g.size()) + kBlock - 1) / kBlock;
  std::vector<double> partial(blocks);
  parallel_for(blocks, [&](int64_t b) {
    double sum = 0;
    const int64_t end = std::min<int64_t>(g.size(), (b + 1) * kBlock);
    for (int64_t i = b * kBlock; i < end; ++i) sum += double(g[i]) * g[i];
    partial[b] = sum;
  });
  double total = 0;
  for (double p : partial) total += p;
  return total;
}

struct StepScalars {
  float rate, scale, beta1, beta2, correction1, correction2, epsilon, decay, ema;
};

ORRERY_SIMD void update_block(float* w, bf16* half, const float* g, float* m, float* v, float* ema, int64_t n, const StepScalars& scalars) {
  const StepScalars s = scalars;
#pragma omp simd  // seven arrays are too many for the compiler's own aliasing checks
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = g[i] * s.scale;
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * gradient;
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * gradient * gradient;
    const float update = (m[i] * s.correction1) / (std::sqrt(v[i] * s.correction2) + s.epsilon);
    w[i] -= s.rate * (update + s.decay * w[i]);
    ema[i] += (1 - s.ema) * (w[i] - ema[i]);
    half[i] = to_bf16(w[i]);
  }
}

// m <- beta m + g; out = g + beta m (Nesterov)
ORRERY_SIMD void accumulate_momentum(float* m, const float* g, float* out, int64_t n, float scale, float beta) {
  for (int64_t i = 0; i < n; ++i) {
    m[i] = beta * m[i] + scale * g[i];
    out[i] = scale * g[i] + beta * m[i];
  }
}

ORRERY_SIMD void apply_update(float* w, bf16* half, const float* update, float* ema, int64_t n, float step, float keep, float follow) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    w[i] = keep * w[i] - step * update[i];
    ema[i] += follow * (w[i] - ema[i]);
    half[i] = to_bf16(w[i]);
  }
}

void add_floats(SafetensorsWriter& writer, const std::string& name, const std::vector<float>& values) {
  writer.add(name, DType::kF32, {int64_t(values.size())}, {reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4});
}

void read_floats(const SafetensorsFile& file, const std::string& name, std::vector<float>& values) {
  const RawTensor& t = file.tensor(name);
  if (t.dtype != DType::kF32 || t.bytes.size() != values.size() * 4) fail("optimizer state {}: wrong size or type", name);
  std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
}

}  // namespace

AdamW::AdamW(ParameterList& parameters, const AdamWConfig& config) : parameters_(&parameters), config_(config) {
  for (Parameter* p : parameters.all()) {
    m_.emplace_back(p->value.size(), 0.0f);
    v_.emplace_back(p->value.size(), 0.0f);
    ema_.push_back(p->value);
  }
  muon_.assign(ema_.size(), false);
}

double AdamW::step(double learning_rate) {
  double total = 0;
  std::vector<double> norms;
  for (Parameter* p : parameters_->all()) {
    const double norm = norms.emplace_back(squared_norm(p->gradient));
    if (!std::isfinite(norm)) fail("step {}: gradient of {} is not finite", steps_, p->name);
    total += norm;
  }
  const double norm = std::sqrt(total);
  ++steps_;
  StepScalars s;
  s.rate = float(learning_rate);
  s.scale = norm > config_.clip_norm ? float(config_.clip_norm / norm) : 1.0f;
  s.beta1 = float(config_.beta1);
  s.beta2 = float(config_.beta2);
  s.correction1 = float(1 / (1 - std::pow(config_.beta1, double(steps_))));
  s.correction2 = float(1 / (1 - std::pow(config_.beta2, double(steps_))));
  s.epsilon = float(config_.epsilon);
  // The average follows closely at first: decay min(d, (1 + t) / (10 + t)).
  s.ema = float(std::min(config_.ema_decay, (1.0 + double(steps_)) / (10.0 + double(steps_))));
  for (size_t k = 0; k < parameters_->all().size(); ++k) {
    Parameter& p = *parameters_->all()[k];
    p.half.resize(p.value.size());
    p.half_changed();
    if (muon_[k]) {
      if (norms[k] > 0) muon_step(k, learning_rate, s.scale, s.ema);
      continue;
    }
    s.decay = p.decay ? float(config_.weight_decay) : 0.0f;
    parallel_for((p.size() + kBlock - 1) / kBlock, [&](int64_t b) {
      const int64_t i = b * kBlock, n = std::min<int64_t>(p.size() - i, kBlock);
      update_block(&p.value[i], &p.half[i], &p.gradient[i], &m_[k][i], &v_[k][i], &ema_[k][i], n, s);
    });
  }
  return norm;
}

void AdamW::use_muon(const Parameter& parameter) {
  for (size_t k = 0; k < muon_.size(); ++k)
    if (parameters_->all()[k] == &parameter) muon_[k] = true;
}

void AdamW::muon_step(size_t index, double rate, double scale, double ema) {
  Parameter& p = *parameters_->all()[index];
  const int64_t rows = p.shape[0], cols = p.size() / rows;
  std::vector<float>& m = m_[index];
  std::vector<float> update(m.size());
  accumulate_momentum(m.data(), p.gradient.data(), update.data(), p.size(), float(scale), float(config_.muon_momentum));
  orthogonalize(update.data(), rows, cols, update.data());
  const float step = float(0.2 * rate * std::sqrt(double(std::max(rows, cols))));
  const float keep = float(1 - rate * (p.decay ? config_.weight_decay : 0.0));
  apply_update(p.value.data(), p.half.data(), update.data(), ema_[index].data(), p.size(), step, keep, float(1 - ema));
}

void AdamW::swap_ema() {
  for (size_t k = 0; k < ema_.size(); ++k) std::swap(parameters_->all()[k]->value, ema_[k]);
  parameters_->refresh();
}

void AdamW::save(SafetensorsWriter& writer) const {
  for (size_t k = 0; k < ema_.size(); ++k) {
    const std::string& name = parameters_->all()[k]->name;
    add_floats(writer, "optimizer.m." + name, m_[k]);
    add_floats(writer, "optimizer.v." + name, v_[k]);
    add_floats(writer, "optimizer.ema." + name, ema_[k]);
  }
  writer.set_metadata("optimizer.steps", std::to_string(steps_));
}

void AdamW::load(const SafetensorsFile& file) {
  for (size_t k = 0; k < ema_.size(); ++k) {
    const std::string& name = parameters_->all()[k]->name;
    read_floats(file, "optimizer.m." + name, m_[k]);
    read_floats(file, "optimizer.v." + name, v_[k]);
    read_floats(file, "optimizer.ema." + name, ema_[k]);
  }
  steps_ = std::stoll(file.metadata("optimizer.steps", "0"));
}

}  // namespace orrery
