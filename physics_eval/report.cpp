#include "physics_eval/report.h"

#include <fmt/format.h>

#include <cmath>

#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

double rounded(double value, int digits = 4) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

Json number(const std::optional<double>& value, int digits = 4) {
  return value ? Json(rounded(*value, digits)) : Json(nullptr);
}

Json laws_json(const Evaluation& e) {
  Json out = Json::array();
  for (const LawResult& law : e.laws)
    out.push_back({{"name", law.name}, {"score", number(law.score)}, {"effect", rounded(law.effect)},
                   {"detectable", law.detectable > 0 ? Json(rounded(law.detectable)) : Json(nullptr)},
                   {"frames", law.frames}, {"detail", law.detail}});
  return out;
}

Json tracks_json(const Evaluation& e) {
  Json out = Json::array();
  for (const Track& track : e.tracks) {
    Json points = Json::array(), phases = Json::array();
    for (const TrackPoint& p : track.points)
      points.push_back({p.frame, rounded(p.t), rounded(p.x, 2), rounded(p.y, 2), rounded(p.area, 1)});
    for (const Phase& p : e.phases)
      if (p.track == track.id)
        phases.push_back({{"kind", phase_name(p.kind)}, {"t0", rounded(p.t0)}, {"t1", rounded(p.t1)},
                          {"ax_px_s2", rounded(p.a[0], 1)}, {"ay_px_s2", rounded(p.a[1], 1)}});
    const auto& rgb = track.points[track.points.size() / 2].rgb;
    out.push_back({{"id", track.id}, {"rgb", {rounded(rgb[0], 0), rounded(rgb[1], 0), rounded(rgb[2], 0)}},
                   {"phases", phases}, {"columns", {"frame", "t", "x", "y", "area"}}, {"points", points}});
  }
  return out;
}

std::string bar(double score) {
  const int full = int(std::round(score * 20));
  return std::string(size_t(full), '#') + std::string(size_t(20 - full), '.');
}

}  // namespace

Json evaluator_json() {
  return {{"name", "orrery physics_eval"}, {"version", kEvaluatorVersion}, {"thresholds_version", kThresholdsVersion}};
}

Json to_json(const Evaluation& e, const std::string& path, bool with_tracks) {
  Json violations = Json::array();
  for (const Violation& v : e.violations)
    violations.push_back({{"kind", v.kind}, {"frame", v.frame}, {"track", v.track}, {"detail", v.detail}});
  Json out = {{"path", path}, {"verdict", verdict_name(e.verdict)}, {"score", number(e.score, 1)}, {"reason", e.reason},
              {"coverage", rounded(e.coverage)}, {"frames", e.frames}, {"laws", laws_json(e)}, {"violations", violations},
              {"estimates", {{"restitution", number(e.estimates.restitution)}, {"g_px_s2", number(e.estimates.g_px_s2, 2)},
                             {"g_error_px_s2", number(e.estimates.g_error_px_s2, 2)},
                             {"acceleration_px_s2", number(e.estimates.acceleration_px_s2, 2)}, {"g_m_s2", number(e.g_m_s2)}}}};
  if (with_tracks) out["tracks"] = tracks_json(e);
  return out;
}

std::string to_text(const Evaluation& e, const std::string& path) {
  std::string out = fmt::format("{}\n  {}{}\n", path, verdict_name(e.verdict),
                                e.score ? fmt::format(", score {:.0f} of 100 (coverage {:.0f} %)", *e.score, 100 * e.coverage) : "");
  if (!e.reason.empty()) out += fmt::format("  {}\n", e.reason);
  for (const LawResult& law : e.laws)
    out += law.score ? fmt::format("    {:<22} {} {:.2f}  {}\n", law.name, bar(*law.score), *law.score, law.detail)
                     : fmt::format("    {:<22} {:>20}       {}\n", law.name, "not judged", law.detail);
  for (const Violation& v : e.violations) out += fmt::format("    ! frame {:>4}, object {}: {}: {}\n", v.frame, v.track, v.kind, v.detail);
  const auto& estimates = e.estimates;
  if (e.g_m_s2) out += fmt::format("    g = {:.2f} m/s^2 (+- {:.2f})\n", *e.g_m_s2, *e.g_m_s2 * *estimates.g_error_px_s2 / *estimates.g_px_s2);
  else if (estimates.g_px_s2) out += fmt::format("    g = {:.1f} px/s^2 (+- {:.1f}); --scale gives m/s^2\n", *estimates.g_px_s2, *estimates.g_error_px_s2);
  else if (estimates.acceleration_px_s2) out += fmt::format("    no free fall; acceleration of the longest phase {:.1f} px/s^2\n", *estimates.acceleration_px_s2);
  if (estimates.restitution) out += fmt::format("    restitution {:.2f} ({} bounce(s))\n", *estimates.restitution, estimates.restitutions.size());
  return out;
}

std::string tracks_csv_header() { return "path,track,frame,t_s,x_px,y_px,area_px2,r,g,b,clipped,merged\n"; }

std::string tracks_csv(const Evaluation& e, const std::string& path) {
  std::string name = path, out;
  if (name.find_first_of(",\"\n") != std::string::npos) {
    std::string quoted = "\"";
    for (char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    name = quoted + "\"";
  }
  for (const Track& track : e.tracks)
    for (const TrackPoint& p : track.points)
      out += fmt::format("{},{},{},{:.5f},{:.3f},{:.3f},{:.1f},{:.0f},{:.0f},{:.0f},{},{}\n", name, track.id, p.frame, p.t, p.x,
                         p.y, p.area, p.rgb[0], p.rgb[1], p.rgb[2], int(p.clipped), int(p.merged));
  return out;
}

}  // namespace orrery::physics_eval
