#include "physics_eval/stitch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "physics_eval/phases.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"
#include "physics_eval/track.h"

namespace orrery::physics_eval {
namespace {

std::array<float, 3> color_of(const Track& track) {
  std::array<std::vector<float>, 3> values;
  for (const TrackPoint& p : track.points)
    if (!p.merged)
      for (int c = 0; c < 3; ++c) values[c].push_back(p.rgb[c]);
  return {median(values[0]), median(values[1]), median(values[2])};
}

double area_of(const Track& track) {
  std::vector<double> values;
  for (const TrackPoint& p : track.points)
    if (!p.merged && !p.clipped) values.push_back(p.area);
  return median(values);
}

bool look_alike(const Track& a, const Track& b) {
  const double ratio = (area_of(a) + 1) / (area_of(b) + 1);
  return color_distance(color_of(a), color_of(b)) < 40 && ratio > 0.45 && ratio < 2.2;
}

// Distance between where `a` would be at b's first frame and where b is; also how far it would have gone.
double prediction_error(const Track& a, const Track& b, double& gone) {
  const auto& p = a.points;
  const int last = int(p.size()) - 1, first = std::max(0, last - 7);
  const PolynomialFit fit = fit_polynomial(p, first, last, last - first >= 5 ? 2 : 1);
  const double u = b.points[0].t - p[first].t;
  const double x = fit.c[0][0] + u * (fit.c[0][1] + u * fit.c[0][2]), y = fit.c[1][0] + u * (fit.c[1][1] + u * fit.c[1][2]);
  gone = std::hypot(x - p[last].x, y - p[last].y);
  return std::hypot(x - b.points[0].x, y - b.points[0].y);
}

enum class Link { kNone, kSame, kTeleport };

// least_area: of what can be missed from one place and found at another; flickers along an edge are smaller.
Link link_of(const Track& a, const Track& b, double fps, double least_area) {
  const int gap = b.points[0].frame - a.points.back().frame;
  if (gap < 1 || gap > 0.6 * fps || !look_alike(a, b)) return Link::kNone;
  double gone = 0;
  const double error = prediction_error(a, b, gone), size = a.diameter();
  const double jump = std::hypot(b.points[0].x - a.points.back().x, b.points[0].y - a.points.back().y);
  if (std::min(error, jump) < size + 0.3 * gone) return Link::kSame;
  const bool evidence = a.death == TrackEnd::kClear && b.birth == TrackEnd::kClear && std::min(area_of(a), area_of(b)) > least_area;
  return evidence && gap <= 3 && error > kTeleportJump.value * size ? Link::kTeleport : Link::kNone;
}

// Seen long enough, once away from where it began (a blemish of the background stays), and no crumb beside the largest.
bool has_moved_in_sight(const Track& track, double largest_area) {
  return track.points.size() >= 8 && track.travel() >= track.diameter() && area_of(track) > kMinShare.value * largest_area;
}

// Only a body can be missed.
bool well_seen(const Track& track, double largest_area) {
  return has_moved_in_sight(track, largest_area) && track.is_body();
}

// Too long for bodies, as a pear or a pin is, but of one size and shape: arms and reflections change theirs.
bool are_twins(const Track& a, const Track& b) {
  const double ratio = area_of(a) / area_of(b);
  return a.area_jitter() < kBodyJitter.value && b.area_jitter() < kBodyJitter.value && ratio > 0.7 && ratio < 1.4 &&
         std::abs(a.roundness() - b.roundness()) < kTwinRound.value;
}

void report_birth(const std::vector<Track>& tracks, size_t i, double largest_area, std::vector<Violation>& out) {
  const Track& track = tracks[i];
  const TrackPoint& start = track.points[0];
  if (!has_moved_in_sight(track, largest_area)) return;
  for (size_t k = 0; k < tracks.size(); ++k) {
    const Track& other = tracks[k];
    if (k == i || other.points[0].frame >= start.frame || other.points.back().frame < start.frame + 5) continue;
    if (!look_alike(track, other)) continue;
    if (!(track.is_body() && other.is_body()) && !are_twins(track, other)) continue;  // an arm does not double
    out.push_back({"duplicate", start.frame, track.id,
                   fmt::format("looks like object {}, which stays; began away from the border", other.id)});
    return;
  }
  if (track.birth == TrackEnd::kClear && track.is_body())
    out.push_back({"appear", start.frame, track.id,
                   fmt::format("began at ({:.0f}, {:.0f}) px, away from the border, where nothing was", start.x, start.y)});
}

}  // namespace

std::vector<Violation> stitch(std::vector<Track>& tracks, double fps) {
  std::vector<Violation> violations;
  double largest = 0;
  for (const Track& track : tracks)
    if (track.points.size() >= size_t(kMinTrackFrames.value)) largest = std::max(largest, area_of(track));
  for (bool joined = true; joined;) {
    joined = false;
    for (size_t i = 0; i < tracks.size() && !joined; ++i)
      for (size_t k = 0; k < tracks.size() && !joined; ++k) {
        const Link link = i == k ? Link::kNone : link_of(tracks[i], tracks[k], fps, kMinShare.value * largest);
        if (link == Link::kNone) continue;
        const TrackPoint from = tracks[i].points.back(), to = tracks[k].points[0];
        if (link == Link::kTeleport)
          violations.push_back({"teleport", to.frame, tracks[i].id,
                                fmt::format("jumped {:.0f} px in {} frame(s)", std::hypot(to.x - from.x, to.y - from.y), to.frame - from.frame)});
        tracks[i].points.insert(tracks[i].points.end(), tracks[k].points.begin(), tracks[k].points.end());
        tracks[i].death = tracks[k].death;
        tracks.erase(tracks.begin() + long(k));
        joined = true;
      }
  }
  double largest_area = 0;
  for (const Track& track : tracks)
    if (well_seen(track, 0)) largest_area = std::max(largest_area, area_of(track));
  for (size_t i = 0; i < tracks.size(); ++i) {
    const Track& track = tracks[i];
    if (track.death == TrackEnd::kClear && well_seen(track, largest_area)) {
      const TrackPoint& end = track.points.back();
      violations.push_back({"vanish", end.frame + 1, track.id,
                            fmt::format("last seen at ({:.0f}, {:.0f}) px, away from the border; bare background after", end.x, end.y)});
    }
    if (track.birth == TrackEnd::kClear || track.birth == TrackEnd::kOverlap) report_birth(tracks, i, largest_area, violations);
  }
  return violations;
}

}  // namespace orrery::physics_eval
