#include "cli/world/benchmark_relations.h"

#include <cmath>
#include <map>
#include <numbers>

#include "core/progress.h"
#include "models/rollout.h"
#include "physics_eval/thresholds.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr double kClearly = 0.5;  // diameters: which way something went
constexpr int kHorizon = 48;      // frames
constexpr int kShift = 24;        // frames
constexpr double kSlower = 0.75;  // speeds; gravity by its square

enum class Answer { kNo, kYes, kNotJudged };

std::optional<double> value_of(const Json& result, const char* key) {
  if (!result.is_object() || !result.contains(key) || !result.at(key).is_number()) return std::nullopt;
  return result.at(key).get<double>();
}

Answer went_the_other_way(const Json& base, const Json& changed) {
  const auto a = value_of(base, "dx"), b = value_of(changed, "dx");
  if (!a || !b || std::abs(*a) < kClearly || std::abs(*b) < kClearly) return Answer::kNotJudged;
  return *a * *b < 0 ? Answer::kYes : Answer::kNo;
}

Answer same_mechanics(const Json& base, const Json& changed) {
  const auto g = value_of(base, "g_px_s2"), h = value_of(changed, "g_px_s2");
  const auto e = value_of(base, "restitution"), f = value_of(changed, "restitution");
  if (!(g && h) && !(e && f)) return Answer::kNotJudged;
  const bool same_g = !g || !h || std::abs(*h / *g - 1) < physics_eval::kGravityTolerance.value;
  const bool same_e = !e || !f || std::abs(*e - *f) < physics_eval::kRestitutionSlack.value;
  return same_g && same_e ? Answer::kYes : Answer::kNo;
}

Answer nearer_to(double asked, const Json& base, const Json& changed, std::vector<double>& measured) {
  const auto g = value_of(base, "g_px_s2"), h = value_of(changed, "g_px_s2");
  if (!g || !h || *g <= 0 || *h <= 0) return Answer::kNotJudged;
  const double ratio = *h / *g;
  measured.push_back(ratio / asked);
  return std::abs(std::log(ratio / asked)) < std::abs(std::log(ratio)) ? Answer::kYes : Answer::kNo;
}

void count(PixelRelation& relation, Answer answer) {
  if (answer == Answer::kNotJudged) ++relation.not_judged;
  else relation.holds.add(answer == Answer::kYes);
}

// The scene's objects at a frame, as a scene to begin with.
Scene begun_at(const Scene& scene, const Trajectory& t, int frame) {
  Scene out = scene;
  for (size_t k = 0; k < out.objects.size(); ++k) {
    const ObjectState& s = t.at(frame, int(k));
    ObjectSpec& o = out.objects[k];
    o.x = s.x, o.y = s.y, o.vx = s.vx, o.vy = s.vy, o.omega = s.omega;
    o.angle = std::remainder(double(s.angle), 2 * std::numbers::pi);
  }
  return out;
}

bool all_seen(const Trajectory& t, int frame) {
  for (int k = 0; k < t.num_objects; ++k)
    if (!in_view(t.at(frame, k).x, t.at(frame, k).y)) return false;
  return true;
}

// A change of a scene, and where it says that an object must then be at each frame.
struct Change {
  const char* name;
  Scene (*scene)(const Scene& scene, const Trajectory& path);
  std::array<double, 2> (*expected)(const Trajectory& path, int frame, int object);
};

std::array<double, 2> place(const Trajectory& t, double frame, int object) {
  const int low = int(frame);
  const double part = frame - low;
  const ObjectState &a = t.at(low, object), &b = t.at(std::min(low + 1, t.num_frames() - 1), object);
  return {a.x + part * (b.x - a.x), a.y + part * (b.y - a.y)};
}

Scene slower(const Scene& scene, const Trajectory&) {
  Scene out = scene;
  out.gravity *= kSlower * kSlower;
  for (ObjectSpec& o : out.objects) o.vx *= kSlower, o.vy *= kSlower, o.omega *= kSlower;
  return out;
}

Scene recoloured(const Scene& scene, const Trajectory&) {
  Scene out = scene;
  for (ObjectSpec& o : out.objects) o.color = (o.color + 5) % int(kColorNames.size());
  return out;
}

const std::array<Change, 4> kChanges = {{
    {"mirrored", [](const Scene& s, const Trajectory&) { return mirrored(s); },
     [](const Trajectory& t, int f, int k) {
       return std::array{kViewWidth - t.at(f, k).x, double(t.at(f, k).y)};
     }},
    {"recoloured", recoloured, [](const Trajectory& t, int f, int k) { return place(t, f, k); }},
    {"gravity", slower, [](const Trajectory& t, int f, int k) { return place(t, kSlower * f, k); }},
    {"time shifted", [](const Scene& s, const Trajectory& t) { return begun_at(s, t, kShift); },
     [](const Trajectory& t, int f, int k) { return place(t, kShift + f, k); }},
}};

// The changed scene's objects may stand in another canonical order: each is the one where it should begin.
int counterpart(const Change& change, const Trajectory& before, const Trajectory& after, int object) {
  const auto [x, y] = change.expected(before, 0, object);
  int best = 0;
  double nearest = 1e9;
  for (int k = 0; k < after.num_objects; ++k)
    if (const double d = std::hypot(after.at(0, k).x - x, after.at(0, k).y - y); d < nearest)
      best = k, nearest = d;
  return best;
}

// Mean distance over objects and frames; NaN where nothing is in view.
double departure(const Change& change, const Trajectory& before, const Trajectory& after, double* moved) {
  double sum = 0, travelled = 0;
  int n = 0;
  for (int k = 0; k < before.num_objects; ++k) {
    const int twin = counterpart(change, before, after, k);
    const auto begin = change.expected(before, 0, k);
    for (int f = 1; f <= kHorizon && f < after.num_frames(); ++f) {
      const auto [x, y] = change.expected(before, f, k);
      if (!in_view(x, y)) continue;
      sum += std::hypot(after.at(f, twin).x - x, after.at(f, twin).y - y);
      travelled += std::hypot(begin[0] - x, begin[1] - y);
      ++n;
    }
  }
  if (moved) *moved = n ? travelled / n : NAN;
  return n ? sum / n : NAN;
}

Trajectory rolled_out(const Generator& generator, const Scene& scene, int chunks) {
  GenerationCache cache;
  return trajectory_of(scene, rollout_states(generator.transformer(), scene, chunks, {}, cache));
}

void try_scene(const Generator& generator, const PlannedClip& plan, std::vector<StateRelation>& out) {
  const int chunks = int(plan.chunks.size());
  const Trajectory path = trajectory_of(plan.scene, plan.chunks),
                   truth = simulate(plan.scene, path.num_frames());
  for (size_t c = 0; c < kChanges.size(); ++c) {
    const Change& change = kChanges[c];
    const bool shifted = std::string_view(change.name) == "time shifted";
    if (shifted && !(all_seen(path, kShift) && all_seen(truth, kShift))) continue;
    const int left = shifted ? chunks - kShift / kFramesPerChunk : chunks;
    const Scene changed = quantized(change.scene(plan.scene, path));
    double moved = NAN;
    const double error = departure(change, path, rolled_out(generator, changed, left), &moved);
    const Scene also = quantized(change.scene(plan.scene, truth));
    const double noise = departure(change, truth, simulate(also, left * kFramesPerChunk + 1), nullptr);
    if (std::isnan(error) || std::isnan(noise)) continue;
    out[c].model_m.push_back(error);
    out[c].simulator_m.push_back(noise);
    out[c].moved_m.push_back(moved);
  }
}

Json spread_of(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return {{"median", quantile(values, 0.5)}, {"p90", quantile(values, 0.9)}};
}

}  // namespace

std::vector<PixelRelation> pixel_relations(const BenchmarkOptions& o, const std::vector<ScoredClip>& clips) {
  std::vector<PixelRelation> out;
  for (size_t c = 0; c < o.columns.size(); ++c) {
    std::map<std::pair<std::string, int64_t>, std::array<const ScoredClip*, 2>> pairs;
    for (const ScoredClip& s : clips)
      if (s.clip->pair && s.clip->column == c)
        pairs[{s.clip->pair->id, s.clip->job.seed}][s.clip->changed] = &s;
    if (pairs.empty()) continue;
    std::array<PixelRelation, 4> found;
    for (int r = 0; r < 4; ++r)
      found[size_t(r)].relation = r < 3 ? relation_name(Relation(r)) : "time shifted",
      found[size_t(r)].column = o.columns[c].name;
    for (const auto& [id, both] : pairs) {
      const PromptPair& pair = *both[0]->clip->pair;
      const Json &base = both[0]->result, &changed = both[1]->result;
      PixelRelation& relation = found[size_t(pair.relation)];
      count(relation, pair.relation == Relation::kMirrored ? went_the_other_way(base, changed)
                      : pair.relation == Relation::kRecoloured
                          ? same_mechanics(base, changed)
                          : nearer_to(pair.gravity, base, changed, relation.measured));
      count(found[3], same_mechanics(base, base.is_object() ? base.at("later") : Json()));
    }
    for (PixelRelation& relation : found)
      if (relation.holds.total + relation.not_judged > 0) out.push_back(std::move(relation));
  }
  return out;
}

std::vector<StateRelation> state_relations(const BenchmarkOptions& o, const Generator& generator) {
  std::vector<StateRelation> out(kChanges.size());
  for (size_t c = 0; c < kChanges.size(); ++c) out[c].relation = kChanges[c].name;
  std::vector<const Scenario*> moving;
  for (const Scenario& s : o.suite.scenarios)
    if (s.expect == Expect::kMotion) moving.push_back(&s);
  Progress progress("metamorphic", int64_t(moving.size()) * o.seeds, "scenes", o.quiet);
  int64_t done = 0;
  for (const Scenario* s : moving)
    for (int k = 0; k < o.seeds; ++k) {
      const int chunks = std::max(chunks_for(s->seconds), (kHorizon + kShift) / kFramesPerChunk);
      try_scene(generator, generator.plan(s->prompt, uint64_t(o.base_seed + k), o.temperature, chunks), out);
      progress.update(++done);
    }
  progress.finish();
  return out;
}

Json to_json(const PixelRelation& r) {
  Json out = {{"relation", r.relation},
              {"generator", r.column},
              {"holds", r.holds.json()},
              {"not_judged", r.not_judged}};
  if (!r.measured.empty()) out["measured_over_asked"] = r.measured;
  return out;
}

Json to_json(const StateRelation& r) {
  return {{"relation", r.relation},
          {"scenes", r.model_m.size()},
          {"model_m", spread_of(r.model_m)},
          {"simulator_m", spread_of(r.simulator_m)},
          {"moved_m", spread_of(r.moved_m)}};
}

}  // namespace orrery
