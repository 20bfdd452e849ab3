// Clips that run together are the clips that they are alone, bit for bit.
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/rng.h"
#include "generate/pipeline.h"
#include "tensor/dnnl_runtime.h"

namespace orrery {
namespace {

constexpr int kChunks = 3;

struct Made {
  Scene scene;
  std::vector<std::vector<ObjectChunk>> chunks;
  std::vector<ShownCodes> codes;
};

std::vector<Made> make(const Generator& generator, const std::vector<Generator::Request>& requests) {
  std::vector<PlannedClip> clips = generator.plan(requests, kChunks);
  std::vector<GenerationCache*> caches;
  std::vector<Made> made(clips.size());
  for (size_t i = 0; i < clips.size(); ++i) {
    caches.push_back(&clips[i].cache);
    made[i].scene = clips[i].scene;
    made[i].chunks = clips[i].chunks;
  }
  generate_codes(generator.transformer(), caches, kChunks, [&](size_t i, int, const ShownCodes& codes) { made[i].codes.push_back(codes); });
  return made;
}

void expect_same(const Made& a, const Made& b) {
  EXPECT_EQ(a.scene.gravity, b.scene.gravity);
  ASSERT_EQ(a.scene.objects.size(), b.scene.objects.size());
  for (size_t c = 0; c < a.chunks.size(); ++c)
    for (size_t k = 0; k < a.chunks[c].size(); ++k)
      for (int f = 0; f < kFramesPerChunk; ++f) {
        EXPECT_EQ(a.chunks[c][k].states[f].x, b.chunks[c][k].states[f].x);
        EXPECT_EQ(a.chunks[c][k].states[f].angle, b.chunks[c][k].states[f].angle);
      }
  EXPECT_EQ(a.codes, b.codes);
}

TEST(Together, EveryClipIsWhatItIsAlone) {
  if (find_data_file("transformer.safetensors").empty()) GTEST_SKIP() << "no shipped weights";
  if (!rows_are_independent()) GTEST_SKIP() << "batches hold one clip on this machine";
  const Generator generator;
  const std::vector<Generator::Request> requests = {{"a red ball falls and bounces", 1, 0.7},
                                                    {"three blue boxes collide on the floor", 2, 1.0},
                                                    {"a ball", 3, 0.0},
                                                    {"a green ball rolls down a ramp", 4, 0.7},
                                                    {"a red ball falls and bounces", 5, 0.7}};
  const std::vector<Made> all = make(generator, requests);
  const std::vector<Made> back = make(generator, {requests[3], requests[1], requests[0]});
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(requests[i].prompt);
    expect_same(make(generator, {requests[i]})[0], all[i]);
  }
  expect_same(back[0], all[3]);
  expect_same(back[1], all[1]);
  expect_same(back[2], all[0]);
}

// What the above rests on, and where it would break first on another machine: a row of a product does not depend on
// how many rows there are.
template <class In, class Out>
void expect_rows_independent(int64_t n, int64_t k, In (*from)(float)) {
  constexpr int64_t kRows = 2048;
  Rng rng(5);
  std::vector<In> a(kRows * k), b(n * k);
  for (In& x : a) x = from(float(rng.normal()));
  for (In& x : b) x = from(float(rng.normal()));
  std::vector<Out> whole(kRows * n), part(kRows * n);
  matmul(MatmulLayout::kNT, kRows, n, k, a.data(), b.data(), whole.data());
  for (int64_t rows : {1, 4, 5, 8, 16, 33, 100, 240, 480, 960, 1920}) {
    matmul(MatmulLayout::kNT, row_bucket(rows), n, k, a.data(), b.data(), part.data());
    EXPECT_EQ(std::memcmp(whole.data(), part.data(), size_t(rows * n) * sizeof(Out)), 0) << rows << " rows of " << n << " x " << k;
  }
}

using Widths = std::vector<std::pair<int64_t, int64_t>>;  // out, in

TEST(Together, ARowOfAProductDoesNotDependOnTheOthers) {
  if (!rows_are_independent()) GTEST_SKIP() << instruction_set();
  const auto half = [](float x) { return to_bf16(x); };
  const auto wide = [](float x) { return x; };
  for (auto [n, k] : Widths{{512, 256}, {96, 256}, {512, 64}, {256, 256}, {141, 256}}) expect_rows_independent<bf16, float>(n, k, half);
  for (auto [n, k] : Widths{{256, 256}, {512, 256}, {256, 128}}) expect_rows_independent<bf16, bf16>(n, k, half);
  for (auto [n, k] : Widths{{23, 256}, {256, 78}, {256, 52}, {256, 37}, {256, 132}, {16, 256}}) expect_rows_independent<float, float>(n, k, wide);
}

}  // namespace
}  // namespace orrery
