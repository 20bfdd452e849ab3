// What the laws look at: tracks cut into phases, the events between them, and what can be fitted as a whole
// (free flights, pendulums, collisions). Pixels of the original frame, seconds, y DOWN.
#pragma once
#include <array>
#include <vector>

#include "physics_eval/types.h"

namespace orrery::physics_eval {

using Vec2 = std::array<double, 2>;

// Consecutive phases of free flight with no event between: one parabola over all of it.
struct Flight {
  int track = 0, first = 0, last = 0;  // indices of points
  double t0 = 0, t1 = 0;               // s
  Vec2 x0{}, v{}, a{};                 // px, px/s, px/s^2, at t0
  double a_error = 0;                  // standard error of a component, autocorrelation and drift counted
  double travel = 0,
         residual = 0;  // px; residual: rms per axis of the parabola, or of the drag model if better
  double cubic = 0, cubic_error = 0;  // largest departure of the cubic from that model over the flight, px
  double drag = 0;  // share of speed that the drag model takes over the flight, 0: a parabola
  int count() const { return last - first + 1; }
};

// theta'' = -k sin(theta - theta_rest) - c theta' about a fixed pivot, over the points [first, last] of a
// track.
struct Pendulum {
  int track = 0, first = 0, last = 0;
  Vec2 pivot{};               // px
  double length = 0;          // px
  double length_error = 0;    // typical departure from the circle, px
  double k = 0, damping = 0;  // 1/s^2, 1/s
  double damping_error = 0;   // standard error, 1/s
  double rest_angle = 0;      // rad from straight down
  double amplitude = 0;       // rad, largest
  double residual = 0;        // typical departure of the angle, rad
  double period() const;      // of small swings, s
  int count() const { return last - first + 1; }
};

// Two tracks that meet, with the velocities just before and after.
struct Collision {
  int a = 0, b = 0;  // indices of tracks
  int frame = 0;
  double t = 0;
  Vec2 a_in{}, a_out{}, b_in{}, b_out{};
  Vec2 normal{};           // unit vector from a to b
  double v_error = 0;      // standard error of a component, px/s
  bool supported = false;  // one of them stands on something: what is vertical may go into the ground
  bool lawful = true;      // all four velocities are of stretches that follow a law: else no ground for a charge
};

// Two tracks that change sides: one passes behind the other, or through it.
struct Crossing {
  int a = 0, b = 0;  // indices of tracks
  int frame = 0;     // of the change of sides
  // Both stand on one line of the floor, so at one depth, look unlike (or they may have swapped), and go on
  // with their velocities: they went through each other.
  bool through = false;
};

struct Motion {
  std::vector<Track> tracks;      // the moving ones
  std::vector<double> noise;      // of a centroid's component, px, per track
  std::vector<double> inflation;  // of standard errors by autocorrelated residuals, per track, >= 1
  std::vector<Phase> phases;
  std::vector<Event> events;
  std::vector<Flight> flights;
  std::vector<Pendulum> pendulums;
  std::vector<Collision> collisions;
  std::vector<Crossing> crossings;
  double px = 1, fps = 24;  // px: original pixels per working pixel, the unit of what can be seen at all
};

// Cuts, fits and joins. `tracks`: those that move, without clipped points.
Motion analyse(std::vector<Track> tracks, double px, double fps);

std::vector<Flight> find_flights(Motion& motion);  // sets Motion::inflation
Flight fit_flight(const Motion& motion, int track, int first, int last);
std::vector<Collision> find_collisions(const Motion& motion);
std::vector<Crossing> find_crossings(const Motion& motion);

// A collision of this track between two of its points (indices).
bool is_struck(const Motion& motion, int track, int first, int last);

// In touch with another object for a third of the points: carried, pushed or rolling off it.
bool is_carried(const Motion& motion, int track, int first, int last);

// What the flights agree on: the mean over those within a quarter of the weighted median.
Vec2 mean_acceleration(const std::vector<Flight>& flights, double* error);

}  // namespace orrery::physics_eval
