// Tracks -> phases of constant acceleration and the events between them.
#pragma once
#include <vector>

#include "physics_eval/types.h"

namespace orrery::physics_eval {

// Weighted least squares of one polynomial in u = t - t0 for both axes.
struct PolynomialFit {
  std::array<std::array<double, 4>, 2> c{};  // c[axis][power]
  double rms = 0;                            // per axis and sample
  std::array<double, 4> unit_error{};        // standard error of a coefficient for noise of 1 px
};
// degree 0 to 3; needs more than `degree` points.
PolynomialFit fit_polynomial(const std::vector<TrackPoint>& points, int first, int last, int degree);

// Centroid noise of a track, px: third differences are blind to constant acceleration. `floor` is the least.
double centroid_noise(const std::vector<TrackPoint>& points, double floor);

// The same while it moves, where blur, halos and coding shake a centroid more; 0: it moves too seldom.
double noise_in_motion(const std::vector<TrackPoint>& points, double px);

// Standard error of a phase's velocity at time t, px/s an axis, for centroid noise in px: of the weighted quadratic.
double velocity_error(const Track& track, const Phase& phase, double t, double noise);

// At an even speed, or evenly faster or slower, along a straight line for 6 frames or more: as what slides or
// rolls.
bool on_a_line(const Phase& phase, double px);

// Optimal piecewise quadratic (dynamic programming over knots, squared error / 2 sigma^2 + a penalty a
// piece).
std::vector<Phase> segment(const Track& track, int track_index, double noise, double px);

// The track whose box is within `reach` of both widths together of this one's about that frame, or -1.
int neighbour(const std::vector<Track>& tracks, int self, int frame, double reach);

// Events between consecutive phases of each track. `px`: original pixels per working pixel.
std::vector<Event> find_events(const std::vector<Track>& tracks, const std::vector<Phase>& phases,
                               const std::vector<double>& noise);

}  // namespace orrery::physics_eval
