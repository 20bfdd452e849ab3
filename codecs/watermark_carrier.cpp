#include "codecs/watermark_carrier.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "codecs/convolutional_code.h"
#include "codecs/visibility.h"
#include "core/error.h"
#include "core/rng.h"

namespace orrery {
namespace watermark {

double Coefficient::cycles() const { return std::hypot(double(kx) * kTileHeight / kTileWidth, ky); }

const std::vector<Coefficient>& coefficients() {
  static const std::vector<Coefficient> rings = [] {
    std::vector<Coefficient> list;
    for (const Channel channel : {kLuma, kBlue})
      for (int kx = 0; kx <= kHighest; ++kx)
        for (int ky = kx == 0 ? 1 : -kHighest; ky <= kHighest; ++ky)
          if (const Coefficient k{channel, kx, ky};
              k.cycles() >= kRings[channel].least && k.cycles() <= kRings[channel].most)
            list.push_back(k);
    return list;
  }();
  return rings;
}

Layout::Layout(WatermarkKey key) {
  const int chips = 2 * int(coefficients().size());
  constexpr int kCoded = kMessageBits * kCodeRate;
  // Known and payload chips draw from streams of their own: what a search over the known ones selects says
  // nothing about the payload's signs, and a wrong decoding stays a fair draw (`false_positive_bound` rests
  // on it).
  Rng order(key.value, 1), sync_signs(key.value, 2), payload_signs(key.value, 3);
  std::vector<int> shuffled(static_cast<size_t>(chips));
  std::iota(shuffled.begin(), shuffled.end(), 0);
  for (int i = chips - 1; i > 0; --i) std::swap(shuffled[size_t(i)], shuffled[size_t(order.below(i + 1))]);
  bit.assign(size_t(chips), 0);
  sign.assign(size_t(chips), 0);
  int known = 0, next = 0;
  for (const int chip : shuffled) {
    const bool sync = known < kSyncChips;
    known += sync;
    // As many chips as coded bits; were there more or fewer, those sent twice or left out would be spread evenly.
    bit[size_t(chip)] = sync ? kSync : int16_t(next++ * kCoded / (chips - kSyncChips));
    sign[size_t(chip)] = (sync ? sync_signs : payload_signs).chance(0.5) ? 1.f : -1.f;
  }
}

std::vector<uint8_t> message_of(const WatermarkPayload& payload) {
  std::vector<uint8_t> bits;
  const auto append = [&](uint32_t value, int count) {
    for (int i = count - 1; i >= 0; --i) bits.push_back(uint8_t(value >> i & 1));
  };
  append(kProgramMark, 16);
  append(payload.model, 16);
  append(payload.seed, 16);
  append(crc16(bits), kCrcBits);
  return bits;
}

bool read_message(std::span<const uint8_t> message, WatermarkPayload& payload) {
  ORRERY_ASSERT(message.size() == kMessageBits);
  const auto value = [&](int begin, int count) {
    uint32_t v = 0;
    for (int i = 0; i < count; ++i) v = v << 1 | message[size_t(begin + i)];
    return v;
  };
  if (value(0, 16) != kProgramMark || value(kPayloadBits, kCrcBits) != crc16(message.first(kPayloadBits)))
    return false;
  payload = {uint16_t(value(16, 16)), uint16_t(value(32, 16))};
  return true;
}

namespace {

// Running sums along one line of `n` values, `stride` apart.
void mean_along(const float* in, float* out, int n, size_t stride, int radius) {
  float sum = 0;
  for (int i = 0; i < std::min(radius, n); ++i) sum += in[size_t(i) * stride];
  for (int i = 0; i < n; ++i) {
    if (i + radius < n) sum += in[size_t(i + radius) * stride];
    if (i - radius > 0) sum -= in[size_t(i - radius - 1) * stride];
    out[size_t(i) * stride] = sum / float(std::min(i + radius, n - 1) - std::max(i - radius, 0) + 1);
  }
}

}  // namespace

std::vector<float> box_mean(const std::vector<float>& image, int width, int height, int radius) {
  std::vector<float> rows(image.size()), sum(static_cast<size_t>(width)), out(image.size());
  for (int y = 0; y < height; ++y)
    mean_along(&image[size_t(y) * size_t(width)], &rows[size_t(y) * size_t(width)], width, 1, radius);
  // Down the columns all at once: rows are added and taken away whole.
  const auto add = [&](int y, float factor) {
    const float* row = &rows[size_t(y) * size_t(width)];
    for (int x = 0; x < width; ++x) sum[size_t(x)] += factor * row[x];
  };
  for (int y = 0; y < std::min(radius, height); ++y) add(y, 1);
  for (int y = 0; y < height; ++y) {
    if (y + radius < height) add(y + radius, 1);
    if (y - radius > 0) add(y - radius - 1, -1);
    const float scale = 1.f / float(std::min(y + radius, height - 1) - std::max(y - radius, 0) + 1);
    float* to = &out[size_t(y) * size_t(width)];
    for (int x = 0; x < width; ++x) to[x] = sum[size_t(x)] * scale;
  }
  return out;
}

std::vector<float> channel_of(const Frame& frame, Channel channel) {
  std::vector<float> out(size_t(frame.width) * size_t(frame.height));
  for (size_t i = 0; i < out.size(); ++i) {
    const uint8_t* rgb = &frame.rgb[3 * i];
    const float luma = 0.2126f * float(rgb[0]) + 0.7152f * float(rgb[1]) + 0.0722f * float(rgb[2]);
    out[i] = channel == kLuma ? luma : (float(rgb[2]) - luma) / float(kBlueOfCb);
  }
  return out;
}

}  // namespace watermark

WatermarkKey shipped_watermark_key() { return {hash64("orrery watermark, shipped key")}; }

WatermarkKey read_watermark_key(const fs::path& path) {
  const std::vector<uint8_t> bytes = read_bytes(path, 1 << 20);
  if (bytes.size() < 16)
    fail("watermark key {} has {} bytes; at least 16 are needed, for example: head -c 32 /dev/urandom > {}",
         path.string(), bytes.size(), path.string());
  return {hash64(sha256(bytes))};
}

WatermarkPayload watermark_payload(const std::string& model_hash, uint64_t seed) {
  return {uint16_t(std::stoul(model_hash.substr(0, 4), nullptr, 16)), uint16_t(seed)};
}

std::string to_hex(const WatermarkPayload& p) {
  return fmt::format("{:04x}{:04x}{:04x}", watermark::kProgramMark, p.model, p.seed);
}

}  // namespace orrery
