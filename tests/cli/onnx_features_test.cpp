// Features by an ONNX network of one layer, written here byte by byte: means over the picture, so that they
// are known.
#include "cli/onnx_features.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/files.h"
#include "physics_eval/compare.h"
#include "tests/core/expect_error.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

// Protocol buffers: a field of length-delimited bytes, and one of a small number.
std::string bytes_field(int number, const std::string& bytes) {
  std::string out(1, char(number << 3 | 2));
  for (size_t n = bytes.size();; n >>= 7) {
    out += char((n & 127) | (n > 127 ? 128 : 0));
    if (n <= 127) break;
  }
  return out + bytes;
}

std::string number_field(int number, int value) { return {char(number << 3), char(value)}; }

std::string value_info(const std::string& name, const std::vector<int>& shape) {
  std::string dims;
  for (int d : shape) dims += bytes_field(1, number_field(1, d));
  return bytes_field(1, name) + bytes_field(2, bytes_field(1, number_field(1, 1) + bytes_field(2, dims)));
}

// ModelProto with GlobalAveragePool: 1 x 3 x 8 x 8 -> 1 x 3 x 1 x 1.
std::string pooling_network() {
  const std::string node = bytes_field(1, "x") + bytes_field(2, "y") + bytes_field(3, "pool") +
                           bytes_field(4, "GlobalAveragePool");
  const std::string graph = bytes_field(1, node) + bytes_field(2, "graph") +
                            bytes_field(11, value_info("x", {1, 3, 8, 8})) +
                            bytes_field(12, value_info("y", {1, 3, 1, 1}));
  return number_field(1, 7) + bytes_field(7, graph) + bytes_field(8, number_field(2, 11));
}

Frame plain(uint8_t r, uint8_t g, uint8_t b) {
  Frame frame(32, 16);
  for (size_t i = 0; i < frame.rgb.size(); i += 3)
    frame.rgb[i] = r, frame.rgb[i + 1] = g, frame.rgb[i + 2] = b;
  return frame;
}

#ifdef ORRERY_DNN

TEST(OnnxFeatures, AreThoseOfTheNetwork) {
  const TemporaryFolder folder;
  const std::string path = folder / "pool.onnx";
  write_atomic(path, pooling_network());
  OnnxFeatures network({.path = path, .size = {8, 8}, .mean = {0.5, 0, 0}, .deviation = {0.25, 1, 2}});
  const std::vector<double> f = network.of({plain(255, 51, 102)});
  ASSERT_EQ(f.size(), 3u);
  EXPECT_NEAR(f[0], 2, 1e-5);
  EXPECT_NEAR(f[1], 0.2, 1e-5);
  EXPECT_NEAR(f[2], 0.2, 1e-5);
  // Two sets of features whose distance is known: equal spread, means 0.2 apart.
  physics_eval::Features a, b;
  for (int level : {51, 102, 153}) {
    a.push_back(network.of({plain(uint8_t(level), 0, 0)}));
    b.push_back(network.of({plain(uint8_t(level), 51, 0)}));
  }
  EXPECT_NEAR(physics_eval::frechet_distance(a, b), 0.04, 1e-4);
}

TEST(OnnxFeatures, SaysWhatItCannotUse) {
  const TemporaryFolder folder;
  const std::string path = folder / "pool.onnx", network = pooling_network();
  for (size_t length : {size_t(0), size_t(3), network.size() / 2, network.size() - 5}) {
    write_atomic(path, network.substr(0, length));
    expect_error([&] { OnnxFeatures({.path = path, .size = {8, 8}}).of({plain(1, 2, 3)}); }, {"compare"});
  }
  write_atomic(path, network);
  expect_error([&] { OnnxFeatures({.path = path, .size = {0, 8}}); }, {"--feature-size"});
  expect_error([&] { OnnxFeatures({.path = path, .deviation = {1, 0, 1}}); }, {"--feature-std"});
  expect_error([&] { OnnxFeatures({.path = path, .size = {8, 8}}).of({}); }, {"0 frames"});
  expect_error(
      [&] {
        OnnxFeatures({.path = path, .size = {8, 8}, .layer = "none"}).of({plain(1, 2, 3)});
      },
      {"--feature-layer"});
}

#else

TEST(OnnxFeatures, AreRefusedWithoutOpenCvDnn) {
  expect_error([] { OnnxFeatures({.path = "x.onnx"}); }, {"libopencv-dnn-dev"});
}

#endif

}  // namespace
}  // namespace orrery
