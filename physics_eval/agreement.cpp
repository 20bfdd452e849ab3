#include "physics_eval/agreement.h"

#include <algorithm>
#include <map>

#include "physics_eval/track.h"

namespace orrery::physics_eval {
namespace {

struct Owner {
  int window = 0;
  const Track* track = nullptr;
};

// A region that several objects share belongs to none.
bool is_own(const TrackPoint& p) { return p.region >= 0 && !p.merged; }

std::map<Region, Owner> owners_of(const std::vector<Track>& tracks, int window) {
  std::map<Region, Owner> out;
  for (const Track& track : tracks)
    for (const TrackPoint& p : track.points)
      if (is_own(p)) out[{p.frame, p.region}] = {window, &track};
  return out;
}

// The forward track that holds the next region of this backward track after the frame, or null.
const Track* heir_of(const Track& backward, int frame, const std::map<Region, Owner>& ahead) {
  for (const TrackPoint& p : backward.points) {
    const auto found = p.frame > frame && is_own(p) ? ahead.find({p.frame, p.region}) : ahead.end();
    if (found != ahead.end()) return found->second.track;
  }
  return nullptr;
}

}  // namespace

std::vector<Track> follow_backward(std::vector<FrameDetections> found, const std::vector<uint8_t>& skip,
                                   int first_frame, const std::vector<double>& times, double factor,
                                   double fps) {
  Tracker tracker(factor, fps);
  const int n = int(found.size());
  for (int i = 0; i < n; ++i)
    if (const size_t k = size_t(n - 1 - i); !skip[k]) tracker.step(i, -times[k], found[k]);
  std::vector<Track> tracks = tracker.finish(n - 1);
  for (Track& track : tracks) {
    std::reverse(track.points.begin(), track.points.end());
    std::swap(track.birth, track.death);
    for (TrackPoint& p : track.points) p.frame = first_frame + n - 1 - p.frame, p.t = -p.t;
  }
  return tracks;
}

Agreement compare_directions(const std::vector<Track>& forward,
                             const std::vector<std::vector<Track>>& windows) {
  std::map<Region, Owner> backward;
  for (size_t w = 0; w < windows.size(); ++w) backward.merge(owners_of(windows[w], int(w)));
  const std::map<Region, Owner> ahead = owners_of(forward, 0);
  Agreement out;
  for (const Track& track : forward) {
    const TrackPoint* before = nullptr;
    Owner from;
    for (const TrackPoint& p : track.points) {
      const auto found = is_own(p) ? backward.find({p.frame, p.region}) : backward.end();
      if (found == backward.end()) continue;
      const Owner to = found->second;
      if (before && from.window == to.window) {
        ++out.links;
        if (from.track == to.track) ++out.confirmed;
        else out.switches.push_back({p.frame, p.region});
      }
      before = &p, from = to;
    }
    if (!before || before->frame != track.points.back().frame) continue;
    const Track* heir = heir_of(*from.track, before->frame, ahead);
    if (!heir || heir->points[0].frame <= before->frame) continue;
    out.bridges.push_back({{before->frame, before->region}, {heir->points[0].frame, heir->points[0].region}});
  }
  return out;
}

}  // namespace orrery::physics_eval
