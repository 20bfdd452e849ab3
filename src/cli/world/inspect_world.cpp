#include "cli/world/inspect_world.h"

#include <cmath>

#include "data/scene_dataset.h"
#include "models/token_batch.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kWindow = 9,
              kAhead = 3;  // chunks of a scene that are probed; how far ahead the future is (0.5 s)
constexpr int kScenesABatch = 25;
constexpr uint64_t kProbeSeed = 0x70726f6265;  // scenes that no training run and no benchmark draws

enum Target { kX, kY, kVx, kVy, kContact, kTurnX, kTurnY, kNextVx, kNextVy, kNextContact, kNumTargets };

struct Quantity {
  const char* name;
  int first, count;  // targets, averaged
};
constexpr Quantity kQuantities[] = {
    {"position now", kX, 2},           {"velocity now", kVx, 2},
    {"contact now", kContact, 1},      {"departure from straight flight in 0.5 s", kTurnX, 2},
    {"velocity in 0.5 s", kNextVx, 2}, {"contact in 0.5 s", kNextContact, 1}};


bool any_contact(const ObjectChunk& c) {
  for (const ObjectState& s : c.states)
    if (s.contact) return true;
  return false;
}

// Tokens of one batch of scenes and which of them are probed.
struct ProbeBatch {
  TokenBatch tokens;
  std::vector<int64_t> rows;
};

void add_targets(const ObjectChunk& now, const ObjectChunk& then, ProbePart part, ProbeTargets& targets) {
  const ObjectState &a = now.states.back(), &b = then.states.back();
  const float seconds = float(kAhead * kFramesPerChunk / kFramesPerSecond);
  const float values[kNumTargets] = {a.x,
                                     a.y,
                                     a.vx,
                                     a.vy,
                                     float(any_contact(now)),
                                     b.x - a.x - a.vx * seconds,
                                     b.y - a.y - a.vy * seconds,
                                     b.vx,
                                     b.vy,
                                     float(any_contact(then))};
  for (int t = 0; t < kNumTargets; ++t) targets.value[size_t(t)].push_back(values[t]);
  targets.part.push_back(part);
}

// Scenes, not tokens, are divided: six tenths are fitted, two choose the penalty, two are the test.
ProbePart part_of(int scene) {
  const int at = scene % 10;
  return at < 6 ? ProbePart::kFit : at < 8 ? ProbePart::kChoose : ProbePart::kTest;
}

void add_scene(const DatasetClip& clip, ProbePart part, ProbeBatch& batch, ProbeTargets& targets) {
  batch.tokens.add_scene(clip.scene);
  for (int c = kInitialChunk; c < kWindow; ++c)
    for (int k = 0; k < clip.trajectory.num_objects; ++k) {
      const ObjectChunk now = chunk_of(clip.trajectory, k, c),
                        then = chunk_of(clip.trajectory, k, c + kAhead);
      if (c >= 0 && in_view(now.states.back().x, now.states.back().y) && in_view(then.states.back().x, then.states.back().y)) {
        batch.rows.push_back(batch.tokens.size());
        add_targets(now, then, part, targets);
      }
      batch.tokens.add_object(k, c, now, clip.scene.objects[size_t(k)], clip.scene.gravity);
    }
  batch.tokens.end_sequence();
}

// Hidden states of the probed tokens, [depth][rows][d].
std::vector<std::vector<float>> hidden_states(const UnifiedTransformer& model,
                                              const std::vector<ProbeBatch>& batches,
                                              const std::function<void(int)>& progress) {
  const size_t layers = size_t(model.config().num_layers);
  std::vector<std::vector<float>> hidden(layers + 1);
  ForwardCache cache;
  for (size_t b = 0; b < batches.size(); ++b) {
    model.forward(batches[b].tokens, {}, cache);
    for (size_t l = 0; l <= layers; ++l) {
      const Rows<float>& x = l < layers ? cache.layers[l].x : cache.x;
      for (int64_t row : batches[b].rows)
        hidden[l].insert(hidden[l].end(), x.row(row), x.row(row) + x.cols());
    }
    progress(int(b));
  }
  return hidden;
}

// [quantity][depth]
std::vector<std::vector<double>> probe_all(const std::vector<std::vector<float>>& hidden, int width,
                                           const ProbeTargets& targets) {
  std::vector<std::vector<double>> out(std::size(kQuantities));
  for (const std::vector<float>& features : hidden) {
    const std::vector<double> quality = probe_quality(features, width, targets);
    for (size_t q = 0; q < std::size(kQuantities); ++q) {
      double sum = 0;
      for (int t = 0; t < kQuantities[q].count; ++t) sum += quality[size_t(kQuantities[q].first + t)];
      out[q].push_back(sum / kQuantities[q].count);
    }
  }
  return out;
}

}  // namespace

ProbeReport probe_model(const Generator& generator, int scenes, uint64_t seed,
                        const std::function<void(int, int)>& progress) {
  SceneDataset dataset(kProbeSeed + seed, Split::kId, (kWindow + kAhead) * kFramesPerChunk + 1);
  dataset.grow_to(scenes);
  ProbeTargets targets;
  targets.value.resize(kNumTargets);
  targets.binary.assign(kNumTargets, 0);
  targets.binary[kContact] = targets.binary[kNextContact] = 1;
  std::vector<ProbeBatch> batches((size_t(scenes) + kScenesABatch - 1) / kScenesABatch);
  for (int i = 0; i < scenes; ++i)
    add_scene(dataset.clip(i), part_of(i), batches[size_t(i / kScenesABatch)], targets);
  ProbeReport report;
  report.scenes = scenes;
  for (const Quantity& q : kQuantities) {
    report.names.push_back(q.name);
    report.measures.push_back(targets.binary[size_t(q.first)] ? "AUC" : "R2");
  }
  for (ProbePart p : targets.part)
    report.fit_rows += p == ProbePart::kFit, report.test_rows += p == ProbePart::kTest;
  const UnifiedTransformer& trained = generator.transformer();
  const UnifiedTransformer untrained(trained.config(), generator.text().vectors(), seed + 1);
  const int width = trained.config().d_model, steps = int(batches.size());
  report.trained =
      probe_all(hidden_states(trained, batches, [&](int b) { progress(b + 1, 2 * steps); }), width, targets);
  report.untrained = probe_all(
      hidden_states(untrained, batches, [&](int b) { progress(steps + b + 1, 2 * steps); }), width, targets);
  return report;
}

Trajectory simulated_trajectory(const Scene& scene, int num_frames) { return simulate(scene, num_frames); }

}  // namespace orrery
