// The loop around TokenizerTrainer::step: clock, log, checkpoints, export.
#include <chrono>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "train/tokenizer_trainer.h"
#include "train/train_log.h"

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kEvaluationScenes = 16;

Json record_of(const TokenizerTrainer& trainer, const TokenizerStep& s, double data_share) {
  return {{"step", trainer.state().step}, {"seconds", trainer.state().seconds}, {"loss", s.error.mean_loss()},
          {"psnr", s.error.psnr()},       {"object_psnr", s.error.object_psnr()}, {"gradient_norm", s.gradient_norm},
          {"rate", s.rate},               {"data_share", data_share}};
}

void checkpoint(TokenizerTrainer& trainer, const TrainOptions& options, TrainLog& log) {
  trainer.save(last_checkpoint(options.out));
  const ReconstructionError e = trainer.evaluate(kEvaluationScenes);
  log.write({{"step", trainer.state().step}, {"seconds", trainer.state().seconds}, {"held_out_psnr", e.psnr()}, {"held_out_object_psnr", e.object_psnr()}});
  if (!options.weights.empty()) trainer.export_to(options.weights, options.command);
}

TokenizerStep guarded_step(TokenizerTrainer& trainer, const TrainOptions& options) {
  try {
    return trainer.step();
  } catch (const Error& e) {
    fail("training stopped: {}; last good checkpoint: {}", e.what(), last_checkpoint(options.out).string());
  }
}

}  // namespace

void train_tokenizer(TokenizerTrainConfig config, const TrainOptions& options) {
  std::filesystem::create_directories(options.out);
  TokenizerTrainer trainer(config);
  if (!options.initial.empty()) trainer.load_weights(options.initial);
  if (options.resume) trainer.load(last_checkpoint(options.out));
  TrainLog log(options.out / "log.jsonl", options.resume ? trainer.state().step : -1);
  const Schedule& schedule = config.schedule;
  const bool by_steps = schedule.steps > 0;
  Progress progress("tokenizer", by_steps ? schedule.steps : int64_t(schedule.minutes * 60), by_steps ? "steps" : "s", options.quiet);
  const double before = trainer.state().seconds;
  const auto start = Clock::now();
  double saved = before, data_seconds = 0;
  while (!schedule.done(trainer.state().step, trainer.state().seconds)) {
    const TokenizerStep s = guarded_step(trainer, options);
    trainer.set_seconds(before + std::chrono::duration<double>(Clock::now() - start).count());
    const double seconds = trainer.state().seconds;
    const int64_t step = trainer.state().step;
    data_seconds += s.data_seconds;
    if (step % config.log_steps == 0) log.write(record_of(trainer, s, data_seconds / (seconds - before)));
    progress.update(by_steps ? step : int64_t(seconds),
                    fmt::format("step {}, loss {:.5f}, {:.2f} dB, objects {:.2f} dB", step, s.error.mean_loss(), s.error.psnr(), s.error.object_psnr()));
    if (seconds - saved < 60 * config.checkpoint_minutes) continue;
    checkpoint(trainer, options, log);
    saved = seconds;
  }
  checkpoint(trainer, options, log);
}

}  // namespace orrery
