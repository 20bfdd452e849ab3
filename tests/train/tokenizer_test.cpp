// The tokenizer's trainer: it learns, resumes bit for bit, and stops on what is not finite.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "train/tokenizer_trainer.h"
#include "train/train_log.h"
#include "world/renderer.h"

namespace orrery {
namespace {

TokenizerTrainConfig tiny_config() {
  TokenizerTrainConfig c;
  c.model.fsq_dims = 8;
  c.model.encoder_width = {32, 32, 32};
  c.model.decoder_width = {32, 32, 32};
  c.model.decoder_blocks = {1, 1, 1};
  c.crops.size = 32;
  c.batch = 6;
  c.pool_scenes = 3;
  c.scenes_per_step = 1;
  c.schedule.steps = 100;
  c.schedule.warmup_steps = 5;
  c.schedule.peak = 3e-3;
  return c;
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    path_ = fs::temp_directory_path() /
            fmt::format("orrery_train_{}_{}", ::getpid(),
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(path_);
  }
  void TearDown() override { fs::remove_all(path_); }
  fs::path path_;
};

TEST(TokenizerTrainer, OverfitsOneSceneBeyondItsTemporalMean) {
  TokenizerTrainConfig c = tiny_config();
  c.pool_scenes = 1, c.scenes_per_step = 0, c.batch = 4, c.unrounded_share = 0;
  c.schedule.steps = 250;
  TokenizerTrainer trainer(c);
  const double first = trainer.step().error.mean_loss();
  ReconstructionError last;
  for (int i = 0; i < 249; ++i) last = trainer.step().error;
  EXPECT_LT(last.mean_loss(), 0.05 * first);
  EXPECT_GT(last.object_psnr(), 24);
}

using TokenizerResume = Folder;

TEST_F(TokenizerResume, GivesTheSameBitsAsAnUnbrokenRun) {
  TokenizerTrainer unbroken(tiny_config()), first(tiny_config()), second(tiny_config());
  for (int i = 0; i < 6; ++i) unbroken.step();
  for (int i = 0; i < 3; ++i) first.step();
  first.save(path_ / "c.safetensors");
  second.load(path_ / "c.safetensors");
  EXPECT_EQ(second.state().step, 3);
  for (int i = 0; i < 3; ++i) second.step();
  const auto &a = unbroken.model().parameters().all(), &b = second.model().parameters().all();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i]->value, b[i]->value) << a[i]->name;
  unbroken.save(path_ / "a.safetensors");
  second.save(path_ / "b.safetensors");
  EXPECT_EQ(read_bytes(path_ / "a.safetensors"),
            read_bytes(path_ / "b.safetensors"));  // optimizer and averages too
}

TEST_F(TokenizerResume, ExportHoldsAveragedWeightsAndLeavesTheRunAsItWas) {
  TokenizerTrainer exported(tiny_config()), plain(tiny_config());
  for (int i = 0; i < 3; ++i) exported.step(), plain.step();
  exported.export_to(path_ / "w.safetensors", "orrery train tokenizer");
  exported.evaluate(1);
  EXPECT_EQ(exported.step().error.loss, plain.step().error.loss);
  const auto loaded = VideoTokenizer::load(path_ / "w.safetensors");
  EXPECT_EQ(loaded->dims(), 8);
  EXPECT_EQ(SafetensorsFile(path_ / "w.safetensors").metadata("train.command"), "orrery train tokenizer");
}

TEST_F(TokenizerResume, ACheckpointOfAnotherModelIsAnError) {
  TokenizerTrainConfig other = tiny_config();
  other.model.fsq_dims = 4;
  TokenizerTrainer trainer(tiny_config()), different(other);
  different.save(path_ / "c.safetensors");
  EXPECT_THROW(trainer.load(path_ / "c.safetensors"), Error);
}

TEST_F(TokenizerResume, TheWholeRunLogsCheckpointsAndExports) {
  TokenizerTrainConfig c = tiny_config();
  c.schedule.steps = 4;
  c.log_steps = 2;
  TrainOptions o;
  o.out = path_ / "out", o.weights = path_ / "w.safetensors", o.quiet = true;
  train_tokenizer(c, o);
  c.schedule.steps = 6;
  o.resume = true;
  train_tokenizer(c, o);
  EXPECT_TRUE(fs::exists(last_checkpoint(o.out)));
  EXPECT_TRUE(fs::exists(o.weights));
  const std::string log = read_text(o.out / "log.jsonl");
  for (const char* text : {"\"step\":2,", "\"step\":4,", "\"step\":6,", "held_out_psnr"})
    EXPECT_NE(log.find(text), std::string::npos) << text;
}

TEST_F(TokenizerResume, NotFiniteWeightsStopTheRunWithTheTensorAndTheCheckpoint) {
  TokenizerTrainer trainer(tiny_config());
  trainer.step();
  trainer.model().parameters().all().back()->value[0] = std::numeric_limits<float>::quiet_NaN();
  trainer.model().weights_changed();
  EXPECT_THROW(trainer.step(), Error);
  EXPECT_EQ(trainer.state().step, 1);
}

TEST(CropSource, ACropDependsOnItsNumberAlone) {
  CropConfig c;
  c.size = 32;
  const CropSource source(c, 5, Split::kTrain);
  const auto a = source.crops_of_scene(7), b = source.crops_of_scene(7), other = source.crops_of_scene(8);
  ASSERT_EQ(a.size(), 4u);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].patches, b[i].patches);
    EXPECT_EQ(a[i].classes, b[i].classes);
  }
  EXPECT_NE(a[0].patches, other[0].patches);
}

TEST(CropSource, MostCropsShowAnObject) {
  CropConfig c;
  c.size = 64;
  const CropSource source(c, 5, Split::kTrain);
  int with = 0, total = 0;
  for (int s = 0; s < 25; ++s)
    for (const Crop& crop : source.crops_of_scene(s)) {
      ++total;
      with += std::any_of(crop.classes.begin(), crop.classes.end(), [](uint8_t k) { return k & kObject; });
    }
  EXPECT_GT(with, total / 2);
  EXPECT_LT(with, total);
}

TEST(PixelClasses, MarkWhatMovesAndWhatIsNearAnObject) {
  const int n = 16;
  PixelClassConfig c;
  std::vector<uint8_t> rgb(size_t(kChunkFrames) * n * n * 3, 100),
      ids(size_t(kChunkFrames) * n * n, kMaskBackground);
  rgb[(2 * n * n + 5 * n + 5) * 3 + 1] = 160;  // one pixel flashes in frame 2
  for (int f = 0; f < kChunkFrames; ++f) ids[f * n * n + 8 * n + 8] = 1;
  ids[3 * n * n] = kMaskRamp;
  const auto classes = classify_pixels(rgb, ids, n, n, c);
  EXPECT_EQ(classes[2 * n * n + 5 * n + 5], kMoving);
  EXPECT_EQ(classes[5 * n + 5], kMoving);  // off its mean by 15 of 255: more than 4 %
  EXPECT_EQ(classes[8 * n + 10], kObject);
  EXPECT_EQ(classes[10 * n + 6], kObject);
  EXPECT_EQ(classes[8 * n + 11], 0);
  EXPECT_EQ(classes[3 * n * n], 0);  // a ramp is no object
}

TEST(Schedule, WarmsUpThenFallsToTheLastRate) {
  Schedule s;
  s.steps = 1000, s.warmup_steps = 100;
  EXPECT_LT(s.rate(0, 0), 0.02 * s.peak);
  EXPECT_NEAR(s.rate(100, 0), s.peak, 0.03 * s.peak);
  EXPECT_NEAR(s.rate(1000, 0), s.last, 1e-9);
  EXPECT_TRUE(s.done(1000, 0));
  s.steps = 0, s.minutes = 10;
  EXPECT_NEAR(s.rate(500, 300), (s.peak + s.last) / 2, 1e-9);
}

TEST(TokenizerTrainConfig, RoundTripsAndNamesWhatIsWrong) {
  TokenizerTrainConfig c = tiny_config();
  EXPECT_EQ(TokenizerTrainConfig::from_json(c.to_json()).to_json(), c.to_json());
  Json json = c.to_json();
  json["learning_rte"] = 1;
  EXPECT_THROW(TokenizerTrainConfig::from_json(json), Error);
  json = c.to_json();
  json["crops"]["size"] = 60;
  EXPECT_THROW(TokenizerTrainConfig::from_json(json), Error);
  json = c.to_json();
  json["schedule"]["steps"] = 0, json["schedule"]["minutes"] = 0;
  EXPECT_THROW(TokenizerTrainConfig::from_json(json), Error);
}

TEST(TokenizerTrainConfig, TheCheckedInFileIsValid) {
  const Json json = read_json(fs::path(ORRERY_ROOT) / "src/train/configs/tokenizer.json");
  EXPECT_EQ(TokenizerTrainConfig::from_json(json).model.fsq_levels, 7);
}

using TrainLogTest = Folder;

TEST_F(TrainLogTest, ResumingDropsLaterAndBrokenLines) {
  {
    TrainLog log(path_ / "l.jsonl", -1);
    for (int i = 1; i <= 4; ++i) log.write({{"step", i}});
  }
  write_atomic(path_ / "l.jsonl", read_text(path_ / "l.jsonl") + "{\"step\": 2, \"lo");
  TrainLog log(path_ / "l.jsonl", 2);
  log.write({{"step", 3}, {"again", true}});
  EXPECT_EQ(read_text(path_ / "l.jsonl"), "{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
}

}  // namespace
}  // namespace orrery
