#include "physics_eval/track.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "physics_eval/assignment.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr double kAccelerationNoise =
    1.5;  // px/frame^2: three times gravity in a 10 m view of 320 px at 24 fps
constexpr double kCentroidVariance = 0.1, kMergedVariance = 4;  // px^2

bool near_border(const Detection& d, cv::Size size, double margin) {
  return d.clipped || d.box.x < margin || d.box.y < margin || d.box.x + d.box.width > size.width - margin ||
         d.box.y + d.box.height > size.height - margin;
}

double radius_of(double area) { return std::sqrt(area / CV_PI); }

// Pixels between two boxes; negative when they overlap.
double gap_between(const cv::Rect& a, const cv::Rect& b) {
  const int gx = std::max(a.x - (b.x + b.width), b.x - (a.x + a.width));
  const int gy = std::max(a.y - (b.y + b.height), b.y - (a.y + a.height));
  return std::max(gx, gy);
}

// Median third difference while it moves; at rest every centre is steady.
double jitter_in_motion(const std::vector<TrackPoint>& points, double least_travel) {
  std::vector<double> thirds;
  for (size_t i = 3; i < points.size(); ++i) {
    const TrackPoint &a = points[i - 3], &b = points[i - 2], &c = points[i - 1], &d = points[i];
    if (d.frame - a.frame != 3 || std::hypot(d.x - a.x, d.y - a.y) < least_travel) continue;
    thirds.push_back(std::hypot(d.x - 3 * c.x + 3 * b.x - a.x, d.y - 3 * c.y + 3 * b.y - a.y));
  }
  return median(thirds);
}

}  // namespace

double color_distance(const std::array<float, 3>& a, const std::array<float, 3>& b) {
  double sum = 0;
  for (int c = 0; c < 3; ++c) sum += double(a[c] - b[c]) * double(a[c] - b[c]);
  return std::sqrt(sum);
}

void AxisFilter::predict() {
  x += v;
  pxx += 2 * pxv + pvv + 0.25 * kAccelerationNoise * kAccelerationNoise;
  pxv += pvv + 0.5 * kAccelerationNoise * kAccelerationNoise;
  pvv += kAccelerationNoise * kAccelerationNoise;
}

void AxisFilter::update(double z, double variance) {
  const double s = pxx + variance, innovation = z - x;
  const double kx = pxx / s, kv = pxv / s;
  x += kx * innovation;
  v += kv * innovation;
  pvv -= kv * pxv;
  pxv -= kx * pxv;
  pxx -= kx * pxx;
}

double Tracker::Live::radius() const { return radius_of(area); }

// Predicted place +- this: free fall and bounces change the velocity by at most itself and its reverse.
double Tracker::Live::gate() const {
  const double young = track.points.size() < 3 ? 2.5 * radius() + 8 : 0;
  return (4 + 1.5 * std::hypot(x.v, y.v) + 0.8 * radius() + young) * (1 + 0.3 * missed);
}

TrackPoint Tracker::point_of(const Detection& d, int frame, double t) const {
  TrackPoint p;
  p.frame = frame;
  p.t = t;
  p.x = (d.x + 0.5) * factor_ - 0.5;
  p.y = (d.y + 0.5) * factor_ - 0.5;
  p.area = d.area * factor_ * factor_;
  p.width = d.box.width * factor_;
  p.height = d.box.height * factor_;
  p.round = d.round;
  p.rgb = d.rgb;
  p.clipped = d.clipped;
  p.merged = d.merged;
  p.region = d.region;
  return p;
}

void Tracker::Live::settle_centres(double factor) {
  std::vector<TrackPoint> moved = track.points;
  for (size_t i = 0; i < moved.size(); ++i) moved[i].x = cores[i][0], moved[i].y = cores[i][1];
  if (jitter_in_motion(moved, 2 * factor) < kSteadierCore.value * jitter_in_motion(track.points, 2 * factor))
    track.points = std::move(moved);
}

std::array<double, 2> Tracker::core_of(const Detection& d) const {
  return {(d.core_x + 0.5) * factor_ - 0.5, (d.core_y + 0.5) * factor_ - 0.5};
}

void Tracker::predict() {
  for (Live& live : live_) live.x.predict(), live.y.predict();
}

// Detection -> index of the live track, or -1.
std::vector<int> Tracker::match(const std::vector<Detection>& objects) const {
  std::vector<std::vector<double>> cost(objects.size(), std::vector<double>(live_.size(), kForbidden));
  for (size_t i = 0; i < objects.size(); ++i)
    for (size_t k = 0; k < live_.size(); ++k) {
      const Live& live = live_[k];
      const double distance = std::hypot(objects[i].x - live.x.x, objects[i].y - live.y.x),
                   gate = live.gate();
      if (distance > gate) continue;
      const double look = std::min(2.0, color_distance(objects[i].rgb, live.rgb) / 60);
      const double size = std::min(2.0, std::abs(std::log(objects[i].area / live.area)));
      cost[i][k] = distance / gate + 0.5 * look + 0.5 * size + 0.1 * live.missed;
      if (cost[i][k] > 2.2) cost[i][k] = kForbidden;
    }
  return assign(cost);
}

// A small region beside a track that has shrunk by as much is a part of it.
void Tracker::join_fragments(FrameDetections& detections, std::vector<int>& match) const {
  auto& objects = detections.objects;
  for (size_t j = 0; j < objects.size(); ++j) {
    if (match[j] >= 0) continue;
    for (size_t i = 0; i < objects.size(); ++i) {
      if (match[i] < 0) continue;
      const Live& live = live_[match[i]];
      const double together = objects[i].area + objects[j].area;
      if (objects[i].area > 0.85 * live.area || together > 1.25 * live.area) continue;
      if (std::hypot(objects[j].x - live.x.x, objects[j].y - live.y.x) > 1.3 * live.radius()) continue;
      const cv::Rect box = objects[i].box | objects[j].box;
      cv::Mat own = cv::Mat::zeros(detections.image.size(), CV_8U);
      cv::bitwise_or(own(objects[i].box), objects[i].mask, own(objects[i].box));
      cv::bitwise_or(own(objects[j].box), objects[j].mask, own(objects[j].box));
      const int region = objects[i].region;
      objects[i] = measure(detections.image, own, box);
      objects[i].region = region;
      match[j] = -2;  // used up
      break;
    }
  }
}

// The tracks that share region `i`: its own and those without a region whose predicted place it covers.
std::vector<int> Tracker::sharers(const Detection& whole, int owner, const std::vector<int>& match) const {
  const cv::Rect reach(whole.box.x - 3, whole.box.y - 3, whole.box.width + 6, whole.box.height + 6);
  std::vector<int> out{owner};
  double area = live_[owner].area;
  for (int k = 0; k < int(live_.size()); ++k) {
    const Live& live = live_[k];
    if (std::find(match.begin(), match.end(), k) != match.end() || live.track.points.size() < 3) continue;
    if (!reach.contains(cv::Point(int(live.x.x), int(live.y.x))) || whole.area < area + 0.35 * live.area)
      continue;
    out.push_back(k);
    area += live.area;
  }
  return out;
}

// Each pixel of the region to the sharer that is nearest in place (radii) and colour.
std::vector<cv::Mat> Tracker::cut(const Detection& whole, const cv::Mat& image,
                                  const std::vector<int>& owners) const {
  std::vector<cv::Mat> masks(owners.size());
  for (cv::Mat& mask : masks) mask = cv::Mat::zeros(image.size(), CV_8U);
  for (int y = 0; y < whole.box.height; ++y)
    for (int x = 0; x < whole.box.width; ++x) {
      if (!whole.mask.at<uint8_t>(y, x)) continue;
      const cv::Point p(whole.box.x + x, whole.box.y + y);
      const auto pixel = image.at<cv::Vec3b>(p);
      const std::array<float, 3> rgb{float(pixel[0]), float(pixel[1]), float(pixel[2])};
      size_t best = 0;
      double least = 1e30;
      for (size_t o = 0; o < owners.size(); ++o) {
        const Live& live = live_[owners[o]];
        const double place = std::hypot(p.x - live.x.x, p.y - live.y.x) / live.radius(),
                     look = color_distance(rgb, live.rgb) / 60;
        const double c = place * place + look * look;
        if (c < least) least = c, best = o;
      }
      masks[best].at<uint8_t>(p) = 255;
    }
  return masks;
}

// A region matched to one track that also covers the predicted place of tracks without a region is cut among
// them.
void Tracker::cut_shared(FrameDetections& detections, std::vector<int>& match) const {
  const size_t count = detections.objects.size();
  for (size_t i = 0; i < count; ++i) {
    if (match[i] < 0) continue;
    const Detection whole = detections.objects[i];
    const std::vector<int> owners = sharers(whole, match[i], match);
    if (owners.size() < 2) continue;
    const std::vector<cv::Mat> masks = cut(whole, detections.image, owners);
    for (size_t o = 0; o < owners.size(); ++o) {
      const cv::Rect box = cv::boundingRect(masks[o]);
      if (box.area() == 0 || cv::countNonZero(masks[o](box)) < kMinArea.value / 2) continue;
      Detection part = measure(detections.image, masks[o], box);
      part.merged = true;
      part.region = whole.region;
      if (o == 0) detections.objects[i] = part;
      else detections.objects.push_back(part), match.push_back(owners[o]);
    }
  }
}

void Tracker::follow(Live& live, const Detection& d, int frame, double t) {
  const bool jump = std::hypot(d.x - live.x.x, d.y - live.y.x) > 2 + 0.5 * std::hypot(live.x.v, live.y.v);
  const TrackPoint& last = live.track.points.back();
  const double elapsed = std::max(1, frame - last.frame);
  const double before_x = (last.x + 0.5) / factor_ - 0.5, before_y = (last.y + 0.5) / factor_ - 0.5;
  const double variance = d.merged || d.clipped ? kMergedVariance : kCentroidVariance;
  live.x.update(d.x, variance);
  live.y.update(d.y, variance);
  if ((jump && !d.merged) || live.track.points.size() == 1) {  // a bounce: the old velocity says nothing
    live.x = {d.x, (d.x - before_x) / elapsed};
    live.y = {d.y, (d.y - before_y) / elapsed};
  }
  if (!d.merged) {
    const double weight = live.track.points.size() < 4 ? 0.5 : 0.2;
    if (!d.clipped) live.area += weight * (d.area - live.area);
    else live.area = std::max(live.area, d.area);
    for (int c = 0; c < 3; ++c) live.rgb[c] += float(weight) * (d.rgb[c] - live.rgb[c]);
  }
  live.missed = live.clear = live.border = live.overlap = 0;
  live.track.points.push_back(point_of(d, frame, t));
  live.cores.push_back(core_of(d));
  live.previous = std::move(live.latest), live.previous_frame = live.latest_frame;
  live.latest = d, live.latest_frame = frame;
}

// What is at the place where it should be?
void Tracker::miss(Live& live, const FrameDetections& detections) {
  ++live.missed;
  const int r = std::max(2, int(live.radius()));
  const cv::Rect frame(0, 0, detections.mask.cols, detections.mask.rows);
  const cv::Rect disc(int(live.x.x) - r, int(live.y.x) - r, 2 * r + 1, 2 * r + 1), seen = disc & frame;
  if (live.track.points.back().clipped || seen.area() < disc.area()) ++live.border;
  else if (cv::countNonZero(detections.mask(seen)) > 0.25 * seen.area()) ++live.overlap;
  else ++live.clear;
}

// Its place was covered by the other's region a frame or two before: a hand lets it go.
bool Tracker::came_out_of(const Live& other, const Detection& d, int frame) const {
  constexpr double kCovered = 0.3;  // of the newcomer: what falls out of a hand has left half of its place
  const bool now = other.latest_frame == frame;
  const Detection& before = now ? other.previous : other.latest;
  const int seen = now ? other.previous_frame : other.latest_frame;
  const cv::Rect both = before.box & d.box;
  if (other.track.points.size() < size_t(kMinTrackFrames.value) || seen < 0 || frame - seen > 2 ||
      both.empty())
    return false;
  const cv::Mat shared = before.mask(both - before.box.tl()) & d.mask(both - d.box.tl());
  return cv::countNonZero(shared) > kCovered * d.area;
}

// Beside another object: it was hidden by it, or one region was two objects all along (their areas add up to
// what the region had been: then both have been there since that one's beginning).
TrackEnd Tracker::birth_near_others(const Detection& d, int frame) const {
  TrackEnd birth = TrackEnd::kClear;
  for (const Live& other : live_) {
    const auto& points = other.track.points;
    const int r = int(other.radius());
    const cv::Rect box(int(other.x.x) - r, int(other.y.x) - r, 2 * r, 2 * r);
    const bool beside = points.back().frame == frame && gap_between(box, d.box) < 5;
    if (!beside && !came_out_of(other, d, frame)) continue;
    birth = TrackEnd::kOverlap;
    if (points.back().frame != frame) continue;
    // Seldom smaller than both together: two since its beginning, and not one that has just swallowed a
    // newcomer.
    std::vector<double> areas;
    for (size_t i = 0; i + 1 < points.size(); ++i) areas.push_back(points[i].area);
    const double together = points.back().area + d.area * factor_ * factor_;
    if (!areas.empty() && quantile(areas, 0.2) > 0.75 * together) return other.track.birth;
  }
  return birth;
}

void Tracker::begin(const Detection& d, int frame, double t, const FrameDetections& detections) {
  Live live;
  live.track.id = next_id_++;
  live.x.x = d.x, live.y.x = d.y;
  live.area = d.area;
  live.rgb = d.rgb;
  live.track.points.push_back(point_of(d, frame, t));
  live.cores.push_back(core_of(d));
  live.latest = d, live.latest_frame = frame;
  live.track.birth = TrackEnd::kClear;
  if (frame <= first_frame_ + 1) live.track.birth = TrackEnd::kClip;
  else if (near_border(d, detections.image.size(), 2 * radius_of(d.area)))
    live.track.birth = TrackEnd::kBorder;
  else live.track.birth = birth_near_others(d, frame);
  live_.push_back(live);
}

void Tracker::retire() {
  for (Live& live : live_) {
    if (live.missed <= max_missed_) continue;
    const int most = std::max({live.border, live.overlap, live.clear});
    live.track.death = most == live.border    ? TrackEnd::kBorder
                       : most == live.overlap ? TrackEnd::kOverlap
                                              : TrackEnd::kClear;
    live.settle_centres(factor_);
    done_.push_back(std::move(live.track));
  }
  std::erase_if(live_, [&](const Live& live) { return live.missed > max_missed_; });
}

void Tracker::step(int frame, double t, FrameDetections& detections) {
  if (!detections.usable()) return;
  if (first_frame_ < 0) first_frame_ = frame;
  predict();
  std::vector<int> matched = match(detections.objects);
  join_fragments(detections, matched);
  cut_shared(detections, matched);
  std::vector<bool> found(live_.size());
  for (size_t i = 0; i < matched.size(); ++i)
    if (matched[i] >= 0) follow(live_[matched[i]], detections.objects[i], frame, t), found[matched[i]] = true;
  for (size_t k = 0; k < found.size(); ++k)
    if (!found[k]) miss(live_[k], detections);
  for (size_t i = 0; i < matched.size(); ++i)
    if (matched[i] == -1) begin(detections.objects[i], frame, t, detections);
  retire();
}

std::vector<Track> Tracker::finish(int last_frame) {
  for (Live& live : live_) {
    // Missed up to the end for too short a time to say more: the clip ended.
    live.track.death = TrackEnd::kClip;
    if (live.missed > 2 && live.clear == live.missed && last_frame - live.track.points.back().frame > 2)
      live.track.death = TrackEnd::kClear;
    live.settle_centres(factor_);
    done_.push_back(std::move(live.track));
  }
  live_.clear();
  std::erase_if(done_,
                [](const Track& track) { return int(track.points.size()) < int(kMinTrackFrames.value); });
  std::sort(done_.begin(), done_.end(), [](const Track& a, const Track& b) { return a.id < b.id; });
  return std::move(done_);
}

}  // namespace orrery::physics_eval
