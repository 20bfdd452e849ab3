// Streaming: frames are kept, reduced, for one window; its background is estimated, its frames are searched, and
// the next window follows. Tracks run on across windows.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "physics_eval/evaluate.h"
#include "physics_eval/image.h"
#include "physics_eval/thresholds.h"
#include "physics_eval/track.h"

namespace orrery::physics_eval {
namespace {

constexpr size_t kWindowBytes = 192u << 20;  // of reduced frames: 279 at 640x360

struct Window {
  std::vector<cv::Mat> images;
  std::vector<double> times;
  int first_frame = 0;
};

std::vector<cv::Mat> background_samples(const std::vector<cv::Mat>& images) {
  const int n = int(images.size()), count = std::min(n, kMaxBackgroundSamples - 1);
  std::vector<cv::Mat> out;
  for (int i = 0; i < count; ++i) out.push_back(images[count > 1 ? size_t(int64_t(i) * (n - 1) / (count - 1)) : 0]);
  return out;
}

class Observer {
 public:
  explicit Observer(const EvaluateOptions& options) : options_(options) {}

  Observation run(FrameSource& source) {
    Frame frame;
    while (source.next(frame)) add(frame);
    flush();
    if (tracker_) out_.tracks = tracker_->finish(out_.frames - 1);
    if (times_.size() > 1) {
      out_.seconds = times_.back() - times_.front();
      if (out_.seconds > 0) out_.fps = double(times_.size() - 1) / out_.seconds;
    }
    return std::move(out_);
  }

 private:
  void add(const Frame& frame) {
    if (out_.frames == 0) out_.width = frame.width, out_.height = frame.height;
    if (frame.width != out_.width || frame.height != out_.height)
      fail("score: frame {} is {}x{}, the first is {}x{}; re-encode the clip to one size", out_.frames, frame.width,
           frame.height, out_.width, out_.height);
    const double t = options_.fps > 0 ? out_.frames / options_.fps : frame.seconds;
    window_.images.push_back(reduced(frame, int(kWorkingWidth.value), out_.px));
    window_.times.push_back(t);
    times_.push_back(t);
    ++out_.frames;
    if (options_.progress && out_.frames % 16 == 0) options_.progress(out_.frames);
    const size_t bytes = window_.images[0].total() * 3;
    if (window_.images.size() * bytes >= kWindowBytes && window_.images.size() >= 64) flush();
  }

  void flush() {
    if (window_.images.empty()) return;
    if (reference_.empty()) reference_ = window_.images[window_.images.size() / 2];
    for (cv::Mat& image : window_.images)
      if (image.data != reference_.data) divide_by_gain(image, gain_against(image, reference_));
    background_ = estimate_background(background_samples(window_.images), background_.plate.empty() ? nullptr : &background_);
    if (!tracker_) {
      const double span = times_.back() - times_.front();
      tracker_.emplace(out_.px, span > 0 ? double(times_.size() - 1) / span : 24);
    }
    for (size_t i = 0; i < window_.images.size(); ++i) {
      FrameDetections detections = detect(window_.images[i], background_);
      out_.judged += detections.changed <= kMaxForeground.value;
      tracker_->step(window_.first_frame + int(i), window_.times[i], detections);
    }
    window_.first_frame += int(window_.images.size());
    window_.images.clear();
    window_.times.clear();
  }

  const EvaluateOptions& options_;
  Observation out_;
  Window window_;
  Background background_;
  cv::Mat reference_;
  std::vector<double> times_;
  std::optional<Tracker> tracker_;
};

}  // namespace

Observation observe(FrameSource& source, const EvaluateOptions& options) {
  use_one_thread();
  return Observer(options).run(source);
}

}  // namespace orrery::physics_eval
