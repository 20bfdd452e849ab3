// d_weight[co][tap][ci] = sum over positions p of src[p + shift(tap)][ci] * d_dst[p][co].
//
// Positions are the pixels of all images in one run, with one column and one row of zeros after each row and
// image: those zeros serve as the padding of both neighbours, and every tap becomes a constant shift of the
// whole run. src is transposed once, so that a tile of 16 channels x 32 positions may start at any position;
// d_dst is laid out in pairs of positions, as the second operand of TDPBF16PS wants it. What remains is, for
// each tap, a product [ci, positions] x [positions, co] in 2 x 2 tiles of 16 x 16.
#include "tensor/amx_conv_gradient.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "tensor/dnnl_runtime.h"
#include "tensor/feature_map.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// GCC 12's own intrinsics headers start from values that they leave undefined on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define ORRERY_AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-bf16")))

namespace orrery {
namespace {

constexpr int kTile = 16;         // rows of a tile; also f32 columns
constexpr int kDepth = 32;        // positions a TDPBF16PS step sums over
constexpr int kBlock = 32;        // channels of both kinds a piece of work covers
constexpr int64_t kStrip = 2048;  // pixels transposed at a time: both operands stay in L2
constexpr int64_t kChunk =
    256;  // positions between reloads of the sums: 2 x 16 KiB of operands stay in L1 for all taps

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t column_bytes[16] = {};
  uint8_t rows[16] = {};
};

struct Layout {
  int64_t positions;  // a multiple of 32
  int64_t lead;       // zeros before the run in the transposed source
  int64_t pitch;  // of a channel's run; an odd number of cache lines, so that rows do not share cache sets
  int row_step;   // positions a row
};

Layout layout_of(const ConvShape& s) {
  const int pad = s.kernel / 2;
  Layout l;
  l.row_step = s.width + pad;
  l.positions = (int64_t(s.batch) * (s.height + pad) * l.row_step + kDepth - 1) / kDepth * kDepth;
  l.lead = (l.row_step + 1 + kDepth - 1) / kDepth * kDepth;
  l.pitch = l.positions + 2 * l.lead;
  if (l.pitch / kDepth % 2 == 0) l.pitch += kDepth;
  return l;
}

// Pixel index of each position, -1 for zeros.
std::vector<int32_t> pixels_of(const ConvShape& s, const Layout& l) {
  const int pad = s.kernel / 2;
  std::vector<int32_t> pixel(size_t(l.positions), -1);
  int64_t p = 0;
  int32_t next = 0;
  for (int b = 0; b < s.batch; ++b, p += pad * l.row_step)
    for (int y = 0; y < s.height; ++y, p += pad)
      for (int x = 0; x < s.width; ++x) pixel[size_t(p++)] = next++;
  return pixel;
}

// 32 positions of every channel: out[c][first .. first + 32).
ORRERY_AMX void transpose_group(const bf16* src, int channels, const int32_t* pixel, bf16* out,
                                int64_t pitch) {
  const __m512i low = _mm512_loadu_si512(pixel), high = _mm512_loadu_si512(pixel + 16);
  const __m512i zero = _mm512_setzero_si512(), words = _mm512_set1_epi32(channels / 2);
  const __mmask16 has_low = _mm512_cmpge_epi32_mask(low, zero),
                  has_high = _mm512_cmpge_epi32_mask(high, zero);
  const __m512i at_low = _mm512_mullo_epi32(low, words), at_high = _mm512_mullo_epi32(high, words);
  const __m512i steps = _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30,
                                         28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odd_steps = _mm512_or_si512(steps, _mm512_set1_epi16(1));
  for (int c = 0; c < channels; c += 2, out += 2 * pitch) {
    const __m512i a = _mm512_mask_i32gather_epi32(zero, has_low, at_low, src + c, 4);
    const __m512i b = _mm512_mask_i32gather_epi32(zero, has_high, at_high, src + c, 4);
    _mm512_store_si512(out, _mm512_permutex2var_epi16(a, steps, b));
    _mm512_store_si512(out + pitch, _mm512_permutex2var_epi16(a, odd_steps, b));
  }
}

// Two positions: out[c][2].
ORRERY_AMX void interleave_pair(const bf16* first, const bf16* second, int channels, bf16* out) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7,
                                       38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (int c = 0; c < channels; c += 32) {
    const __m512i a = first ? _mm512_loadu_si512(first + c) : _mm512_setzero_si512();
    const __m512i b = second ? _mm512_loadu_si512(second + c) : _mm512_setzero_si512();
    _mm512_store_si512(out + 2 * c, _mm512_permutex2var_epi16(a, low, b));
    _mm512_store_si512(out + 2 * c + 32, _mm512_permutex2var_epi16(a, high, b));
  }
}

ORRERY_AMX void add_bias_gradient(const bf16* d_dst, int64_t pixels, int channels, float* d_bias) {
  for (int c = 0; c < channels; c += 32) {
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    for (int64_t p = 0; p < pixels; ++p) {
      const __m512i pair = _mm512_loadu_si512(d_dst + p * channels + c);
      even = _mm512_add_ps(even, _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)));
      odd =
          _mm512_add_ps(odd, _mm512_castsi512_ps(_mm512_and_si512(pair, _mm512_set1_epi32(int(0xffff0000)))));
    }
    alignas(64) float e[16], o[16];
    _mm512_store_ps(e, even);
    _mm512_store_ps(o, odd);
    for (int i = 0; i < 16; ++i) d_bias[c + 2 * i] += e[i], d_bias[c + 2 * i + 1] += o[i];
  }
}

// sums[2][2][16][16] += a [32 channels][n] b [n][32 channels]; n a multiple of 32.
ORRERY_AMX void multiply_tiles(const bf16* a, int64_t a_pitch, const bf16* b, int b_channels, int64_t n,
                               float* sums) {
  _tile_loadd(0, sums, 64);
  _tile_loadd(1, sums + 256, 64);
  _tile_loadd(2, sums + 512, 64);
  _tile_loadd(3, sums + 768, 64);
  const bf16* a_low = a + kTile * a_pitch;
  for (int64_t k = 0; k < n; k += kDepth) {
    const bf16* pairs = b + k * b_channels;
    _tile_loadd(4, a + k, a_pitch * 2);
    _tile_loadd(6, pairs, b_channels * 4);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, pairs + 2 * kTile, b_channels * 4);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a_low + k, a_pitch * 2);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

// 32 x 32 channels, all taps: sums[taps][2][2][16][16] += this strip's share.
ORRERY_AMX void gradient_block(const ConvShape& s, const Layout& l, const bf16* a, const bf16* b,
                               float* sums) {
  static constexpr TileConfig kConfig = [] {
    TileConfig c;
    for (int i = 0; i < 8; ++i) c.column_bytes[i] = 64, c.rows[i] = 16;
    return c;
  }();
  _tile_loadconfig(&kConfig);
  const int taps = s.kernel * s.kernel, pad = s.kernel / 2;
  for (int64_t k = 0; k < l.positions; k += kChunk)
    for (int t = 0; t < taps; ++t) {
      const int64_t shift = int64_t(t / s.kernel - pad) * l.row_step + t % s.kernel - pad;
      multiply_tiles(a + l.lead + k + shift, l.pitch, b + k * s.out, s.out, std::min(kChunk, l.positions - k),
                     sums + t * kBlock * kBlock);
    }
  _tile_release();
}

// sums[taps][2][2][16][16], source channels along rows -> d_weight[co][tap][ci]
void add_block(const ConvShape& s, const float* sums, int ci, int co, float* d_weight) {
  const int taps = s.kernel * s.kernel;
  for (int o = 0; o < kBlock; ++o)
    for (int t = 0; t < taps; ++t) {
      const float* column = sums + t * kBlock * kBlock + o / kTile * kTile * kTile + o % kTile;
      float* row = d_weight + (int64_t(co + o) * taps + t) * s.in + ci;
      for (int i = 0; i < kBlock; ++i) row[i] += column[i / kTile * 2 * kTile * kTile + i % kTile * kTile];
    }
}

// The operands of a few images as the tiles want them.
struct Strip {
  AlignedVector<bf16> transposed, paired;  // [in][pitch], [positions / 2][out][2]

  void fill(const ConvShape& s, const Layout& l, const std::vector<int32_t>& pixel, const bf16* src,
            const bf16* d_dst) {
    transposed.resize(size_t(l.pitch) * s.in);
    paired.resize(size_t(l.positions) * s.out);
    bf16 *a = transposed.data(), *b = paired.data();
    for (int c = 0; c < s.in; ++c) {
      std::memset(a + c * l.pitch, 0, size_t(l.lead) * 2);
      std::memset(a + c * l.pitch + l.lead + l.positions, 0, size_t(l.pitch - l.lead - l.positions) * 2);
    }
    parallel_for(l.positions / kDepth, [&](int64_t g) {
      const int64_t p = g * kDepth;
      transpose_group(src, s.in, &pixel[p], a + l.lead + p, l.pitch);
      const auto row = [&](int64_t q) { return pixel[q] < 0 ? nullptr : d_dst + int64_t(pixel[q]) * s.out; };
      for (int64_t q = p; q < p + kDepth; q += 2) interleave_pair(row(q), row(q + 1), s.out, b + q * s.out);
    });
  }
};

bool request_amx() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return instruction_set() == "AMX" && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool amx_conv_gradient_supported(const ConvShape& s) {
  static const bool has_amx = request_amx();
  return has_amx && s.in % kBlock == 0 && s.out % kBlock == 0 &&
         int64_t(s.height) * s.width * s.in < (1ll << 31);
}

void amx_conv_gradient(const ConvShape& s, const bf16* src, const bf16* d_dst, float* d_weight,
                       float* d_bias) {
  ORRERY_ASSERT(amx_conv_gradient_supported(s));
  const int taps = s.kernel * s.kernel, columns = s.in / kBlock;
  const int64_t blocks = int64_t(columns) * (s.out / kBlock), block_size = int64_t(taps) * kBlock * kBlock;
  static thread_local Strip strip;
  AlignedVector<float> sums(size_t(blocks * block_size), 0.0f);
  ConvShape part = s;
  for (int b = 0; b < s.batch; b += part.batch) {
    part.batch = int(std::clamp<int64_t>(kStrip / (int64_t(s.height) * s.width), 1, s.batch - b));
    const Layout l = layout_of(part);
    const int64_t first = int64_t(b) * s.height * s.width;
    strip.fill(part, l, pixels_of(part, l), src + first * s.in, d_dst + first * s.out);
    const bf16 *x = strip.transposed.data(), *dy = strip.paired.data();
    parallel_for_dynamic(blocks, [&](int64_t i) {
      gradient_block(s, l, x + i % columns * kBlock * l.pitch, dy + 2 * (i / columns * kBlock),
                     &sums[i * block_size]);
    });
  }
  parallel_for(blocks, [&](int64_t i) {
    add_block(s, &sums[i * block_size], int(i % columns) * kBlock, int(i / columns) * kBlock, d_weight);
  });
  add_bias_gradient(d_dst, s.pixels(), s.out, d_bias);
}

}  // namespace orrery

#else

namespace orrery {
bool amx_conv_gradient_supported(const ConvShape&) { return false; }
void amx_conv_gradient(const ConvShape&, const bf16*, const bf16*, float*, float*) { ORRERY_ASSERT(false); }
}  // namespace orrery

#endif
