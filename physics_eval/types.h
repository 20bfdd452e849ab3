// What passes between the stages: detect -> track -> events -> laws -> score -> report.
// Positions are pixels of the original frame, x to the right, y DOWN, pixel centres at integers; times seconds.
#pragma once
#include <array>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace orrery::physics_eval {

// One moving region in one frame. Working-resolution pixels until the tracker hands it on.
struct Detection {
  double x = 0, y = 0;             // centroid, pixels of the edge by their coverage
  double core_x = 0, core_y = 0;   // that of its strong part alone; x, y where that is not one body
  double area = 0;                 // pixels of the mask
  cv::Rect box;                    // of the mask
  cv::Mat mask;                    // CV_8U, box-sized, 255 inside
  std::array<float, 3> rgb{};      // mean colour
  double round = 0;                // area over that of the enclosing circle: disc 1, square 0.64
  bool clipped = false;            // touches the border of the picture
  bool merged = false;             // cut out of a region that several objects share
  int region = -1;                 // its index in the frame, before any tracking
};

struct TrackPoint {
  int frame = 0;
  double t = 0;
  double x = 0, y = 0;       // px of the original frame
  double area = 0;           // px^2 of the original frame
  double width = 0, height = 0;
  double round = 0;
  std::array<float, 3> rgb{};
  bool clipped = false, merged = false;
  int region = -1;   // of the detection that it came from, -1: unknown
  bool odd = false;  // area unlike that of the frames around: partly hidden, or with a reflection or shadow in it
};

// Sets TrackPoint::odd.
struct Track;
void mark_odd_frames(Track& track);

// Why a track ended or began, with what the pixels said.
enum class TrackEnd { kClip, kBorder, kOverlap, kClear };  // end of clip, left the view, hidden by another, nothing there
struct Track {
  int id = 0;
  std::vector<TrackPoint> points;  // frames ascend; gaps are frames in which it was not seen
  TrackEnd birth = TrackEnd::kClip, death = TrackEnd::kClip;
  double diameter() const { return diameter(0, points.size()); }  // median extent, px
  double diameter(size_t first, size_t count) const;               // of so many points from the first
  double roundness() const;        // median share of the enclosing circle
  double area_jitter() const;      // median change of area, a frame
  bool is_round() const;           // a disc to the eye: a ball
  bool is_body() const;            // compact and of steady size: not an arm, a reflection, a flicker
  double travel() const;           // diagonal of the box of all positions that are its own, px
};

enum class PhaseKind { kRest, kFlight, kUniform, kGuided, kContact, kSwing };  // contact: a few frames of large force
const char* phase_name(PhaseKind kind);

// A piece of a track between two knots, with its quadratic x(u) = x0 + v u + a u^2 / 2, u = t - t0.
struct Phase {
  PhaseKind kind = PhaseKind::kGuided;
  int track = 0;             // index into the tracks
  int first = 0, last = 0;   // indices into the track's points, inclusive
  double t0 = 0, t1 = 0;     // times of these points
  std::array<double, 2> x0{}, v{}, a{};  // px, px/s, px/s^2, at t0
  double a_error = 0;        // standard error of a component of a, px/s^2
  double rms = 0;            // residual per axis, px
  double travel = 0;         // diagonal of the positions, px
  int count() const { return last - first + 1; }
  std::array<double, 2> position(double t) const;
  std::array<double, 2> velocity(double t) const;
};

enum class EventKind { kBounce, kCollision, kChange, kImpulse };
const char* event_name(EventKind kind);

// The knot between two phases of one track: velocities just before and after.
struct Event {
  EventKind kind = EventKind::kChange;
  int track = 0, other = -1;  // other: the partner of a collision
  int before = 0, after = 0;  // indices of phases
  int frame = 0;
  double t = 0;
  std::array<double, 2> v_in{}, v_out{};
  double v_error = 0;      // standard error of a component, px/s
  double speed_range = 1;  // the track's top speed, px/s: what a jump is compared with
};

struct Violation {
  std::string kind;
  int frame = 0, track = -1;
  std::string detail;
};

}  // namespace orrery::physics_eval
