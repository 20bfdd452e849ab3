// The routed feed-forward alone, forward and forward with backward, against the GEMM rate of the same run. Beside
// PyTorch: bench/moe_layer.py.
#include <fmt/format.h>

#include <chrono>

#include "bench/common.h"
#include "nn/experts.h"

namespace orrery::bench {
namespace {

struct Shape {
  int tokens = 4096, d = 256, hidden = 512, experts = 24, top_k = 2;
};

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

RoutedFfnConfig config_of(const Shape& s) {
  RoutedFfnConfig c;
  c.d_model = s.d, c.expert_hidden = s.hidden;
  c.shared_hidden = 16;  // next to nothing: the other side has no shared expert
  c.router.experts = {s.experts / 3, s.experts / 3, s.experts / 3};
  c.router.top_k = s.top_k;
  return c;
}

void run(const Options& o, const Shape& s) {
  Report report("The routed feed-forward: domain router, group-limited top-k, experts as grouped GEMMs", o, nullptr);
  Rng rng(o.seed, 1);
  ParameterList list;
  RoutedFfn ffn;
  ffn.declare(list, "ffn", config_of(s), rng);
  list.refresh();
  Rows<float> x, y, dy, dx;
  x.resize(s.tokens, s.d), dy.resize(s.tokens, s.d);
  for (int64_t i = 0; i < int64_t(s.tokens) * s.d; ++i) x.data()[i] = float(rng.normal()), dy.data()[i] = float(rng.normal());
  Rows<bf16> half;
  to_bf16(x, half);
  std::vector<uint8_t> modality(size_t(s.tokens), 0);
  for (size_t i = 0; i < modality.size(); ++i) modality[i] = uint8_t(i % 3);
  const std::vector<int64_t> sequences = {0, s.tokens};
  RoutedFfnCache cache;
  RoutingOptions options;
  options.training = true;
  std::vector<double> forward, both;
  RoutingStats stats;
  for (int i = -2; i < o.count; ++i) {
    stats = {};
    const double f = seconds_of([&] { routed_ffn_forward(ffn, x, half, modality, options, cache, stats, y); });
    list.zero_gradients();
    const double b = seconds_of([&] { routed_ffn_backward(ffn, x, half, modality, sequences, cache, stats, dy, dx); });
    if (i >= 0) forward.push_back(f), both.push_back(f + b);
  }
  const double peak = gemm_rate();
  const double flops = 2.0 * s.tokens * s.top_k * 3 * s.d * s.hidden;  // of the experts, forward
  const double f = quantile(forward, 0.5), fb = quantile(both, 0.5);
  report.print(Table{fmt::format("{} tokens, width {}, hidden {}, {} experts, top {}", s.tokens, s.d, s.hidden, s.experts, s.top_k),
                     {"N", "forward ms: median / p90", "forward and backward ms", "share of the bf16 GEMM rate, forward", "both", "GEMM 1024^3, TFLOP/s"},
                     {{std::to_string(o.count), fmt::format("{:.2f} / {:.2f}", 1e3 * f, 1e3 * quantile(forward, 0.9)), fmt::format("{:.2f} / {:.2f}", 1e3 * fb, 1e3 * quantile(both, 0.9)),
                       fmt::format("{:.0f} %", 100 * flops / f / peak), fmt::format("{:.0f} %", 300 * flops / fb / peak), fmt::format("{:.2f}", peak / 1e12)}}});
  report.figures = {{"forward_s", f}, {"both_s", fb}, {"gemm_flops", peak}, {"tokens", s.tokens}, {"d", s.d}, {"hidden", s.hidden}, {"experts", s.experts}, {"top_k", s.top_k}};
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Time of the routed feed-forward alone", "moe_layer");
  Options options;
  Shape shape;
  add_options(app, options, 20, "repetitions");
  app.add_option("--tokens", shape.tokens)->capture_default_str();
  app.add_option("--width", shape.d)->capture_default_str();
  app.add_option("--hidden", shape.hidden)->capture_default_str();
  app.add_option("--experts", shape.experts, "a multiple of 6")->capture_default_str();
  app.add_option("--top-k", shape.top_k)->capture_default_str();
  return run_program(app, argc, argv, options, [&] { run(options, shape); });
}
