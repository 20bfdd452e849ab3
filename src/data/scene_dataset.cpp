#include "data/scene_dataset.h"

#include <algorithm>
#include <numeric>

#include "core/parallel.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

void recolor(DatasetClip& clip, Split split, Rng& rng) {
  Scene& s = clip.scene;
  s.light = rng.below(int(kLightNames.size()));
  s.wall_color = rng.below(int(kBackdropNames.size()));
  s.floor_color = rng.below(int(kBackdropNames.size()));
  s.floor_texture = rng.below(int(kFloorNames.size()));
  for (ObjectSpec& o : s.objects) {
    do o.color = rng.below(int(kColorNames.size()));
    while (split != Split::kCombo && is_held_out(clip.family, o.color, o.shape));
  }
}

Trajectory reordered(const Trajectory& t, const std::vector<int>& order) {
  Trajectory out = t;
  std::vector<int> place(order.size());
  for (size_t k = 0; k < order.size(); ++k) place[order[k]] = int(k);
  for (int f = 0; f < t.num_frames(); ++f)
    for (size_t k = 0; k < order.size(); ++k) out.at(f, int(k)) = t.at(f, order[k]);
  for (Push& p : out.pushes) p.object = place[p.object];
  for (ContactEvent& c : out.contacts) {
    c.a = place[c.a];
    if (c.b >= 0) c.b = place[c.b];
  }
  return out;
}

}  // namespace

DatasetClip mirrored_clip(const DatasetClip& clip) {
  DatasetClip out = clip;
  const float width = float(kViewWidth);
  out.scene = mirrored(clip.scene);
  for (ObjectState& s : out.trajectory.states) s = {width - s.x, s.y, -s.angle, -s.vx, s.vy, -s.omega, s.contact};
  for (Push& p : out.trajectory.pushes) p.jx = -p.jx, p.px = kViewWidth - p.px;
  for (ContactEvent& c : out.trajectory.contacts) c.x = kViewWidth - c.x;
  // mirrored() may keep or change the order of objects: match them by their place.
  std::vector<int> order;
  for (const ObjectSpec& o : out.scene.objects) {
    int best = 0;
    double nearest = 1e9;
    for (int k = 0; k < int(clip.scene.objects.size()); ++k) {
      const ObjectSpec& c = clip.scene.objects[k];
      const double distance = std::abs(kViewWidth - c.x - o.x) + std::abs(c.y - o.y);
      if (distance < nearest) nearest = distance, best = k;
    }
    order.push_back(best);
  }
  out.trajectory = reordered(out.trajectory, order);
  return out;
}

void SceneDataset::grow_to(int64_t count) {
  const int64_t old = size();
  if (count <= old) return;
  clips_.resize(count);
  parallel_for_dynamic(count - old, [&](int64_t i) {
    Sample sample = make_sample(mix64(seed_ * 1000003 + uint64_t(old + i)), split_);
    DatasetClip& clip = clips_[old + i];
    clip.family = sample.family;
    clip.scene = sample.scene;
    clip.trajectory = simulate(sample.scene, num_frames_, sample.pushes);
  });
}

DatasetClip SceneDataset::variant(int64_t i, Rng& rng) const {
  DatasetClip out = rng.chance(0.5) ? mirrored_clip(clips_[i]) : clips_[i];
  recolor(out, split_, rng);
  // Canonical order by the quantised scene; a mirrored tie may swap objects.
  std::vector<int> order(out.scene.objects.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const ObjectSpec &p = out.scene.objects[a], &q = out.scene.objects[b];
    return p.x != q.x ? p.x < q.x : p.y < q.y;
  });
  out.trajectory = reordered(out.trajectory, order);
  std::vector<ObjectSpec> objects;
  for (int k : order) objects.push_back(out.scene.objects[k]);
  out.scene.objects = std::move(objects);
  return out;
}

}  // namespace orrery
