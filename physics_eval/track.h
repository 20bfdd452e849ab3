// Detections -> tracks: constant-velocity Kalman prediction, gates, minimum-cost assignment; regions shared by
// several objects are cut by predicted place and colour, and fragments of one object joined.
#pragma once
#include <vector>

#include "physics_eval/detect.h"

namespace orrery::physics_eval {

// Position and velocity of one axis, frames as the unit of time.
struct AxisFilter {
  double x = 0, v = 0;
  double pxx = 1, pxv = 0, pvv = 25;
  void predict();
  void update(double z, double variance);
};

class Tracker {
 public:
  // factor: original pixels per working pixel.
  Tracker(double factor, double fps) : factor_(factor), max_missed_(std::max(2, int(0.25 * fps + 0.5))) {}
  void step(int frame, double t, FrameDetections& detections);
  // Tracks long enough to be judged, in order of birth.
  std::vector<Track> finish(int last_frame);

 private:
  struct Live {
    Track track;
    AxisFilter x, y;
    double area = 0;  // running typical area, working px
    std::array<float, 3> rgb{};
    std::vector<std::array<double, 2>> cores;  // per point: where its strong part is, original px
    Detection latest, previous;  // as it was last seen, and before that
    int latest_frame = -1, previous_frame = -1;
    int missed = 0;
    int clear = 0, border = 0, overlap = 0;  // evidence of the frames in which it was missed
    double radius() const;
    double gate() const;
    void settle_centres(double factor);  // the points move to their cores where those jitter less
  };
  void predict();
  std::vector<int> match(const std::vector<Detection>& objects) const;
  void join_fragments(FrameDetections& detections, std::vector<int>& match) const;
  std::vector<int> sharers(const Detection& whole, int owner, const std::vector<int>& match) const;
  std::vector<cv::Mat> cut(const Detection& whole, const cv::Mat& image, const std::vector<int>& owners) const;
  void cut_shared(FrameDetections& detections, std::vector<int>& match) const;
  void follow(Live& live, const Detection& d, int frame, double t);
  void miss(Live& live, const FrameDetections& detections);
  void begin(const Detection& d, int frame, double t, const FrameDetections& detections);
  bool came_out_of(const Live& other, const Detection& d, int frame) const;
  TrackEnd birth_near_others(const Detection& d, int frame) const;
  void retire();
  std::array<double, 2> core_of(const Detection& d) const;
  TrackPoint point_of(const Detection& d, int frame, double t) const;

  double factor_;
  int max_missed_;
  int next_id_ = 0, first_frame_ = -1;
  std::vector<Live> live_;
  std::vector<Track> done_;
};

double color_distance(const std::array<float, 3>& a, const std::array<float, 3>& b);

}  // namespace orrery::physics_eval
