// Streaming: frames are kept, reduced, for one window; its background is estimated, its frames are searched,
// and the next window follows. Tracks run on across windows, and end at cuts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "physics_eval/camera.h"
#include "physics_eval/evaluate.h"
#include "physics_eval/halts.h"
#include "physics_eval/image.h"
#include "physics_eval/thresholds.h"
#include "physics_eval/track.h"

namespace orrery::physics_eval {
namespace {

constexpr size_t kMaxFlags = 20;             // noise is a cut at every frame
constexpr size_t kWindowBytes = 192u << 20;  // of reduced frames: 279 at 640x360
constexpr size_t kBatch = 16;                // frames searched at a time

struct Window {
  std::vector<cv::Mat> images;
  std::vector<double> times;
  int first_frame = 0;
};

std::vector<cv::Mat> background_samples(const std::vector<cv::Mat>& images) {
  const int n = int(images.size()), count = std::min(n, kMaxBackgroundSamples - 1);
  std::vector<cv::Mat> out;
  for (int i = 0; i < count; ++i)
    out.push_back(images[count > 1 ? size_t(int64_t(i) * (n - 1) / (count - 1)) : 0]);
  return out;
}

Frame cropped(const Frame& frame, const cv::Rect& r) {
  Frame out(r.width, r.height);
  out.seconds = frame.seconds;
  for (int y = 0; y < r.height; ++y) std::copy_n(frame.at(r.x, r.y + y), 3 * r.width, out.at(0, y));
  return out;
}

// Correlation of two pictures over every eighth pixel of every eighth row; 1 where one of them is flat.
double likeness(const cv::Mat& a, const cv::Mat& b) {
  double n = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (int y = 4; y < a.rows; y += 8)
    for (int x = 4; x < a.cols; x += 8) {
      const auto p = a.at<cv::Vec3b>(y, x), q = b.at<cv::Vec3b>(y, x);
      const double u = p[0] + p[1] + p[2], v = q[0] + q[1] + q[2];
      n += 1, sa += u, sb += v, saa += u * u, sbb += v * v, sab += u * v;
    }
  const double va = saa * n - sa * sa, vb = sbb * n - sb * sb;
  return va <= 0 || vb <= 0 ? 1 : (sab * n - sa * sb) / std::sqrt(va * vb);
}

class Observer {
 public:
  explicit Observer(const EvaluateOptions& options) : options_(options) {}

  Observation run(FrameSource& source) {
    Frame frame;
    while (source.next(frame)) add(frame);
    end_shot();
    if (times_.size() > 1) {
      out_.seconds = times_.back() - times_.front();
      if (out_.seconds > 0) out_.fps = double(times_.size() - 1) / out_.seconds;
    }
    if (repeated_ > 0)
      out_.flags.push_back({pulldown_ ? "pulldown" : "duplicates", 0,
                            fmt::format("{} frame(s) repeat the one before; left out", repeated_)});
    return std::move(out_);
  }

 private:
  // The part that is looked at, px of the frames given.
  cv::Rect region_of(const Frame& frame) const {
    const cv::Rect whole(0, 0, frame.width, frame.height);
    if (options_.region.empty()) return whole;
    const double f = options_.pixel_factor;
    const cv::Rect r(int(options_.region.x / f), int(options_.region.y / f), int(options_.region.width / f),
                     int(options_.region.height / f));
    const cv::Rect part = r & whole;
    if (part.width < 8 || part.height < 8)
      fail("score: the region {},{},{},{} is not inside the picture; give X,Y,W,H in pixels of the clip",
           options_.region.x, options_.region.y, options_.region.width, options_.region.height);
    return part;
  }

  void add(const Frame& frame) {
    if (out_.frames == 0) {
      out_.width = frame.width, out_.height = frame.height;
      region_ = region_of(frame);
    }
    if (frame.width != out_.width || frame.height != out_.height)
      fail("score: frame {} is {}x{}, the first is {}x{}; re-encode the clip to one size", out_.frames,
           frame.width, frame.height, out_.width, out_.height);
    const double t = options_.fps > 0 ? out_.frames / options_.fps : frame.seconds;
    double factor = 1;
    cv::Mat image = options_.region.empty()
                        ? reduced(frame, int(kWorkingWidth.value), factor)
                        : reduced(cropped(frame, region_), int(kWorkingWidth.value), factor);
    out_.px = factor * options_.pixel_factor;
    if (!window_.images.empty() && likeness(window_.images.back(), image) < kCutLikeness.value) {
      if (out_.flags.size() < kMaxFlags)
        out_.flags.push_back({"cut", out_.frames, "another picture begins; what moves is followed anew"});
      end_shot();
    }
    window_.images.push_back(std::move(image));
    window_.times.push_back(t / options_.slow_motion);
    times_.push_back(t / options_.slow_motion);
    ++out_.frames;
    if (options_.progress && out_.frames % 16 == 0) options_.progress(out_.frames);
    const size_t bytes = window_.images[0].total() * 3;
    if (window_.images.size() * bytes >= kWindowBytes && window_.images.size() >= 64) flush();
  }

  void end_shot() {
    flush();
    if (tracker_) {
      int highest = next_id_ - 1;
      std::vector<Track> tracks = tracker_->finish(out_.frames - 1);
      add_agreement(compare_directions(tracks, backward_));
      if (periodic_) choose_clock(tracks);
      for (Track& track : tracks) {
        track.id += next_id_;
        highest = std::max(highest, track.id);
        for (TrackPoint& p : track.points)
          p.x += region_.x * options_.pixel_factor, p.y += region_.y * options_.pixel_factor;
        out_.tracks.push_back(std::move(track));
      }
      next_id_ = highest + 1;
    }
    tracker_.reset();
    backward_.clear();
    periodic_ = false;
    background_ = {};
    reference_ = cv::Mat();
  }

  void add_agreement(const Agreement& shot) {
    Agreement& all = out_.agreement;
    all.links += shot.links, all.confirmed += shot.confirmed;
    all.switches.insert(all.switches.end(), shot.switches.begin(), shot.switches.end());
    all.bridges.insert(all.bridges.end(), shot.bridges.begin(), shot.bridges.end());
  }

  // Repeated frames are no evidence. With a period the others may have been shown late: then they belong at
  // even distances, and the paths will tell.
  std::vector<uint8_t> settle_times() {
    const size_t n = window_.images.size();
    std::vector<int> changed(n);
    parallel_for(int64_t(n) - 1, [&](int64_t i) {
      changed[size_t(i) + 1] = changed_pixels(window_.images[size_t(i)], window_.images[size_t(i) + 1]);
    });
    const Stutter stutter = find_stutter(changed);
    for (Halt halt : stutter.halts) out_.halts.push_back({halt.first + window_.first_frame, halt.count});
    std::vector<uint8_t> skip(n);
    for (int i : stutter.repeated) skip[size_t(i)] = 1;
    repeated_ += int(stutter.repeated.size());
    even_times_.insert(even_times_.end(), window_.times.begin(), window_.times.end());
    if (stutter.period == 0) return skip;
    periodic_ = true;
    const double step =
        (window_.times.back() - window_.times[0]) / std::max(1.0, double(n - 1 - stutter.repeated.size()));
    double t = window_.times[0];
    for (size_t i = 0; i < n; ++i) {
      even_times_[size_t(window_.first_frame) + i] = t;
      if (i + 1 < n && !skip[i + 1]) t += step;
    }
    return skip;
  }

  // Frames slipped in, as by 3:2 pulldown, or repeated for lost ones? Of the two clocks the one that makes
  // the paths smooth is right.
  void choose_clock(std::vector<Track>& tracks) {
    std::vector<Track> even = tracks;
    for (Track& track : even)
      for (TrackPoint& p : track.points) p.t = even_times_[size_t(p.frame)];
    if (roughness(even) >= 0.8 * roughness(tracks)) return;
    tracks = std::move(even);
    pulldown_ = true;
  }

  void hold_camera() {
    const CameraMotion camera = steady(reference_, window_.images);
    if (camera.compensated)
      out_.flags.push_back({"camera", window_.first_frame,
                            fmt::format("the camera moves by up to {:.0f} px; taken out, {:.2f} px are left",
                                        camera.largest * out_.px, camera.residual * out_.px)});
  }

  void flush() {
    if (window_.images.empty()) return;
    const std::vector<uint8_t> skip = settle_times();
    if (reference_.empty()) reference_ = window_.images[window_.images.size() / 2];
    parallel_for(int64_t(window_.images.size()), [&](int64_t i) {
      cv::Mat& image = window_.images[size_t(i)];
      if (image.data != reference_.data) divide_by_gain(image, gain_against(image, reference_));
    });
    hold_camera();
    background_ = estimate_background(background_samples(window_.images),
                                      background_.plate.empty() ? nullptr : &background_);
    const double span = times_.back() - times_.front(),
                 fps = span > 0 ? double(times_.size() - 1) / span : 24;
    if (!tracker_) tracker_.emplace(out_.px, fps);
    std::vector<FrameDetections> all;
    for (size_t from = 0; from < window_.images.size(); from += kBatch) follow(from, skip, all);
    backward_.push_back(
        follow_backward(std::move(all), skip, window_.first_frame, window_.times, out_.px, fps));
    window_.first_frame += int(window_.images.size());
    window_.images.clear();
    window_.times.clear();
  }

  // Frames are searched on all threads and followed in their order.
  void follow(size_t from, const std::vector<uint8_t>& skip, std::vector<FrameDetections>& all) {
    const size_t count = std::min(kBatch, window_.images.size() - from);
    std::vector<FrameDetections> found(count);
    parallel_for_dynamic(int64_t(count), [&](int64_t i) {
      if (!skip[from + size_t(i)]) found[size_t(i)] = detect(window_.images[from + size_t(i)], background_);
    });
    for (size_t i = 0; i < count; ++i) {
      for (size_t k = 0; k < found[i].objects.size(); ++k) found[i].objects[k].region = int(k);
      all.push_back(found[i]);
      if (skip[from + i]) {
        ++out_.judged;
        continue;
      }
      out_.judged += found[i].usable();
      tracker_->step(window_.first_frame + int(from + i), window_.times[from + i], found[i]);
    }
  }

  const EvaluateOptions& options_;
  Observation out_;
  Window window_;
  Background background_;
  cv::Mat reference_;
  cv::Rect region_;
  std::vector<double> times_, even_times_;  // of the file; with the repeated frames taken for pulldown
  std::optional<Tracker> tracker_;
  std::vector<std::vector<Track>> backward_;  // of the shot, a list a window
  int next_id_ = 0, repeated_ = 0;
  bool periodic_ = false, pulldown_ = false;
};

}  // namespace

Observation observe(FrameSource& source, const EvaluateOptions& options) {
  use_one_thread();
  return Observer(options).run(source);
}

}  // namespace orrery::physics_eval
