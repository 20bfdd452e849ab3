// How far does the model's own future run from the simulator's? Free rollout from the prologue alone,
// held-out scenes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "bench/common.h"
#include "core/progress.h"
#include "models/rollout.h"
#include "world/families.h"
#include "world/scenes.h"
#include "world/simulate.h"

namespace orrery::bench {
namespace {

constexpr std::array<int, 4> kHorizons = {12, 24, 48, 72};  // frames: 0.5, 1, 2, 3 s
constexpr int kChunks = 24;                        // 4 s: contacts up to 3 s have their half second after
constexpr int kAfterContact = 12, kJustAfter = 2;  // frames
constexpr std::array<std::string_view, 7> kSingleBody = {"drop",  "bounce", "projectile", "roll",
                                                         "slide", "ramp",   "rest"};

struct Errors {
  std::array<std::vector<double>, kHorizons.size()> place, straight;  // m; straight: constant velocity
  std::vector<double> velocity;  // m/s: mean over the first second, of what is in view
  int scenes = 0;
  void add(const Errors& e) {
    for (size_t h = 0; h < kHorizons.size(); ++h) {
      place[h].insert(place[h].end(), e.place[h].begin(), e.place[h].end());
      straight[h].insert(straight[h].end(), e.straight[h].begin(), e.straight[h].end());
    }
    velocity.insert(velocity.end(), e.velocity.begin(), e.velocity.end());
    scenes += e.scenes;
  }
};

struct Compared {
  std::vector<double> model, straight;
};

struct CollisionErrors {
  Compared place;  // m, both bodies, 0.5 s after the first contact
  Compared total,
      to_total;     // |P' - P| of the pair, over |p_a| + |p_b| before and over |P|, which may be near 0
  Compared bodies;  // (|p'_a - p_a| + |p'_b - p_b|) / (|p_a| + |p_b| before): who took what
};

struct Worst {
  double error;
  std::string text;
};

struct Rollouts {
  Sample sample;
  Trajectory truth, model, straight;
};

double distance(const ObjectState& a, const ObjectState& b) { return std::hypot(a.x - b.x, a.y - b.y); }

Rollouts roll_out(const Generator& generator, uint64_t seed, Split split, const std::string& family) {
  Rollouts r;
  r.sample = make_sample(seed, split, family);
  const Scene& scene = r.sample.scene;
  r.truth = simulate(scene, kChunks * kFramesPerChunk + 1);
  GenerationCache cache;
  r.model = trajectory_of(scene, rollout_states(generator.transformer(), scene, kChunks, {}, cache));
  r.straight = trajectory_of(scene, constant_velocity_states(scene, kChunks));
  return r;
}

Errors errors_of(const Rollouts& r) {
  Errors e;
  e.scenes = 1;
  for (int k = 0; k < r.truth.num_objects; ++k) {
    for (size_t h = 0; h < kHorizons.size(); ++h) {
      const ObjectState& truth = r.truth.at(kHorizons[h], k);
      if (!in_view(truth.x, truth.y)) continue;
      e.place[h].push_back(distance(truth, r.model.at(kHorizons[h], k)));
      e.straight[h].push_back(distance(truth, r.straight.at(kHorizons[h], k)));
    }
    double sum = 0;
    int frames = 0;
    for (int f = 1; f <= 24; ++f) {
      const ObjectState &a = r.truth.at(f, k), &b = r.model.at(f, k);
      if (in_view(a.x, a.y)) sum += std::hypot(a.vx - b.vx, a.vy - b.vy), ++frames;
    }
    if (frames) e.velocity.push_back(sum / frames);
  }
  return e;
}

// What the pair carries at a frame, kg m/s.
struct Momenta {
  Vec2 a, b;
};
Momenta momenta(const Rollouts& r, const Trajectory& t, const ContactEvent& c, int frame) {
  const auto of = [&](int k) {
    const double m = mass_of(r.sample.scene.objects[size_t(k)]);
    return Vec2{m * t.at(frame, k).vx, m * t.at(frame, k).vy};
  };
  return {of(c.a), of(c.b)};
}
double length(Vec2 v) { return std::hypot(v.x, v.y); }
double apart(Vec2 a, Vec2 b) { return std::hypot(a.x - b.x, a.y - b.y); }

// carried: |p_a| + |p_b| just before the contact.
void add_momentum(const Momenta& truth, const Momenta& guess, double carried, std::vector<double>& total,
                  std::vector<double>& to_total, std::vector<double>& bodies) {
  const Vec2 p{truth.a.x + truth.b.x, truth.a.y + truth.b.y}, q{guess.a.x + guess.b.x, guess.a.y + guess.b.y};
  total.push_back(apart(p, q) / carried);
  to_total.push_back(apart(p, q) / std::max(1e-9, length(p)));
  bodies.push_back((apart(truth.a, guess.a) + apart(truth.b, guess.b)) / carried);
}

// The first meeting of two objects in view, if half a second follows it.
void add_collision(const Rollouts& r, CollisionErrors& e) {
  const auto c =
      std::ranges::find_if(r.truth.contacts, [](const ContactEvent& event) { return event.b >= 0; });
  if (c == r.truth.contacts.end() || c->frame + kAfterContact >= r.truth.num_frames() || !in_view(c->x, c->y))
    return;
  for (int k : {c->a, c->b}) {
    const ObjectState& truth = r.truth.at(c->frame + kAfterContact, k);
    if (!in_view(truth.x, truth.y)) continue;
    e.place.model.push_back(distance(truth, r.model.at(c->frame + kAfterContact, k)));
    e.place.straight.push_back(distance(truth, r.straight.at(c->frame + kAfterContact, k)));
  }
  const Momenta before = momenta(r, r.truth, *c, c->frame - 1);
  const double carried = std::max(1e-9, length(before.a) + length(before.b));
  const int frame = c->frame + kJustAfter;
  const Momenta truth = momenta(r, r.truth, *c, frame);
  const Momenta model = momenta(r, r.model, *c, frame), straight = momenta(r, r.straight, *c, frame);
  add_momentum(truth, model, carried, e.total.model, e.to_total.model, e.bodies.model);
  add_momentum(truth, straight, carried, e.total.straight, e.to_total.straight, e.bodies.straight);
}

// The largest place error of a scene at any horizon, and what the object was doing.
void add_worst(const Rollouts& r, uint64_t seed, std::vector<Worst>& worst) {
  Worst w{-1, ""};
  for (int f : kHorizons)
    for (int k = 0; k < r.truth.num_objects; ++k) {
      const ObjectState &a = r.truth.at(f, k), &b = r.model.at(f, k);
      if (!in_view(a.x, a.y) || distance(a, b) <= w.error) continue;
      int touches = 0;
      for (const ContactEvent& c : r.truth.contacts) touches += c.frame <= f && (c.a == k || c.b == k);
      w = {distance(a, b),
           fmt::format("{} {} seed {}: {:.2f} m at {:.1f} s, {} of {}; truth ({:.2f}, {:.2f}), model "
                       "({:.2f}, {:.2f}); turned {:.1f} rad, {} contacts",
                       split_name(r.sample.split), r.sample.family, seed, distance(a, b),
                       f / kFramesPerSecond, describe(r.sample.scene.objects[size_t(k)]), r.truth.num_objects,
                       a.x, a.y, b.x, b.y, a.angle - r.sample.scene.objects[size_t(k)].angle, touches)};
    }
  worst.push_back(w);
}

struct Result {
  std::map<std::string, Errors> families;  // also "single bodies" and "all"
  CollisionErrors collisions;
  std::vector<Worst> worst;
};

Result measure(const Generator& generator, const Options& o, Split split) {
  Result result;
  Progress progress(std::string(split_name(split)), int64_t(family_names().size()) * o.count, "scenes");
  int64_t done = 0;
  for (std::string_view name : family_names()) {
    const std::string family(name);
    for (int i = 0; i < o.count; ++i, progress.update(++done)) {
      const uint64_t seed = o.seed + uint64_t(i);
      const Rollouts r = roll_out(generator, seed, split, family);
      const Errors e = errors_of(r);
      result.families[family].add(e);
      if (std::ranges::find(kSingleBody, name) != kSingleBody.end()) result.families["single bodies"].add(e);
      result.families["all"].add(e);
      if (family == "collision") add_collision(r, result.collisions);
      add_worst(r, seed, result.worst);
    }
  }
  return result;
}

std::vector<std::string> row_names() {
  std::vector<std::string> names(family_names().begin(), family_names().end());
  names.insert(names.end(), {"single bodies", "all"});
  return names;
}

void print_places(const Result& result, Split split, Report& report) {
  Table t{
      fmt::format("Place error in metres, split `{}`, objects in view: median / p90; CV: constant velocity",
                  split_name(split)),
      {"family", "N", "0.5 s", "1 s", "2 s", "3 s", "CV 0.5 s", "CV 1 s", "CV 2 s", "CV 3 s"},
      {}};
  for (const std::string& name : row_names()) {
    const Errors& e = result.families.at(name);
    std::vector<std::string> row = {name, fmt::format("{} ({} objects)", e.scenes, e.place[0].size())};
    for (const auto& v : e.place) row.push_back(spread(v));
    for (const auto& v : e.straight) row.push_back(spread(v, 2));
    t.rows.push_back(row);
    for (size_t h = 0; h < kHorizons.size(); ++h) {
      Json& figure = report.figures[std::string(split_name(split))][name]
                                   [fmt::format("{:.1f}s", kHorizons[h] / kFramesPerSecond)];
      figure = {{"model", spread_json(e.place[h])}, {"constant_velocity", spread_json(e.straight[h])}};
    }
  }
  report.print(t);
}

void print_collisions(const CollisionErrors& e, Report& report) {
  Table t{"Two-body collisions (`id`): median / p90; just after = two frames after the contact began",
          {"", "N", "model", "constant velocity"},
          {}};
  const auto row = [&](const char* name, const char* key, const Compared& c) {
    t.rows.push_back({name, std::to_string(c.model.size()), spread(c.model), spread(c.straight)});
    report.figures["collisions"][key] = {{"model", spread_json(c.model)},
                                         {"constant_velocity", spread_json(c.straight)}};
  };
  row("place error 0.5 s after contact, m", "place_m", e.place);
  row("total momentum of the pair just after: error over what the two carried before", "total_momentum",
      e.total);
  row("the same over the size of the total (near 0 head on)", "total_momentum_to_total", e.to_total);
  row("momentum of each body just after: error over what the two carried before", "body_momentum", e.bodies);
  report.print(t);
}

void print_velocities(const Result& id, const Result& ood, Report& report) {
  Table t{"Velocity error in m/s, mean over the first second in view: median / p90",
          {"family", "id", "ood", "ratio of medians"},
          {}};
  for (const std::string& name : row_names()) {
    const std::vector<double>&a = id.families.at(name).velocity, &b = ood.families.at(name).velocity;
    const double ratio = quantile(b, 0.5) / quantile(a, 0.5);
    t.rows.push_back({name, spread(a), spread(b), fmt::format("{:.2f}", ratio)});
    report.figures["velocity"][name] = {{"id", spread_json(a)}, {"ood", spread_json(b)}, {"ratio", ratio}};
  }
  report.print(t);
}

void print_worst(std::vector<Worst> worst, Report& report) {
  std::ranges::sort(worst, std::greater{}, &Worst::error);
  report.print("Worst five of `id`:\n");
  for (size_t i = 0; i < std::min<size_t>(5, worst.size()); ++i) {
    fmt::print("{}. {}\n", i + 1, worst[i].text);
    report.figures["worst"].push_back(worst[i].text);
  }
}

void run(const Options& o) {
  const Generator generator(o.model);
  Report report("Rollout error: the model's states against the simulator's, from the prologue alone", o,
                &generator);
  const Result id = measure(generator, o, Split::kId), ood = measure(generator, o, Split::kOod);
  print_places(id, Split::kId, report);
  print_places(ood, Split::kOod, report);
  print_collisions(id.collisions, report);
  print_velocities(id, ood, report);
  print_worst(id.worst, report);
  report.finish();
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  using namespace orrery::bench;
  CLI::App app("Rollout error of the dynamics against Box2D", "rollout_error");
  Options options;
  options.seed = 100000;  // training's own evaluation looks at seeds from 0
  add_options(app, options, 100, "scenes of each family and split");
  return run_program(app, argc, argv, options, [&] { run(options); });
}
