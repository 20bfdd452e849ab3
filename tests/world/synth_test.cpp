// Shards of `orrery synth`: what is written is what was simulated, and a second run only fills gaps.
#include "cli/world/synth_shards.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "core/safetensors.h"
#include "world/simulate.h"

namespace orrery {
namespace {

class Synth : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("synth_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    options_.count = 20;
    options_.num_frames = 25;
    options_.quiet = true;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path shard() const { return folder_ / "shard_00000.safetensors"; }

  fs::path folder_;
  SynthOptions options_;
};

TEST_F(Synth, ShardsHoldWhatWasSimulated) {
  EXPECT_EQ(write_shards(options_, folder_), 1);
  const SafetensorsFile file(shard());
  const RawTensor& states = file.tensor("states");
  ASSERT_EQ(states.shape.size(), 4u);
  EXPECT_EQ(states.shape[0], 20);
  EXPECT_EQ(states.shape[1], 25);
  const int64_t objects = states.shape[2];
  const float* values = reinterpret_cast<const float*>(states.bytes.data());
  const uint8_t* counts = file.tensor("num_objects").bytes.data();
  for (int64_t c = 0; c < 20; ++c) {
    const Sample sample = make_sample(uint64_t(c), Split::kTrain);
    const Trajectory t = simulate(sample.scene, 25, sample.pushes);
    ASSERT_EQ(counts[c], t.num_objects);
    for (int i = 0; i < t.num_objects; ++i) {
      const float* last = values + ((c * 25 + 24) * objects + i) * 6;
      EXPECT_EQ(last[0], t.at(24, i).x);
      EXPECT_EQ(last[5], t.at(24, i).omega);
    }
  }
}

TEST_F(Synth, PrologueRowsGiveTheSceneBack) {
  write_shards(options_, folder_);
  const SafetensorsFile file(shard());
  const RawTensor& prologue = file.tensor("prologue");
  const int64_t rows = prologue.shape[1];
  const int16_t* values = reinterpret_cast<const int16_t*>(prologue.bytes.data());
  for (int64_t c = 0; c < 20; ++c) {
    std::vector<PrologueItem> items;
    for (const int16_t* row = values + c * rows * 4; row < values + (c + 1) * rows * 4 && row[0] >= 0; row += 4)
      items.push_back({Attribute(row[0]), row[1], row[2], row[3]});
    const Scene scene = scene_of(items), expected = make_sample(uint64_t(c), Split::kTrain).scene;
    ASSERT_EQ(scene.objects.size(), expected.objects.size());
    EXPECT_EQ(scene.objects[0].x, expected.objects[0].x);
    EXPECT_EQ(scene.ramp.height, expected.ramp.height);
  }
}

TEST_F(Synth, CaptionsAreJsonOfOneListAClip) {
  write_shards(options_, folder_);
  const SafetensorsFile file(shard());
  const auto bytes = file.tensor("captions").bytes;
  const Json captions = parse_json(std::string(bytes.begin(), bytes.end()), "captions");
  ASSERT_EQ(captions.size(), 20u);
  for (const Json& list : captions) EXPECT_EQ(list.size(), 4u);
}

TEST_F(Synth, ASecondRunWritesNothingAndADamagedShardIsMadeAnew) {
  EXPECT_EQ(write_shards(options_, folder_), 1);
  const std::string hash = sha256_file(shard());
  EXPECT_EQ(write_shards(options_, folder_), 0);
  fs::resize_file(shard(), 100);
  EXPECT_EQ(write_shards(options_, folder_), 1);
  EXPECT_EQ(sha256_file(shard()), hash);
  fs::remove(shard());
  EXPECT_EQ(write_shards(options_, folder_), 1);
  EXPECT_EQ(sha256_file(shard()), hash);
}

TEST_F(Synth, OtherOptionsInTheSameFolderAreRefused) {
  write_shards(options_, folder_);
  options_.seed = 1;
  EXPECT_THROW(write_shards(options_, folder_), UsageError);
}

TEST_F(Synth, SameBytesAtOneAndTwoThreads) {
  const int before = num_threads();
  set_num_threads(1);
  write_shards(options_, folder_);
  const std::string one = sha256_file(shard());
  fs::remove_all(folder_);
  set_num_threads(2);
  write_shards(options_, folder_);
  set_num_threads(before);
  EXPECT_EQ(sha256_file(shard()), one);
}

}  // namespace
}  // namespace orrery
