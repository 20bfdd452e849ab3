// Held-out figures of the dynamics, and the loop around TransformerTrainer::step.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/progress.h"
#include "models/rollout.h"
#include "train/train_log.h"
#include "train/transformer_trainer.h"
#include "world/simulate.h"

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + int64_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Place errors of all objects in the view at a frame.
void add_errors(const Trajectory& truth, const Trajectory& guess, int frame, std::vector<double>& errors) {
  for (int k = 0; k < truth.num_objects; ++k) {
    const ObjectState &a = truth.at(frame, k), &b = guess.at(frame, k);
    if (a.x >= 0 && a.x <= kViewWidth) errors.push_back(std::hypot(a.x - b.x, a.y - b.y));
  }
}

Json record_of(const TransformerTrainer& trainer, const TransformerStep& s) {
  int64_t tokens = 0, left = 0, dropped = 0, fallback = 0;
  for (const RoutingStats& r : s.routing) tokens += r.tokens, left += r.left_modality, dropped += r.dropped, fallback += r.fallback;
  return {{"step", trainer.state().step},
          {"seconds", trainer.state().seconds},
          {"prologue_loss", s.prologue.mean()},
          {"prologue_accuracy", s.prologue.hit_rate()},
          {"category_accuracy", double(s.prologue.category_hits) / double(std::max<int64_t>(1, s.prologue.categories))},
          {"state_loss", s.states.mean()},
          {"contact_accuracy", s.states.hit_rate()},
          {"pixel_loss", s.pixels.mean()},
          {"code_accuracy", s.pixels.hit_rate()},
          {"object_psnr", s.picture.object_psnr()},
          {"early_copy_accuracy", s.early_copy.hit_rate()},
          {"gradient_norm", s.gradient_norm},
          {"rate", s.rate},
          {"tokens", s.tokens},
          {"left_modality", double(left) / double(std::max<int64_t>(1, tokens))},
          {"dropped", double(dropped) / double(std::max<int64_t>(1, tokens))},
          {"fallback", double(fallback) / double(std::max<int64_t>(1, tokens))}};
}

void checkpoint(TransformerTrainer& trainer, const TrainOptions& options, int scenes, TrainLog& log) {
  trainer.save(last_checkpoint(options.out));
  if (!options.weights.empty()) trainer.export_to(options.weights, options.command);
  log.write({{"step", trainer.state().step}, {"seconds", trainer.state().seconds}, {"held_out", trainer.evaluate(scenes)}});
}

TransformerStep guarded_step(TransformerTrainer& trainer, const TrainOptions& options) {
  try {
    return trainer.step();
  } catch (const Error& e) {
    fail("training stopped: {}; last good checkpoint: {}", e.what(), last_checkpoint(options.out).string());
  }
}

}  // namespace

Json TransformerTrainer::evaluate(int scenes_per_family) {
  constexpr int kChunks = 18;  // 3 s
  const int frames[] = {24, 72};
  optimizer_.swap_ema();
  Json result;
  for (std::string_view family : family_names()) {
    std::vector<double> model_errors[2], baseline_errors[2];
    for (int i = 0; i < scenes_per_family; ++i) {
      const Sample sample = make_sample(uint64_t(i), Split::kId, std::string(family));
      const Trajectory truth = simulate(sample.scene, kChunks * kFramesPerChunk + 1);
      GenerationCache cache;
      const Trajectory guess = trajectory_of(sample.scene, rollout_states(model_, sample.scene, kChunks, {}, cache));
      const Trajectory straight = trajectory_of(sample.scene, constant_velocity_states(sample.scene, kChunks));
      for (int h = 0; h < 2; ++h) {
        add_errors(truth, guess, frames[h], model_errors[h]);
        add_errors(truth, straight, frames[h], baseline_errors[h]);
      }
    }
    result[std::string(family)] = {{"1s", median(model_errors[0])}, {"3s", median(model_errors[1])},
                                   {"constant_velocity_1s", median(baseline_errors[0])}, {"constant_velocity_3s", median(baseline_errors[1])}};
  }
  optimizer_.swap_ema();
  return result;
}

void train_transformer(TransformerTrainConfig config, const TrainOptions& options) {
  std::filesystem::create_directories(options.out);
  TransformerTrainer trainer(config);
  if (!options.initial.empty()) trainer.load_weights(options.initial);
  if (options.resume) trainer.load(last_checkpoint(options.out));
  TrainLog log(options.out / "log.jsonl", options.resume ? trainer.state().step : -1);
  const Schedule& schedule = config.schedule;
  const bool by_steps = schedule.steps > 0;
  Progress progress("transformer", by_steps ? schedule.steps : int64_t(schedule.minutes * 60), by_steps ? "steps" : "s", options.quiet);
  const double before = trainer.state().seconds;
  const auto start = Clock::now();
  double saved = before;
  while (!schedule.done(trainer.state().step, trainer.state().seconds)) {
    const TransformerStep s = guarded_step(trainer, options);
    trainer.set_seconds(before + std::chrono::duration<double>(Clock::now() - start).count());
    const double seconds = trainer.state().seconds;
    if (trainer.state().step % config.log_steps == 0) log.write(record_of(trainer, s));
    progress.update(by_steps ? trainer.state().step : int64_t(seconds),
                    fmt::format("step {}, text {:.3f}, states {:.4f}, pixels {:.3f}", trainer.state().step, s.prologue.mean(), s.states.mean(), s.pixels.mean()));
    if (seconds - saved < 60 * config.checkpoint_minutes) continue;
    checkpoint(trainer, options, config.evaluation_scenes, log);
    saved = seconds;
  }
  checkpoint(trainer, options, config.evaluation_scenes, log);
}

}  // namespace orrery
