#include "cli/onnx_features.h"

#include "codecs/resize.h"
#include "core/error.h"

#ifdef ORRERY_DNN
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#endif

namespace orrery {

#ifdef ORRERY_DNN

struct OnnxFeatures::Net {
  cv::dnn::Net net;
};

namespace {

void check(const OnnxOptions& o) {
  const auto in_range = [](int v) { return v >= 1 && v <= 4096; };
  if (o.size.size() != 2 || !in_range(o.size[0]) || !in_range(o.size[1]))
    fail_usage("--feature-size: expected W,H, each 1 to 4096 pixels");
  if (o.frames < 1 || o.frames > 256) fail_usage("--feature-frames: {} is not 1 to 256", o.frames);
  if (o.mean.size() != 3 || o.deviation.size() != 3)
    fail_usage("--feature-mean, --feature-std: expected R,G,B");
  for (double d : o.deviation)
    if (!(d > 0)) fail_usage("--feature-std: {} is not above 0", d);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

OnnxFeatures::OnnxFeatures(OnnxOptions options)
    : options_(std::move(options)), net_(std::make_unique<Net>()) {
  check(options_);
  cv::utils::logging::setLogLevel(
      cv::utils::logging::LOG_LEVEL_SILENT);  // what it says comes in the exception too
  try {
    net_->net = cv::dnn::readNetFromONNX(options_.path);
  } catch (const cv::Exception& error) {
    fail("compare: {}: OpenCV cannot read this as an ONNX network ({})", options_.path,
         first_line(error.err));
  }
  if (net_->net.empty()) fail("compare: {}: holds no network", options_.path);
  net_->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
}

std::vector<double> OnnxFeatures::of(const std::vector<Frame>& frames) {
  if (int(frames.size()) != options_.frames)
    fail("compare: {} frames for a network that takes {}", frames.size(), options_.frames);
  const int w = options_.size[0], h = options_.size[1], t = options_.frames;
  const std::vector<int> shape = t == 1 ? std::vector<int>{1, 3, h, w} : std::vector<int>{1, 3, t, h, w};
  cv::Mat blob(shape, CV_32F);
  for (int i = 0; i < t; ++i) {
    const Frame small = resize(frames[size_t(i)], w, h);
    for (int c = 0; c < 3; ++c) {
      float* plane = blob.ptr<float>() + (size_t(c) * t + i) * w * h;
      for (size_t k = 0; k < size_t(w) * h; ++k)
        plane[k] = float((small.rgb[3 * k + c] / 255.0 - options_.mean[c]) / options_.deviation[c]);
    }
  }
  cv::Mat out;
  try {
    net_->net.setInput(blob);
    out = options_.layer.empty() ? net_->net.forward() : net_->net.forward(options_.layer);
  } catch (const cv::Exception& error) {
    fail(
        "compare: {}: the network refuses an input of {} frame(s) of {}x{} ({}); see --feature-size, "
        "--feature-frames, --feature-layer",
        options_.path, t, w, h, first_line(error.err));
  }
  if (out.total() == 0 || out.total() > kMostFeatures)
    fail(
        "compare: {}: {} numbers a frame, 1 to {} can be compared; name an earlier or later layer with "
        "--feature-layer",
        options_.path, out.total(), kMostFeatures);
  out.convertTo(out, CV_64F);
  return {out.ptr<double>(), out.ptr<double>() + out.total()};
}

#else

struct OnnxFeatures::Net {};

OnnxFeatures::OnnxFeatures(OnnxOptions options) : options_(std::move(options)) {
  fail(
      "compare: --features needs OpenCV's dnn, which this build was made without; install libopencv-dnn-dev "
      "and "
      "build again");
}

std::vector<double> OnnxFeatures::of(const std::vector<Frame>&) { return {}; }

#endif

OnnxFeatures::~OnnxFeatures() = default;

}  // namespace orrery
