#include "physics_eval/html_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "physics_eval/plots.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr int kStrips = 6, kPlots = 6;
constexpr int kAround[] = {-6, -3, -1, 0, 1, 3, 6};  // frames of a strip

constexpr const char* kStyle =
    "body{font:14px system-ui,sans-serif;margin:24px "
    "auto;max-width:1000px;color:#222}h1{font-size:20px}h2{font-size:17px;border-top:1px "
    "solid "
    "#ccc;padding-top:16px;word-break:break-all}table{border-collapse:collapse;width:100%}td,th{padding:3px "
    "8px;text-align:left;"
    "vertical-align:top}tr+tr td{border-top:1px solid "
    "#eee}.bar{width:120px;height:10px;background:#e5e5e5;border-radius:3px;margin-top:4px}"
    ".bar "
    "i{display:block;height:10px;border-radius:3px}.small{color:#666;font-size:12px}.consistent{color:#"
    "2b7a3d}.inconsistent{color:#b3261e}"
    ".insufficient{color:#777}.score{font-size:30px;font-weight:600}svg.scene{width:100%;max-height:420px;"
    "background:#111}svg.plot{background:#fafafa;"
    "margin:2px;font-size:9px}.strip{display:flex;gap:3px;margin:4px 0 12px}.strip "
    "figure{margin:0;flex:1}.strip img{width:100%}"
    ".strip figcaption{font-size:11px;color:#666;text-align:center}.hit img{outline:3px solid #b3261e}";

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '\'' || c == '"') out += "&#39;";
    else out += c;
  }
  return out;
}

const char* css_of(Verdict v) {
  return v == Verdict::kConsistent     ? "consistent"
         : v == Verdict::kInconsistent ? "inconsistent"
                                       : "insufficient";
}
const char* color_of(double score) { return score > 0.8 ? "#2b7a3d" : score > 0.5 ? "#c98a00" : "#b3261e"; }

std::string png_of(const ReportClip& clip, int frame) {
  for (const Picture& p : clip.pictures)
    if (p.frame == frame) return p.png;
  return "";
}

int overview_frame(const Evaluation& e) { return e.frames / 2; }

std::string law_row(const LawResult& law) {
  const std::string bar =
      law.score ? fmt::format("<div class=bar><i style='width:{:.0f}%;background:{}'></i></div>",
                              100 * *law.score, color_of(*law.score))
                : "<span class=small>not identifiable</span>";
  return fmt::format("<tr><td>{}<td>{}<td>{}<td>{}<div class=small>{}</div><td>{}", law.name, bar,
                     law.score ? fmt::format("{:.2f}", *law.score) : "", escaped(law.detail),
                     law.score ? fmt::format("would have shown {}", escaped(law.reveals)) : "", law.frames);
}

std::string summary_html(const Evaluation& e) {
  std::string out = fmt::format("<p><span class=score>{}</span> <b class={}>{}</b>",
                                e.score ? fmt::format("{:.0f}", *e.score) : "-", css_of(e.verdict),
                                verdict_name(e.verdict));
  if (e.intervals.score)
    out += fmt::format(" <span class=small>95 % interval {:.0f} to {:.0f}</span>", (*e.intervals.score)[0],
                       (*e.intervals.score)[1]);
  out += fmt::format(
      "<br>{}<br><span class=small>{} frames, {}x{}, {:.2f} s; {:.0f} % of the object-frames judged by a law "
      "of motion</span></p>",
      escaped(e.reason), e.frames, e.width, e.height, e.seconds, 100 * e.coverage);
  for (const Flag& f : e.flags)
    out += fmt::format("<p class=small>{} (frame {}): {}</p>", f.kind, f.frame, escaped(f.detail));
  return out;
}

std::string estimates_html(const Evaluation& e) {
  std::string out;
  const auto add = [&](const char* name, const std::optional<double>& value, const char* unit,
                       const std::optional<Interval>& interval = {}) {
    if (!value) return;
    out += fmt::format("<tr><td>{}<td>{:.4g} {}<td class=small>{}", name, *value, unit,
                       interval ? fmt::format("{:.4g} to {:.4g}", (*interval)[0], (*interval)[1]) : "");
  };
  add("g", e.estimates.g_px_s2, "px/s^2", e.intervals.g_px_s2);
  add("g", e.g_m_s2, "m/s^2", e.g_m_s2_interval);
  add("restitution", e.estimates.restitution, "", e.intervals.restitution);
  add("period", e.estimates.period_s, "s");
  add("mass ratio", e.estimates.mass_ratio, "");
  return out.empty() ? "" : "<h3>Estimates</h3><table><tr><th><th>value<th>95 % interval" + out + "</table>";
}

std::string strips_html(const ReportClip& clip) {
  std::string out;
  int shown = 0;
  for (const Violation& v : clip.evaluation.violations) {
    if (shown++ == kStrips) break;
    out += fmt::format("<p><b class=inconsistent>{}</b> at frame {}, object {}: {}</p><div class=strip>",
                       v.kind, v.frame, v.track, escaped(v.detail));
    for (int d : kAround) {
      const std::string png = png_of(clip, v.frame + d);
      if (!png.empty())
        out +=
            fmt::format("<figure{}><img src='data:image/png;base64,{}'><figcaption>{}</figcaption></figure>",
                        d == 0 ? " class=hit" : "", png, v.frame + d);
    }
    out += "</div>";
  }
  return out.empty() ? "" : "<h3>Violations</h3>" + out;
}

std::string clip_html(const ReportClip& clip) {
  const Evaluation& e = clip.evaluation;
  std::string out = fmt::format("<h2>{}</h2>", escaped(clip.path));
  if (!clip.error.empty()) return out + fmt::format("<p class=inconsistent>{}</p>", escaped(clip.error));
  out += summary_html(e);
  if (!e.laws.empty()) {
    out += "<table><tr><th>law<th>quality<th><th>evidence<th>frames";
    for (const LawResult& law : e.laws) out += law_row(law);
    out += "</table>";
  }
  out += estimates_html(e) + strips_html(clip) + "<h3>Trajectories</h3>" +
         trajectories_svg(e, png_of(clip, overview_frame(e)));
  int plots = 0;
  for (const Track& track : e.tracks) {
    const bool judged =
        std::any_of(e.phases.begin(), e.phases.end(), [&](const Phase& p) { return p.track == track.id; });
    if (judged && plots++ < kPlots)
      out += fmt::format("<h3>Object {}</h3>{}", track.id, motion_svg(e, track));
  }
  return out;
}

}  // namespace

std::vector<int> report_frames(const Evaluation& e) {
  std::vector<int> out{overview_frame(e)};
  for (size_t i = 0; i < e.violations.size() && i < size_t(kStrips); ++i)
    for (int d : kAround)
      if (e.violations[i].frame + d >= 0 && e.violations[i].frame + d < e.frames)
        out.push_back(e.violations[i].frame + d);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string html_escaped(const std::string& text) { return escaped(text); }

std::string html_report(const std::vector<ReportClip>& clips) {
  std::string out = fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><title>Physics "
      "report</title><style>{}</style><h1>Physics report</h1>",
      kStyle);
  out += fmt::format(
      "<p class=small>physics_eval {}, thresholds {}. Blue: x, red: y (down). Dots: measured; lines: the "
      "fitted law.</p>",
      kEvaluatorVersion, kThresholdsVersion);
  if (clips.size() > 1) {
    out += "<table><tr><th>clip<th>verdict<th>score";
    for (const ReportClip& c : clips)
      out += fmt::format("<tr><td>{}<td class={}>{}<td>{}", escaped(c.path), css_of(c.evaluation.verdict),
                         c.error.empty() ? verdict_name(c.evaluation.verdict) : "error",
                         c.evaluation.score ? fmt::format("{:.0f}", *c.evaluation.score) : "-");
    out += "</table>";
  }
  for (const ReportClip& clip : clips) out += clip_html(clip);
  return out + "</html>\n";
}

}  // namespace orrery::physics_eval
