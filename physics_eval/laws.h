// Tracks, phases, events -> laws with an effect size, a quality and the evidence behind it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "physics_eval/types.h"

namespace orrery::physics_eval {

struct LawResult {
  std::string name;
  std::optional<double> score;   // 0 to 1; empty: this clip cannot show it
  double effect = 0;             // unit-free size of the departure
  double detectable = 0;         // smallest effect that this clip would have revealed; 0: not known
  int frames = 0;                // object-frames judged
  std::string detail;            // evidence, or why the law is not identifiable
};

// Consecutive phases of free flight with no event between: one law holds over all of it.
struct Flight {
  int track = 0, first = 0, last = 0;   // indices of points
  std::array<double, 2> a{};            // px/s^2
  double a_error = 0;                   // standard error of a component
  double travel = 0, residual = 0;      // px; residual: rms of the quadratic per axis
  double cubic = 0, cubic_error = 0;    // largest departure of the cubic from the quadratic over the flight, px
  int count() const { return last - first + 1; }
};

// What the laws look at. `px`: original pixels per working pixel, the unit of what can be seen at all.
struct Motion {
  std::vector<Track> tracks;     // the moving ones
  std::vector<double> noise;     // px, per track
  std::vector<Phase> phases;
  std::vector<Event> events;
  std::vector<Flight> flights;
  double px = 1, fps = 24;
};

std::vector<Flight> find_flights(const Motion& motion);

struct Estimates {
  std::optional<double> g_px_s2, g_error_px_s2;       // mean over flights, downwards
  std::optional<double> acceleration_px_s2;           // of the longest moving phase where nothing flies
  std::optional<double> restitution;                  // median over bounces
  std::vector<double> restitutions;
};
Estimates estimate(const Motion& motion);

// Adds violations that a law shows with significance.
std::vector<LawResult> judge(const Motion& motion, std::vector<Violation>& violations);

}  // namespace orrery::physics_eval
