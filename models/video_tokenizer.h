// Video <-> discrete tokens: one token for 16 x 16 pixels x 4 frames, FSQ codes (Mentzer et al. 2023).
// Convolutions only, no statistics over space: a crop and a whole frame are coded alike (borders apart).
//
//   encoder                                        [batch, rows, columns, channels], H x W = 192 x 320
//     patches 4x4x(4 frames x RGB)                 [B, H/4, W/4, 192]
//     1x1 -> e0, blocks 3x3                        [B, H/4, W/4, e0]
//     space-to-depth 2, 1x1 -> e1, blocks 3x3      [B, H/8, W/8, e1]
//     space-to-depth 2, 1x1 -> e2, blocks 1x1      [B, H/16, W/16, e2]
//     norm, SiLU, 1x1 -> D; tanh; round to L levels [B, H/16, W/16, D]
//   decoder
//     3x3 -> d2, blocks 3x3                        [B, H/16, W/16, d2]
//     1x1 -> 4 d1, depth-to-space 2, blocks 3x3    [B, H/8, W/8, d1]
//     1x1 -> 4 d0, depth-to-space 2, blocks 3x3    [B, H/4, W/4, d0]
//     norm, SiLU, 3x3 -> 192 (patches)             [B, H/4, W/4, 192]
//
// The encoder sees a few patches beyond a patch (40 pixels with one and two blocks), no more: what moves elsewhere leaves
// a static patch's code alone.
#pragma once
#include <array>
#include <filesystem>
#include <memory>

#include "core/json.h"
#include "core/safetensors.h"
#include "nn/channel_norm.h"
#include "nn/conv.h"
#include "nn/fsq.h"
#include "nn/parameter.h"
#include "nn/resblock.h"

namespace orrery {

inline constexpr int kPatch = 16;         // pixels, both ways, a token
inline constexpr int kChunkFrames = 4;    // frames a token
inline constexpr int kPixelPatch = 4;     // pixels, both ways, of the finest feature map
inline constexpr int kPixelChannels = kChunkFrames * kPixelPatch * kPixelPatch * 3;  // 192: (frame, y, x, rgb)

struct VideoTokenizerConfig {
  int fsq_dims = 20, fsq_levels = 7;
  std::array<int, 3> encoder_width = {64, 128, 256}, encoder_blocks = {1, 1, 1};  // finest map first
  std::array<int, 3> decoder_width = {96, 128, 256}, decoder_blocks = {2, 2, 2};
  Json to_json() const;
  static VideoTokenizerConfig from_json(const Json& json);  // Error names the field
};

// What a stage of residual blocks keeps for its backward.
struct StageCache {
  FeatureMap in, joined;             // joined: after space-to-depth, or before depth-to-space
  std::vector<FeatureMap> x;         // input of each block; the last is the stage's output
  std::vector<ResBlockCache> blocks;
};

struct EncodeCache {
  FeatureMap patches, normed;
  std::array<StageCache, 3> stages;
  std::vector<float> latent;         // before tanh, [pixels][D]
};

struct DecodeCache {
  FeatureMap latent, stem, normed;   // latent: levels centred and scaled to -1..1, [B, h, w, D]
  std::array<StageCache, 3> stages;
};

class VideoTokenizer {
 public:
  explicit VideoTokenizer(const VideoTokenizerConfig& config, uint64_t seed = 1);
  static std::unique_ptr<VideoTokenizer> load(const std::filesystem::path& path);
  VideoTokenizer(const VideoTokenizer&) = delete;
  VideoTokenizer& operator=(const VideoTokenizer&) = delete;

  const VideoTokenizerConfig& config() const { return config_; }
  int dims() const { return config_.fsq_dims; }
  int levels() const { return config_.fsq_levels; }
  ParameterList& parameters() { return parameters_; }
  void weights_changed();  // after every change of parameters(): packed copies are made again

  // rgb [batch][4][H][W][3], H and W multiples of 16 -> codes [batch][H/16][W/16][dims], 0..levels-1.
  void encode(const uint8_t* rgb, int batch, int height, int width, int8_t* codes) const;
  // levels [batch][h][w][dims], 0..levels-1, fractions allowed (an expected level) -> rgb [batch][4][16h][16w][3].
  void decode(const float* levels, int batch, int h, int w, uint8_t* rgb) const;

  // For training; in "patches", [batch][H/4][W/4][192] with channels (frame, y, x, rgb) as patchify() lays them out.
  // pixels: values 0..255 -> latent [batch][H/16][W/16][dims] before tanh, in cache.latent.
  void encode_forward(const uint8_t* patches, int batch, int height, int width, EncodeCache& cache) const;
  // d_latent: gradient of cache.latent. Adds to the parameters' gradients.
  void encode_backward(EncodeCache& cache, const float* d_latent);
  // levels as in decode() -> pixels [batch][4h][4w][192], 0..1 where right (not clamped).
  void decode_forward(const float* levels, int batch, int h, int w, DecodeCache& cache, float* pixels) const;
  // d_pixels -> d_levels (may be null). Adds to the decoder's gradients where they are allocated: a frozen decoder has none.
  void decode_backward(DecodeCache& cache, const float* d_pixels, float* d_levels);

 private:
  struct Stage {
    Conv2d change;  // of resolution: 1x1
    std::vector<std::unique_ptr<ResBlock>> blocks;
  };
  void build_encoder(Rng& rng);
  void build_decoder(Rng& rng);
  VideoTokenizerConfig config_;
  ParameterList parameters_;
  std::array<Stage, 3> encoder_, decoder_;
  ChannelNorm encoder_norm_, decoder_norm_;
  Conv2d to_latent_, from_latent_, to_pixels_;
};

// rgb [batch][4][H][W][3] <-> patches [batch][H/4][W/4][(frame, y, x, rgb)]
void patchify(const uint8_t* rgb, int batch, int height, int width, uint8_t* patches);
// pixels 0..1 in patches -> rgb, rounded and clamped
void unpatchify(const float* pixels, int batch, int height, int width, uint8_t* rgb);

}  // namespace orrery
