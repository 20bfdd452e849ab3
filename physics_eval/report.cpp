#include "physics_eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/files.h"
#include "physics_eval/statistics.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

double rounded(double value, int digits = 4) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

Json number(const std::optional<double>& value, int digits = 4) {
  return value && std::isfinite(*value) ? Json(rounded(*value, digits)) : Json(nullptr);
}

Json interval_json(const std::optional<Interval>& interval, int digits = 4) {
  if (!interval) return nullptr;
  return {rounded((*interval)[0], digits), rounded((*interval)[1], digits)};
}

Json laws_json(const Evaluation& e) {
  Json out = Json::array();
  for (const LawResult& law : e.laws)
    out.push_back({{"name", law.name},
                   {"score", number(law.score)},
                   {"effect", law.score ? Json(rounded(law.effect)) : Json(nullptr)},
                   {"detectable", law.score ? number(law.detectable) : Json(nullptr)},
                   {"frames", law.frames},
                   {"detail", law.detail},
                   {"reveals", law.score ? law.reveals : ""}});
  return out;
}

Json estimates_json(const Evaluation& e) {
  const Estimates& s = e.estimates;
  return {{"restitution", number(s.restitution)},
          {"g_px_s2", number(s.g_px_s2, 2)},
          {"g_m_s2", number(e.g_m_s2)},
          {"period_s", number(s.period_s)},
          {"mass_ratio", number(s.mass_ratio)},
          {"acceleration_px_s2", number(s.acceleration_px_s2, 2)},
          {"intervals",
           {{"restitution", interval_json(e.intervals.restitution)},
            {"g_px_s2", interval_json(e.intervals.g_px_s2, 2)},
            {"g_m_s2", interval_json(e.g_m_s2_interval)}}}};
}

Json tracks_json(const Evaluation& e) {
  Json out = Json::array();
  for (const Track& track : e.tracks) {
    Json points = Json::array(), phases = Json::array();
    for (const TrackPoint& p : track.points)
      points.push_back({p.frame, rounded(p.t), rounded(p.x, 2), rounded(p.y, 2), rounded(p.area, 1)});
    for (const Phase& p : e.phases)
      if (p.track == track.id)
        phases.push_back({{"kind", phase_name(p.kind)},
                          {"t0", rounded(p.t0)},
                          {"t1", rounded(p.t1)},
                          {"ax_px_s2", rounded(p.a[0], 1)},
                          {"ay_px_s2", rounded(p.a[1], 1)}});
    const auto& rgb = track.points[track.points.size() / 2].rgb;
    out.push_back({{"id", track.id},
                   {"rgb", {rounded(rgb[0], 0), rounded(rgb[1], 0), rounded(rgb[2], 0)}},
                   {"phases", phases},
                   {"columns", {"frame", "t", "x", "y", "area"}},
                   {"points", points}});
  }
  return out;
}

std::string bar(double score) {
  const int full = int(std::round(score * 20));
  return std::string(size_t(full), '#') + std::string(size_t(20 - full), '.');
}

std::string estimates_text(const Evaluation& e) {
  const Estimates& s = e.estimates;
  std::string out;
  const auto interval = [](const std::optional<Interval>& i) {
    return i ? fmt::format(" ({:.4g} to {:.4g})", (*i)[0], (*i)[1]) : std::string();
  };
  if (e.g_m_s2) out += fmt::format("    g = {:.2f} m/s^2{}\n", *e.g_m_s2, interval(e.g_m_s2_interval));
  else if (s.g_px_s2)
    out += fmt::format("    g = {:.1f} px/s^2{}; in m/s^2 not identifiable without --scale\n", *s.g_px_s2,
                       interval(e.intervals.g_px_s2));
  else if (s.acceleration_px_s2)
    out += fmt::format("    no free fall; acceleration of the longest phase {:.1f} px/s^2\n",
                       *s.acceleration_px_s2);
  if (s.restitution)
    out += fmt::format("    restitution {:.2f}{}, {} bounce(s)\n", *s.restitution,
                       interval(e.intervals.restitution), s.restitutions.size());
  if (s.period_s) out += fmt::format("    period {:.3f} s\n", *s.period_s);
  if (s.mass_ratio) out += fmt::format("    mass ratio {:.2f}\n", *s.mass_ratio);
  return out;
}

struct Folder {
  std::vector<double> scores;
  int clips = 0;
};

std::map<std::string, Folder> by_folder(const Scores& scores) {
  std::map<std::string, Folder> out;
  for (const auto& [path, score] : scores) {
    Folder& folder = out[fs::path(path).parent_path().string()];
    ++folder.clips;
    if (score) folder.scores.push_back(*score);
  }
  return out;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? 0 : sum / double(values.size());
}

}  // namespace

Json evaluator_json() {
  return {{"name", "orrery physics_eval"},
          {"version", kEvaluatorVersion},
          {"thresholds_version", kThresholdsVersion}};
}

Json to_json(const Evaluation& e, const std::string& path, bool with_tracks) {
  Json violations = Json::array(), flags = Json::array();
  for (const Violation& v : e.violations)
    violations.push_back({{"kind", v.kind}, {"frame", v.frame}, {"track", v.track}, {"detail", v.detail}});
  for (const Flag& f : e.flags) flags.push_back({{"kind", f.kind}, {"frame", f.frame}, {"detail", f.detail}});
  Json out = {{"path", path},
              {"verdict", verdict_name(e.verdict)},
              {"score", number(e.score, 1)},
              {"interval", interval_json(e.intervals.score, 1)},
              {"coverage", rounded(e.coverage)},
              {"tracking_agreement", number(e.agreement)},
              {"reason", e.reason},
              {"frames", e.frames},
              {"laws", laws_json(e)},
              {"violations", violations},
              {"flags", flags},
              {"estimates", estimates_json(e)}};
  if (with_tracks) out["tracks"] = tracks_json(e);
  return out;
}

Json failed_json(const std::string& path, const std::string& error) {
  return {{"path", path},        {"verdict", "error"}, {"score", nullptr},
          {"interval", nullptr}, {"coverage", 0},      {"error", error}};
}

std::string to_text(const Evaluation& e, const std::string& path) {
  std::string out = fmt::format("{}\n  {}", path, verdict_name(e.verdict));
  if (e.score) out += fmt::format(", score {:.0f} of 100", *e.score);
  if (e.intervals.score)
    out += fmt::format(" (95 %: {:.0f} to {:.0f})", (*e.intervals.score)[0], (*e.intervals.score)[1]);
  if (!e.laws.empty()) out += fmt::format(", coverage {:.0f} %", 100 * e.coverage);
  out += "\n";
  if (!e.reason.empty()) out += fmt::format("  {}\n", e.reason);
  for (const LawResult& law : e.laws) {
    if (!law.score) continue;
    out += fmt::format("    {:<22} {} {:.2f}  {}\n", law.name, bar(*law.score), *law.score, law.detail);
    out += fmt::format("    {:<22} {:>20}       would have shown {}\n", "", "", law.reveals);
  }
  for (const LawResult& law : e.laws)
    if (!law.score)
      out += fmt::format("    {:<22} {:>20}       {}\n", law.name, "not identifiable", law.detail);
  for (const Violation& v : e.violations)
    out += fmt::format("    ! frame {:>4}, object {}: {}: {}\n", v.frame, v.track, v.kind, v.detail);
  for (const Flag& f : e.flags) out += fmt::format("    ~ frame {:>4}: {}: {}\n", f.frame, f.kind, f.detail);
  return out + estimates_text(e);
}

std::string ranking_text(const Scores& scores) {
  Scores ranked = scores;
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.second.value_or(-1) > b.second.value_or(-1);
  });
  std::string out = "\nscore  clip\n";
  for (const auto& [path, score] : ranked)
    out += fmt::format("{:>5}  {}\n", score ? fmt::format("{:.0f}", *score) : "-", path);
  const auto folders = by_folder(scores);
  if (folders.size() > 1) {
    out += "\nclips  judged   mean  median  folder\n";
    for (const auto& [name, f] : folders)
      out += fmt::format("{:>5}  {:>6}  {:>5}  {:>6}  {}\n", f.clips, f.scores.size(),
                         f.scores.empty() ? "-" : fmt::format("{:.0f}", mean_of(f.scores)),
                         f.scores.empty() ? "-" : fmt::format("{:.0f}", median(f.scores)),
                         name.empty() ? "." : name);
  }
  return out;
}

Json summary_json(const Scores& scores) {
  Json out = Json::array();
  for (const auto& [name, f] : by_folder(scores))
    out.push_back({{"folder", name},
                   {"clips", f.clips},
                   {"judged", f.scores.size()},
                   {"mean", f.scores.empty() ? Json(nullptr) : Json(rounded(mean_of(f.scores), 1))},
                   {"median", f.scores.empty() ? Json(nullptr) : Json(rounded(median(f.scores), 1))}});
  return out;
}

}  // namespace orrery::physics_eval
