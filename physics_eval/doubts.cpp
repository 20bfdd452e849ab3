#include "physics_eval/doubts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace orrery::physics_eval {
namespace {

constexpr int kNear = 4;          // frames: what a fit beside a knot rests on
constexpr size_t kMostFlags = 8;  // a crowd switches in every frame

bool is_at(const TrackPoint& p, const Region& r) { return p.frame == r.frame && p.region == r.index; }

const Track* track_of(const std::vector<Track>& tracks, int id) {
  for (const Track& track : tracks)
    if (track.id == id) return &track;
  return nullptr;
}

bool passes(const Track& track, const Region& r) {
  return std::any_of(track.points.begin(), track.points.end(),
                     [&](const TrackPoint& p) { return is_at(p, r); });
}

// Moves what `doubtful` says from one list to another.
template <class Test>
std::vector<Violation> take(std::vector<Violation>& violations, Test&& doubtful) {
  const auto first = std::stable_partition(violations.begin(), violations.end(),
                                           [&](const Violation& v) { return !doubtful(v); });
  std::vector<Violation> out(first, violations.end());
  violations.erase(first, violations.end());
  return out;
}

}  // namespace

std::vector<Violation> take_bridged(const Agreement& agreement, const std::vector<Track>& tracks,
                                    std::vector<Violation>& violations) {
  return take(violations, [&](const Violation& v) {
    const Track* track = track_of(tracks, v.track);
    if (!track || (v.kind != "vanish" && v.kind != "appear")) return false;
    return std::any_of(agreement.bridges.begin(), agreement.bridges.end(), [&](const Bridge& b) {
      return v.kind == "vanish" ? is_at(track->points.back(), b.end) : is_at(track->points[0], b.start);
    });
  });
}

std::vector<Violation> take_switched(const Agreement& agreement, const std::vector<Track>& tracks,
                                     std::vector<Violation>& violations) {
  return take(violations, [&](const Violation& v) {
    const bool presence = v.kind == "vanish" || v.kind == "appear" || v.kind == "duplicate" ||
                          v.kind == "teleport" || v.kind == "freeze";
    const Track* track = presence ? nullptr : track_of(tracks, v.track);
    return track && std::any_of(agreement.switches.begin(), agreement.switches.end(), [&](const Region& r) {
             return std::abs(r.frame - v.frame) <= kNear && passes(*track, r);
           });
  });
}

std::vector<Flag> tracking_flags(const Agreement& agreement, const std::vector<Track>& moving,
                                 const std::vector<Violation>& doubts) {
  std::vector<Flag> out;
  for (const Violation& v : doubts)
    out.push_back(
        {"tracking", v.frame,
         fmt::format("{} of object {} is not counted: followed backward the regions are linked in another "
                     "way, so the tracker may have failed",
                     v.kind, v.track)});
  for (const Region& r : agreement.switches)
    for (const Track& track : moving)
      if (passes(track, r) && out.size() < kMostFlags)
        out.push_back({"tracking", r.frame,
                       fmt::format("object {} may have been taken for another: forward and backward disagree",
                                   track.id)});
  return out;
}

}  // namespace orrery::physics_eval
