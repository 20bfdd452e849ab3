// Synthetic clips and measures that the codec tests share.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "codecs/decoder.h"
#include "codecs/encoder.h"

namespace orrery {

// A folder of its own for every test, removed at the end.
class Folder {
 public:
  Folder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = fs::temp_directory_path() / ("orrery-" + std::string(test->test_suite_name()) + "-" +
                                         test->name() + "-" + std::to_string(getpid()));
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }
  int count() const { return int(std::distance(fs::directory_iterator(path_), fs::directory_iterator())); }

 private:
  fs::path path_;
};

// Without the flush to disk of write_atomic: some tests write thousands of files.
inline void put(const fs::path& path, const std::string& bytes) {
  fs::remove(path);  // a new file: ext4 flushes one that is truncated and rewritten
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  ASSERT_TRUE(out.flush());
}

// A smooth, coloured gradient that moves 2 pixels a frame.
inline Frame gradient(int width, int height, int index) {
  Frame frame(width, height);
  frame.seconds = index / 24.0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = (x + 2.0 * index) / 60, v = y / 45.0;
      uint8_t* p = frame.at(x, y);
      p[0] = uint8_t(128 + 90 * std::sin(u));
      p[1] = uint8_t(120 + 80 * std::sin(v + 1));
      p[2] = uint8_t(110 + 70 * std::sin(u + v));
    }
  return frame;
}

inline Frame flat(int width, int height, uint8_t r, uint8_t g, uint8_t b) {
  Frame frame(width, height);
  for (size_t i = 0; i < frame.rgb.size(); i += 3)
    frame.rgb[i] = r, frame.rgb[i + 1] = g, frame.rgb[i + 2] = b;
  return frame;
}

inline void encode_gradient(const fs::path& path, int width, int height, int frames,
                            const EncodeOptions& options = {}) {
  auto sink = open_encoder(path, width, height, options);
  for (int i = 0; i < frames; ++i) sink->write(gradient(width, height, i));
  sink->finish();
}

inline std::vector<Frame> decode_all(const fs::path& path, const DecodeOptions& options = {}) {
  auto source = open_decoder(path, options);
  std::vector<Frame> frames;
  for (Frame frame; source->next(frame);) frames.push_back(frame);
  return frames;
}

// dB over the common area: decoded pictures may carry a padding row.
inline double psnr(const Frame& a, const Frame& b) {
  double sum = 0;
  const int width = std::min(a.width, b.width), height = std::min(a.height, b.height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) sum += std::pow(double(a.at(x, y)[c]) - b.at(x, y)[c], 2);
  return 10 * std::log10(255.0 * 255.0 / std::max(1e-9, sum / (3.0 * width * height)));
}

inline double mean_of(const Frame& frame, int channel) {
  double sum = 0;
  for (size_t i = size_t(channel); i < frame.rgb.size(); i += 3) sum += frame.rgb[i];
  return sum / (double(frame.rgb.size()) / 3);
}

inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline bool have_ffmpeg() { return std::system("ffmpeg -version >/dev/null 2>&1") == 0; }
// Runs the ffmpeg program; arguments that name files are the caller's to quote.
inline bool run_ffmpeg(const std::string& arguments) {
  return std::system(("ffmpeg -nostdin -loglevel error -y " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace orrery
