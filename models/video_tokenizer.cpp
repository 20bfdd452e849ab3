#include "models/video_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "nn/pixel_shuffle.h"

namespace orrery {
namespace {

void check_frame_size(int height, int width) {
  if (height <= 0 || width <= 0 || height % kPatch || width % kPatch)
    fail("video tokenizer: {} x {} pixels: width and height must be multiples of {}", width, height, kPatch);
}

void to_map(const float* values, FeatureMap& map) {
  parallel_for(map.pixels(), [&](int64_t p) {
    for (int64_t i = p * map.channels; i < (p + 1) * map.channels; ++i) map.data[i] = to_bf16(values[i]);
  });
}

void init_blocks(std::vector<std::unique_ptr<ResBlock>>& blocks, int count, ParameterList& list,
                 const std::string& name, int width, int kernel, Rng& rng) {
  for (int i = 0; i < count; ++i) {
    blocks.push_back(std::make_unique<ResBlock>());
    blocks.back()->init(list, fmt::format("{}.block{}", name, i), width, kernel, rng);
  }
}

// cache.x[0] holds the input; x[i + 1] = block i of x[i].
void blocks_forward(const std::vector<std::unique_ptr<ResBlock>>& blocks, StageCache& cache) {
  cache.x.resize(blocks.size() + 1);
  cache.blocks.resize(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i]->forward(cache.x[i], cache.x[i + 1], cache.blocks[i]);
}

void blocks_backward(const std::vector<std::unique_ptr<ResBlock>>& blocks, StageCache& cache, FeatureMap& d) {
  for (size_t i = blocks.size(); i-- > 0;) blocks[i]->backward(cache.x[i], cache.blocks[i], d);
}

std::array<int, 3> three(const Json& json, const char* field) {
  const auto values = json.at(field).get<std::vector<int>>();
  if (values.size() != 3 || *std::min_element(values.begin(), values.end()) < 0 ||
      *std::max_element(values.begin(), values.end()) > 512)
    fail("tokenizer config: {} must be three numbers from 0 to 512", field);
  return {values[0], values[1], values[2]};
}

}  // namespace

Json VideoTokenizerConfig::to_json() const {
  return {{"fsq_dims", fsq_dims},           {"fsq_levels", fsq_levels},
          {"encoder_width", encoder_width}, {"encoder_blocks", encoder_blocks},
          {"decoder_width", decoder_width}, {"decoder_blocks", decoder_blocks}};
}

VideoTokenizerConfig VideoTokenizerConfig::from_json(const Json& json) {
  VideoTokenizerConfig c;
  try {
    c.fsq_dims = json.at("fsq_dims").get<int>();
    c.fsq_levels = json.at("fsq_levels").get<int>();
    c.encoder_width = three(json, "encoder_width");
    c.encoder_blocks = three(json, "encoder_blocks");
    c.decoder_width = three(json, "decoder_width");
    c.decoder_blocks = three(json, "decoder_blocks");
  } catch (const nlohmann::json::exception& e) {
    fail("tokenizer config: {}", e.what());
  }
  if (c.fsq_dims < 1 || c.fsq_dims > 64)
    fail("tokenizer config: fsq_dims is {}, must be 1 to 64", c.fsq_dims);
  if (c.fsq_levels < 3 || c.fsq_levels > 99 || c.fsq_levels % 2 == 0)
    fail("tokenizer config: fsq_levels is {}, must be odd, 3 to 99", c.fsq_levels);
  for (int i = 0; i < 3; ++i)
    if (c.encoder_width[i] < 1 || c.decoder_width[i] < 1) fail("tokenizer config: a width is 0");
  return c;
}

VideoTokenizer::VideoTokenizer(const VideoTokenizerConfig& config, uint64_t seed) : config_(config) {
  Rng rng(seed, hash64("video tokenizer weights"));
  build_encoder(rng);
  build_decoder(rng);
  parameters_.refresh();
}

void VideoTokenizer::build_encoder(Rng& rng) {
  int in = kPixelChannels;
  for (int i = 0; i < 3; ++i) {
    const std::string name = fmt::format("encoder{}", i);
    encoder_[i].change.init(parameters_, name + ".change", in, config_.encoder_width[i], 1, 1.0, rng);
    init_blocks(encoder_[i].blocks, config_.encoder_blocks[i], parameters_, name, config_.encoder_width[i],
                i == 2 ? 1 : 3, rng);
    in = 4 * config_.encoder_width[i];
  }
  encoder_norm_.init(parameters_, "encoder.norm", config_.encoder_width[2]);
  to_latent_.init(parameters_, "encoder.latent", config_.encoder_width[2], config_.fsq_dims, 1, 1.0, rng);
}

void VideoTokenizer::build_decoder(Rng& rng) {
  const auto& width = config_.decoder_width;
  from_latent_.init(parameters_, "decoder.latent", config_.fsq_dims, width[2], 3, 1.0, rng);
  for (int i = 2; i >= 0; --i) {
    const std::string name = fmt::format("decoder{}", i);
    if (i < 2)
      decoder_[i].change.init(parameters_, name + ".change", width[i + 1], 4 * width[i], 1, 1.0, rng);
    init_blocks(decoder_[i].blocks, config_.decoder_blocks[i], parameters_, name, width[i], 3, rng);
  }
  decoder_norm_.init(parameters_, "decoder.norm", width[0]);
  to_pixels_.init(parameters_, "decoder.pixels", width[0], kPixelChannels, 3, 0.3, rng);
}

std::unique_ptr<VideoTokenizer> VideoTokenizer::load(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const std::string config = file.metadata("tokenizer.config");
  if (config.empty()) fail("{}: not a video tokenizer (no tokenizer.config in its metadata)", path.string());
  auto model =
      std::make_unique<VideoTokenizer>(VideoTokenizerConfig::from_json(parse_json(config, path.string())));
  model->parameters_.load(file);
  model->weights_changed();
  return model;
}

void VideoTokenizer::weights_changed() {
  for (auto* stages : {&encoder_, &decoder_})
    for (Stage& stage : *stages) {
      stage.change.weights_changed();
      for (auto& block : stage.blocks) block->weights_changed();
    }
  to_latent_.weights_changed();
  from_latent_.weights_changed();
  to_pixels_.weights_changed();
}

void VideoTokenizer::encode_forward(const uint8_t* patches, int batch, int height, int width,
                                    EncodeCache& cache) const {
  check_frame_size(height, width);
  FeatureMap& in = cache.patches;
  in.resize(batch, height / kPixelPatch, width / kPixelPatch, kPixelChannels);
  std::array<bf16, 256> centred;
  for (int v = 0; v < 256; ++v) centred[v] = to_bf16(float(v) / 255 - 0.5f);
  parallel_for(in.pixels(), [&](int64_t p) {
    for (int64_t i = p * kPixelChannels; i < (p + 1) * kPixelChannels; ++i) in.data[i] = centred[patches[i]];
  });
  const FeatureMap* x = &in;
  for (int i = 0; i < 3; ++i) {
    StageCache& c = cache.stages[i];
    if (i > 0) space_to_depth(*x, c.joined);
    c.x.resize(encoder_[i].blocks.size() + 1);
    encoder_[i].change.forward(i > 0 ? c.joined : *x, c.x[0]);
    blocks_forward(encoder_[i].blocks, c);
    x = &c.x.back();
  }
  encoder_norm_.forward(*x, cache.normed);
  cache.latent.resize(size_t(cache.normed.pixels()) * config_.fsq_dims);
  to_latent_.forward(cache.normed, cache.latent.data());
}

void VideoTokenizer::encode_backward(EncodeCache& cache, const float* d_latent) {
  FeatureMap d_out, d, d_joined;
  d_out.resize(cache.normed.batch, cache.normed.height, cache.normed.width, config_.fsq_dims);
  to_map(d_latent, d_out);
  to_latent_.backward(cache.normed, d_out, &d);
  encoder_norm_.backward(cache.stages[2].x.back(), d, nullptr, d);
  for (int i = 2; i >= 0; --i) {
    StageCache& c = cache.stages[i];
    blocks_backward(encoder_[i].blocks, c, d);
    encoder_[i].change.backward(i > 0 ? c.joined : cache.patches, d, i > 0 ? &d_joined : nullptr);
    if (i > 0) depth_to_space(d_joined, d);
  }
}

void VideoTokenizer::decode_forward(const float* levels, int batch, int h, int w, DecodeCache& cache,
                                    float* pixels) const {
  const float half = float(config_.fsq_levels - 1) / 2;
  cache.latent.resize(batch, h, w, config_.fsq_dims);
  for (int64_t i = 0; i < cache.latent.size(); ++i) cache.latent.data[i] = to_bf16((levels[i] - half) / half);
  const FeatureMap* x = nullptr;
  for (int i = 2; i >= 0; --i) {
    StageCache& c = cache.stages[i];
    c.x.resize(decoder_[i].blocks.size() + 1);
    if (i == 2) {
      from_latent_.forward(cache.latent, c.x[0]);
    } else {
      decoder_[i].change.forward(*x, c.joined);
      depth_to_space(c.joined, c.x[0]);
    }
    blocks_forward(decoder_[i].blocks, c);
    x = &c.x.back();
  }
  decoder_norm_.forward(*x, cache.normed);
  to_pixels_.forward(cache.normed, pixels);
  parallel_for(cache.normed.pixels(), [&](int64_t p) {
    for (int64_t i = p * kPixelChannels; i < (p + 1) * kPixelChannels; ++i) pixels[i] += 0.5f;
  });
}

void VideoTokenizer::decode_backward(DecodeCache& cache, const float* d_pixels, float* d_levels) {
  FeatureMap d_out, d, d_joined;
  d_out.resize(cache.normed.batch, cache.normed.height, cache.normed.width, kPixelChannels);
  to_map(d_pixels, d_out);
  to_pixels_.backward(cache.normed, d_out, &d);
  decoder_norm_.backward(cache.stages[0].x.back(), d, nullptr, d);
  for (int i = 0; i < 2; ++i) {
    blocks_backward(decoder_[i].blocks, cache.stages[i], d);
    space_to_depth(d, d_joined);
    decoder_[i].change.backward(cache.stages[i + 1].x.back(), d_joined, &d);
  }
  blocks_backward(decoder_[2].blocks, cache.stages[2], d);
  from_latent_.backward(cache.latent, d, d_levels ? &d_joined : nullptr);
  if (!d_levels) return;
  const float scale = 2.0f / float(config_.fsq_levels - 1);
  for (int64_t i = 0; i < d_joined.size(); ++i) d_levels[i] = from_bf16(d_joined.data[i]) * scale;
}

void VideoTokenizer::encode(const uint8_t* rgb, int batch, int height, int width, int8_t* codes) const {
  check_frame_size(height, width);
  std::vector<uint8_t> patches(size_t(batch) * kChunkFrames * height * width * 3);
  patchify(rgb, batch, height, width, patches.data());
  static thread_local EncodeCache cache;  // kept: fresh memory of this size costs more than the convolutions
  encode_forward(patches.data(), batch, height, width, cache);
  fsq_encode(cache.latent.data(), int64_t(cache.latent.size()), config_.fsq_levels, codes);
}

void VideoTokenizer::decode(const float* levels, int batch, int h, int w, uint8_t* rgb) const {
  static thread_local DecodeCache cache;
  static thread_local std::vector<float> pixels;
  pixels.resize(size_t(batch) * h * w * kPatch * kPatch * kChunkFrames * 3);
  decode_forward(levels, batch, h, w, cache, pixels.data());
  unpatchify(pixels.data(), batch, h * kPatch, w * kPatch, rgb);
}

// Runs of 12 bytes (4 pixels of a row) stay together.
template <class Move>
static void for_runs(int batch, int height, int width, Move&& move) {
  constexpr int kRun = kPixelPatch * 3;
  const int rows = height / kPixelPatch, columns = width / kPixelPatch;
  parallel_for(int64_t(batch) * rows, [&](int64_t r) {
    const int64_t b = r / rows, row = r % rows;
    for (int f = 0; f < kChunkFrames; ++f)
      for (int dy = 0; dy < kPixelPatch; ++dy)
        for (int c = 0; c < columns; ++c)
          move((((b * kChunkFrames + f) * height + row * kPixelPatch + dy) * width + c * kPixelPatch) * 3,
               (r * columns + c) * kPixelChannels + (f * kPixelPatch + dy) * kRun, kRun);
  });
}

void patchify(const uint8_t* rgb, int batch, int height, int width, uint8_t* patches) {
  for_runs(batch, height, width,
           [&](int64_t from, int64_t to, int n) { std::memcpy(patches + to, rgb + from, size_t(n)); });
}

void unpatchify(const float* pixels, int batch, int height, int width, uint8_t* rgb) {
  for_runs(batch, height, width, [&](int64_t to, int64_t from, int n) {
    for (int i = 0; i < n; ++i)
      rgb[to + i] = uint8_t(std::clamp(pixels[from + i] * 255.0f + 0.5f, 0.0f, 255.0f));
  });
}

}  // namespace orrery
