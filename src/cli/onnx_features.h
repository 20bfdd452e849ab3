// Features of frames by a network that the user brings (ONNX), through OpenCV's dnn.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/frame.h"

namespace orrery {

struct OnnxOptions {
  std::string path = {};
  std::vector<int> size{224, 224};         // width, height of the network's input, px
  int frames = 1;                          // 1: input 1 x 3 x H x W; more: 1 x 3 x frames x H x W
  std::vector<double> mean{0, 0, 0};       // of RGB in 0..1, taken off
  std::vector<double> deviation{1, 1, 1};  // divided by
  std::string layer = {};                  // the one whose output is taken; empty: the last
};

class OnnxFeatures {
 public:
  // Errors: a build without OpenCV's dnn, a file that is no network it can read, options out of range.
  explicit OnnxFeatures(OnnxOptions options);
  ~OnnxFeatures();
  // Output for options.frames frames of any size, flattened. Errors: another number of frames, an input that
  // the network refuses, more than kMostFeatures numbers.
  std::vector<double> of(const std::vector<Frame>& frames);
  const OnnxOptions& options() const { return options_; }
  static constexpr size_t kMostFeatures = 4096;  // a covariance of them takes 128 MB

 private:
  struct Net;
  OnnxOptions options_;
  std::unique_ptr<Net> net_;
};

}  // namespace orrery
