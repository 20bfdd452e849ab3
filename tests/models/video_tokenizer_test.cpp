#include "models/video_tokenizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace orrery {
namespace {

VideoTokenizerConfig small_config() {
  VideoTokenizerConfig c;
  c.fsq_dims = 8;
  c.encoder_width = {32, 32, 64};
  c.decoder_width = {32, 32, 64};
  c.decoder_blocks = {1, 1, 1};
  return c;
}

// Weights large enough that codes vary: freshly initialised ones map everything near the middle.
std::unique_ptr<VideoTokenizer> lively_tokenizer() {
  auto model = std::make_unique<VideoTokenizer>(small_config(), 3);
  for (Parameter* p : model->parameters().all())
    if (p->name == "encoder.latent.weight")
      for (float& v : p->value) v *= 4;
  model->weights_changed();
  return model;
}

std::vector<uint8_t> random_video(int batch, int height, int width, uint64_t seed) {
  std::vector<uint8_t> rgb(size_t(batch) * kChunkFrames * height * width * 3);
  Rng rng(seed);
  for (uint8_t& v : rgb) v = uint8_t(rng.below(256));
  return rgb;
}

std::vector<int8_t> codes_of(const VideoTokenizer& model, const std::vector<uint8_t>& rgb, int batch,
                             int height, int width) {
  std::vector<int8_t> codes(size_t(batch) * height * width / 256 * model.dims());
  model.encode(rgb.data(), batch, height, width, codes.data());
  return codes;
}

TEST(Patches, RoundTripIsExact) {
  const auto rgb = random_video(2, 16, 32, 1);
  std::vector<uint8_t> patches(rgb.size()), back(rgb.size());
  patchify(rgb.data(), 2, 16, 32, patches.data());
  std::vector<float> pixels;
  for (uint8_t v : patches) pixels.push_back(float(v) / 255);
  unpatchify(pixels.data(), 2, 16, 32, back.data());
  EXPECT_EQ(back, rgb);
  // Frame 1, row 2, column 3 of patch (0, 1).
  EXPECT_EQ(patches[1 * kPixelChannels + (1 * 16 + 2 * 4 + 3) * 3], rgb[((1 * 16 + 2) * 32 + 4 + 3) * 3]);
}

TEST(VideoTokenizer, CodesAreLevelsAndVary) {
  const auto model = lively_tokenizer();
  const auto codes = codes_of(*model, random_video(1, 64, 64, 2), 1, 64, 64);
  std::vector<int> seen(7, 0);
  for (int8_t c : codes) {
    ASSERT_GE(c, 0);
    ASSERT_LT(c, 7);
    ++seen[c];
  }
  EXPECT_GE(std::count_if(seen.begin(), seen.end(), [](int n) { return n > 0; }), 5);
}

TEST(VideoTokenizer, ACropsInnerCodesAreTheFramesCodes) {
  const auto model = lively_tokenizer();
  const int height = 96, width = 160, size = 80, x0 = 64,
            y0 = 16;  // the crop's token (0, 0) is the frame's (1, 4)
  const auto frame = random_video(1, height, width, 3);
  std::vector<uint8_t> crop(size_t(kChunkFrames) * size * size * 3);
  for (int f = 0; f < kChunkFrames; ++f)
    for (int y = 0; y < size; ++y)
      std::copy_n(&frame[((size_t(f) * height + y0 + y) * width + x0) * 3], size * 3,
                  &crop[(size_t(f) * size + y) * size * 3]);
  const auto whole = codes_of(*model, frame, 1, height, width), part = codes_of(*model, crop, 1, size, size);
  const int dims = model->dims(), margin = 2;  // the encoder sees 24 pixels: two tokens
  int compared = 0;
  for (int y = margin; y < size / 16 - margin; ++y)
    for (int x = margin; x < size / 16 - margin; ++x)
      for (int d = 0; d < dims; ++d, ++compared)
        EXPECT_EQ(part[(y * (size / 16) + x) * dims + d], whole[((y + 1) * (width / 16) + x + 4) * dims + d]);
  EXPECT_GT(compared, 0);
}

TEST(VideoTokenizer, WhatMovesThirtyPixelsAwayLeavesACodeAlone) {
  const auto model = lively_tokenizer();
  auto rgb = random_video(1, 32, 128, 4);
  const auto before = codes_of(*model, rgb, 1, 32, 128);
  for (int f = 0; f < kChunkFrames; ++f)
    for (int y = 0; y < 32; ++y)
      for (int x = 64; x < 128; ++x) rgb[((f * 32 + y) * 128 + x) * 3] ^= 0xff;
  const auto after = codes_of(*model, rgb, 1, 32, 128);
  const int dims = model->dims();
  for (int y = 0; y < 2; ++y)
    for (int i = (y * 8 + 0) * dims; i < (y * 8 + 2) * dims; ++i) EXPECT_EQ(before[i], after[i]);
  EXPECT_NE(before, after);
}

TEST(VideoTokenizer, AloneInABatchAndOnTwoThreadsGiveTheSameBytes) {
  const auto model = lively_tokenizer();
  const int before = num_threads();
  const auto rgb = random_video(3, 32, 48, 5);
  const size_t one = rgb.size() / 3;
  set_num_threads(1);
  const auto batch = codes_of(*model, rgb, 3, 32, 48);
  std::vector<float> levels(batch.begin(), batch.end());
  std::vector<uint8_t> decoded(rgb.size()), alone(one);
  model->decode(levels.data(), 3, 2, 3, decoded.data());
  set_num_threads(2);
  const auto second =
      codes_of(*model, std::vector<uint8_t>(rgb.begin() + one, rgb.begin() + 2 * one), 1, 32, 48);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), batch.begin() + second.size()));
  model->decode(levels.data() + second.size(), 1, 2, 3, alone.data());
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), decoded.begin() + one));
  set_num_threads(before);
}

TEST(VideoTokenizer, AFractionalLevelDecodesBetweenItsNeighbours) {
  const auto model = lively_tokenizer();
  std::vector<float> low(4 * 8), a, b, c;
  Rng rng(6);
  for (float& level : low) level = float(rng.below(7));
  std::vector<float> middle = low, high = low;
  low[0] = 3.0f, middle[0] = 3.5f, high[0] = 4.0f;
  const auto decode = [&](const std::vector<float>& levels, std::vector<float>& out) {
    DecodeCache cache;
    out.resize(4 * 3072);
    model->decode_forward(levels.data(), 1, 2, 2, cache, out.data());
  };
  decode(low, a), decode(middle, b), decode(high, c);
  double whole = 0, half = 0;
  for (size_t i = 0; i < a.size(); ++i) whole += std::abs(c[i] - a[i]), half += std::abs(b[i] - a[i]);
  EXPECT_GT(half, 0.3 * whole);
  EXPECT_LT(half, 0.7 * whole);
}

// Squared distance to a target through encoder, unrounded codes and decoder: along the gradient its slope is
// the gradient's norm. Covers every backward of the model in one go.
TEST(VideoTokenizer, GradientPredictsTheChangeOfTheLoss) {
  VideoTokenizer model(small_config(), 7);
  const int size = 32, tokens = 4;
  std::vector<uint8_t> patches(size_t(kChunkFrames) * size * size * 3);
  for (size_t i = 0; i < patches.size(); ++i)
    patches[i] = uint8_t(128 + 90 * std::sin(double(i % 192) / 17 + double(i / 192)));
  std::vector<float> pixels(patches.size()), levels(size_t(tokens) * 8), d_levels(levels.size());
  EncodeCache ec;
  DecodeCache dc;
  const std::vector<uint8_t> keep(tokens, 1);
  const auto loss = [&] {
    model.encode_forward(patches.data(), 1, size, size, ec);
    fsq_forward(ec.latent.data(), int64_t(levels.size()), 8, 7, keep.data(), levels.data());
    model.decode_forward(levels.data(), 1, 2, 2, dc, pixels.data());
    double sum = 0;
    for (size_t i = 0; i < pixels.size(); ++i) sum += std::pow(pixels[i] - patches[i] / 255.0, 2);
    return sum;
  };
  loss();
  model.parameters().zero_gradients();
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = 2 * (pixels[i] - float(patches[i]) / 255);
  model.decode_backward(dc, pixels.data(), d_levels.data());
  fsq_backward(ec.latent.data(), int64_t(levels.size()), 7, d_levels.data(), d_levels.data());
  model.encode_backward(ec, d_levels.data());
  // Decoder and encoder each on their own: the encoder's gradients are much smaller.
  for (const char* part : {"encoder", "decoder"}) {
    double norm = 0;
    for (const Parameter* p : model.parameters().all())
      if (p->name.starts_with(part))
        for (float g : p->gradient) norm += double(g) * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 0);
    const double step = 4 / norm;  // of several hundred; what is smaller drowns in weights rounded to bf16
    const auto move = [&](double by) {
      for (Parameter* p : model.parameters().all())
        if (p->name.starts_with(part))
          for (size_t i = 0; i < p->value.size(); ++i) p->value[i] += float(by / norm * p->gradient[i]);
      model.weights_changed();
    };
    move(step);
    const double high = loss();
    move(-2 * step);
    const double low = loss();
    move(step);
    EXPECT_NEAR((high - low) / (2 * step), norm, 0.06 * norm) << part;
  }
}

TEST(VideoTokenizer, AFrozenDecoderPassesGradientsAndGathersNone) {
  VideoTokenizer model(small_config(), 8);
  std::vector<float> levels(8, 3.0f), pixels(kPatch * kPatch * 12), d_levels(8, 0.0f);
  DecodeCache cache;
  model.decode_forward(levels.data(), 1, 1, 1, cache, pixels.data());
  model.decode_backward(cache, std::vector<float>(pixels.size(), 1.0f).data(), d_levels.data());
  EXPECT_GT(std::abs(d_levels[0]), 0);
  for (const Parameter* p : model.parameters().all()) EXPECT_TRUE(p->gradient.empty()) << p->name;
}

TEST(VideoTokenizer, NoConvolutionOfTheShippedSizeIsAReferenceImplementation) {
  const VideoTokenizerConfig c;
  for (int scale : {1, 5}) {  // a 64-pixel crop, a whole frame (192 x 320)
    const int h = scale == 1 ? 16 : 48, w = 16 * scale, b = scale == 1 ? 48 : 1;
    const ConvShape shapes[] = {{b, h, w, 192, c.encoder_width[0], 1},
                                {b, h, w, c.encoder_width[0], c.encoder_width[0], 3},
                                {b, h / 4, w / 4, c.encoder_width[2], c.fsq_dims, 1},
                                {b, h / 4, w / 4, c.fsq_dims, 192, 3},
                                {b, h / 4, w / 4, 192, 192, 3},
                                {b, h / 2, w / 2, 128, 128, 3},
                                {b, h, w, 96, 96, 3},
                                {b, h, w, c.decoder_width[0], 192, 3}};
    for (const ConvShape& s : shapes)
      for (const std::string& name : conv_implementations(s))
        EXPECT_EQ(name.find("ref"), std::string::npos)
            << name << " " << s.in << " " << s.out << " " << s.kernel;
  }
}

class TokenizerFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("orrery_tokenizer_{}", ::getpid());
    fs::create_directories(folder_);
    path_ = folder_ / "t.safetensors";
    model_ = lively_tokenizer();
    SafetensorsWriter writer;
    model_->parameters().save(writer, DType::kF32);
    writer.set_metadata("tokenizer.config", model_->config().to_json().dump());
    writer.write(path_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_, path_;
  std::unique_ptr<VideoTokenizer> model_;
};

TEST_F(TokenizerFile, LoadedModelGivesTheSameCodes) {
  const auto loaded = VideoTokenizer::load(path_);
  const auto rgb = random_video(1, 32, 32, 9);
  EXPECT_EQ(codes_of(*loaded, rgb, 1, 32, 32), codes_of(*model_, rgb, 1, 32, 32));
}

TEST_F(TokenizerFile, DamagedFilesAreErrors) {
  const std::vector<uint8_t> bytes = read_bytes(path_);
  for (size_t n : {size_t(0), size_t(7), size_t(100), bytes.size() / 2, bytes.size() - 1}) {
    write_atomic(path_, std::span(bytes.data(), n));
    EXPECT_THROW(VideoTokenizer::load(path_), Error) << n;
  }
}

TEST(VideoTokenizerConfig, BadValuesAreNamed) {
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, Json>>{{"fsq_levels", 6},
                                                 {"fsq_dims", 0},
                                                 {"fsq_dims", "many"},
                                                 {"encoder_width", {1, 2}},
                                                 {"decoder_width", {0, 64, 64}}}) {
    Json json = VideoTokenizerConfig().to_json();
    json[field] = value;
    EXPECT_THROW(VideoTokenizerConfig::from_json(json), Error) << field;
  }
}

TEST(VideoTokenizer, SizesThatAreNoMultipleOfAPatchAreAnError) {
  const VideoTokenizer model(small_config());
  std::vector<uint8_t> rgb(4 * 20 * 32 * 3);
  std::vector<int8_t> codes(1000);
  EXPECT_THROW(model.encode(rgb.data(), 1, 20, 32, codes.data()), Error);
}

}  // namespace
}  // namespace orrery
