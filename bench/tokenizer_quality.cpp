// How faithful is the video tokenizer? Whole held-out frames and dilated object masks, against the chunk's
// temporal mean and the empty scene; pulsing at the chunk rate; speed. Usage:
//   tokenizer_quality [weights.safetensors] [--clips N] [--png out.png] [--speed]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "bench/common.h"
#include "bench/rendered_truth.h"
#include "codecs/png.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "data/pixel_classes.h"
#include "models/picture_loss.h"
#include "models/video_tokenizer.h"
#include "world/families.h"
#include "world/renderer.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kPixels = kFrameWidth * kFrameHeight, kChunkBytes = kPixels * 3 * kChunkFrames;

// Two chunks in a row of one held-out clip.
struct Piece {
  std::vector<uint8_t> rgb, empty,
      objects;  // [8][H][W][3]; the same without objects; dilated masks [8][H][W]
};

Piece render_piece(int clip) {
  const Sample sample = make_sample(uint64_t(clip), Split::kId);
  const int start = kChunkFrames * (clip * 7 % 20);
  const Trajectory t = simulate(sample.scene, start + 2 * kChunkFrames, sample.pushes);
  Scene bare = sample.scene;
  bare.objects.clear();
  const Renderer renderer(sample.scene), background(bare);
  Piece piece;
  piece.rgb.resize(2 * kChunkBytes), piece.empty.resize(2 * kChunkBytes);
  std::vector<uint8_t> ids(2 * kChunkFrames * kPixels);
  for (int f = 0; f < 2 * kChunkFrames; ++f) {
    const std::span states(&t.at(start + f, 0), size_t(t.num_objects));
    renderer.draw(states, {}, &piece.rgb[size_t(f) * kPixels * 3]);
    background.draw({}, {}, &piece.empty[size_t(f) * kPixels * 3]);
    renderer.mask(states, {}, &ids[size_t(f) * kPixels]);
  }
  for (int c = 0; c < 2; ++c) {
    const std::vector<uint8_t> rgb(&piece.rgb[c * kChunkBytes], &piece.rgb[c * kChunkBytes] + kChunkBytes);
    const std::vector<uint8_t> part(&ids[c * kChunkFrames * kPixels],
                                    &ids[c * kChunkFrames * kPixels] + kChunkFrames * kPixels);
    for (uint8_t k : classify_pixels(rgb, part, kFrameHeight, kFrameWidth, {}))
      piece.objects.push_back(k & kObject ? 1 : 0);
  }
  return piece;
}

std::vector<uint8_t> temporal_mean(const std::vector<uint8_t>& rgb) {
  std::vector<uint8_t> out(rgb.size());
  for (size_t c = 0; c < rgb.size(); c += kChunkBytes)
    for (size_t i = 0; i < kPixels * 3; ++i) {
      int sum = 2;
      for (size_t f = 0; f < kChunkFrames; ++f) sum += rgb[c + f * kPixels * 3 + i];
      for (size_t f = 0; f < kChunkFrames; ++f) out[c + f * kPixels * 3 + i] = uint8_t(sum / 4);
    }
  return out;
}

void print_row(const char* name, std::vector<double> values) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) { return values[size_t(q * double(values.size() - 1) + 0.5)]; };
  if (!values.empty())
    fmt::print("{:<34} {:6.2f}  [{:5.2f}, {:5.2f}]  N {}\n", name, at(0.5), at(0.1), at(0.9), values.size());
}

// Squared change between successive frames, of pixels that do not change in the original.
struct Pulse {
  double inside = 0, boundary = 0;
  int64_t inside_count = 0, boundary_count = 0;
  void add(const Piece& piece, const std::vector<uint8_t>& out) {
    for (size_t f = 0; f + 1 < 2 * kChunkFrames; ++f)
      for (size_t i = f * kPixels * 3; i < (f + 1) * kPixels * 3; ++i) {
        if (piece.rgb[i] != piece.rgb[i + kPixels * 3]) continue;
        const double d = double(out[i]) - out[i + kPixels * 3];
        (f % kChunkFrames == kChunkFrames - 1 ? boundary : inside) += d * d;
        ++(f % kChunkFrames == kChunkFrames - 1 ? boundary_count : inside_count);
      }
  }
};

// Original above, reconstruction below; the chunk's first and last frame of a clip side by side.
void copy_into(Frame& sheet, int x0, int y0, const uint8_t* rgb) {
  for (int y = 0; y < kFrameHeight; ++y)
    std::copy_n(rgb + size_t(y) * kFrameWidth * 3, kFrameWidth * 3, sheet.at(x0, y0 + y));
}

void report_quality(const VideoTokenizer& tokenizer, int clips, const std::string& png) {
  std::vector<double> whole, inside, mean_whole, mean_inside, empty_whole, empty_inside;
  Pulse pulse;
  Frame sheet(kFrameWidth * 4, kFrameHeight * 6);
  for (int clip = 0; clip < clips; ++clip) {
    const Piece piece = render_piece(clip);
    const std::vector<uint8_t> out = bench::reconstructed(tokenizer, piece.rgb, 2), mean = temporal_mean(piece.rgb);
    whole.push_back(bench::psnr(piece.rgb, out, nullptr)), inside.push_back(bench::psnr(piece.rgb, out, &piece.objects));
    mean_whole.push_back(bench::psnr(piece.rgb, mean, nullptr)),
        mean_inside.push_back(bench::psnr(piece.rgb, mean, &piece.objects));
    empty_whole.push_back(bench::psnr(piece.rgb, piece.empty, nullptr)),
        empty_inside.push_back(bench::psnr(piece.rgb, piece.empty, &piece.objects));
    pulse.add(piece, out);
    if (clip >= 12) continue;
    const int x = clip % 4 * kFrameWidth, y = clip / 4 * 2 * kFrameHeight;
    copy_into(sheet, x, y, piece.rgb.data()), copy_into(sheet, x, y + kFrameHeight, out.data());
  }
  fmt::print("PSNR in dB: median [p10, p90] over pieces of two chunks, `id` split\n");
  print_row("whole frames", whole);
  print_row("  baseline: chunk's temporal mean", mean_whole);
  print_row("  baseline: empty scene", empty_whole);
  print_row("inside dilated object masks", inside);
  print_row("  baseline: chunk's temporal mean", mean_inside);
  print_row("  baseline: empty scene", empty_inside);
  fmt::print(
      "change between frames where the original has none, RMS in 8-bit steps: {:.3f} inside a chunk, {:.3f} "
      "at chunk boundaries\n",
      std::sqrt(pulse.inside / double(pulse.inside_count)),
      std::sqrt(pulse.boundary / double(pulse.boundary_count)));
  if (!png.empty()) write_png(png, sheet);
}

template <class Body>
double chunks_per_second(Body&& body) {
  using Clock = std::chrono::steady_clock;
  body();
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    body();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return 1 / best;
}

void report_speed(const VideoTokenizer& tokenizer) {
  const Piece piece = render_piece(0);
  std::vector<int8_t> codes(size_t(kPixels) / (kPatch * kPatch) * tokenizer.dims());
  std::vector<float> levels(codes.size());
  std::vector<uint8_t> out(kChunkBytes);
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    const double encode = chunks_per_second(
        [&] { tokenizer.encode(piece.rgb.data(), 1, kFrameHeight, kFrameWidth, codes.data()); });
    levels.assign(codes.begin(), codes.end());
    const double decode = chunks_per_second(
        [&] { tokenizer.decode(levels.data(), 1, kFrameHeight / kPatch, kFrameWidth / kPatch, out.data()); });
    fmt::print("{} thread(s), best of 5: encode {:.0f} chunks/s, decode {:.0f} chunks/s (24 fps needs 6)\n",
               threads, encode, decode);
  }
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  using namespace orrery;
  std::string weights, png;
  int clips = 100;
  bool speed = false;
  CLI::App app("Video tokenizer: fidelity and speed");
  app.add_option("weights", weights, "default: the shipped tokenizer");
  app.add_option("--clips", clips)->check(CLI::Range(1, 100000));
  app.add_option("--png", png, "twelve originals above their reconstructions");
  app.add_flag("--speed", speed, "measure speed as well");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto tokenizer =
        VideoTokenizer::load(weights.empty() ? find_data_file("tokenizer.safetensors") : fs::path(weights));
    report_quality(*tokenizer, clips, png);
    if (speed) report_speed(*tokenizer);
  } catch (const std::exception& e) {
    fmt::print(stderr, "tokenizer_quality: {}\n", e.what());
    return 1;
  }
}
