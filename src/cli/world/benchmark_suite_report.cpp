#include "cli/world/benchmark_suite_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/batch_gallery.h"
#include "cli/clip_files.h"
#include "cli/world/benchmark_page.h"
#include "cli/world/validation_clips.h"
#include "physics_eval/html_report.h"
#include "physics_eval/thresholds.h"

namespace orrery {
namespace {

constexpr double kAllowedAlarms = 0.05;  // of unbroken clips, where nothing else says what an alarm is
constexpr size_t kShownMistakes = 60;

bool judged(const ScoredSuiteClip& s) { return s.opinion.failure.empty(); }

// Sets the rule by which a clip is called broken, and every clip's value and alarm.
void call(const EvaluatorOptions& o, SuiteReport& r) {
  std::vector<double> unbroken;
  bool verdicts = true;
  for (const ScoredSuiteClip& s : r.clips) {
    if (!judged(s)) continue;
    verdicts &= s.opinion.broken.has_value();
    if (s.clip->part == SuitePart::kUnbroken && s.opinion.score) unbroken.push_back(*s.opinion.score);
  }
  const double sign = r.sign;
  double threshold = quantile(unbroken, kAllowedAlarms);
  r.alarm_rule = fmt::format("score {} that of 19 in 20 unbroken clips, {:.4g}",
                             o.lower_is_better ? "above" : "below", sign * threshold);
  if (o.alarm_below) {
    threshold = sign * *o.alarm_below;
    r.alarm_rule = fmt::format("score {} {:g}", o.lower_is_better ? "above" : "below", *o.alarm_below);
    verdicts = false;
  }
  if (verdicts) {
    r.alarm_rule = "the evaluator's own verdict";
    if (o.command == "own") threshold = physics_eval::kConsistent.value;
  }
  r.alarm_below = verdicts ? NAN : sign * threshold;
  for (ScoredSuiteClip& s : r.clips) {
    s.value = s.opinion.score.value_or(std::isnan(threshold) ? 0 : threshold);
    s.alarm = verdicts ? s.opinion.broken.value_or(false) : s.opinion.score && *s.opinion.score < threshold;
  }
}

using ByScene = std::map<int, const ScoredSuiteClip*>;

ByScene of(const SuiteReport& r, SuitePart part, const std::string& kind, int dose = -1) {
  ByScene out;
  for (const ScoredSuiteClip& s : r.clips)
    if (s.clip->part == part && s.clip->kind == kind && s.clip->dose == dose && judged(s))
      out[s.clip->scene] = &s;
  return out;
}

KindRow kind_row(const SuiteReport& r, const std::string& kind) {
  KindRow row;
  row.kind = kind;
  const ByScene unbroken = of(r, SuitePart::kUnbroken, kind);
  for (const auto& [scene, s] : unbroken) row.false_alarms.add(s->alarm);
  for (int d = 0; d < 3; ++d) {
    std::vector<double> clean, broken;
    for (const auto& [scene, s] : of(r, SuitePart::kViolation, kind, d)) {
      row.doses[size_t(d)] = s->clip->size, row.unit = s->clip->unit;
      row.called[size_t(d)].add(s->alarm);
      if (!unbroken.contains(scene)) continue;
      clean.push_back(unbroken.at(scene)->value), broken.push_back(s->value);
    }
    row.auc[size_t(d)] = area_under_curve(clean, broken);
    std::tie(row.low[size_t(d)], row.high[size_t(d)]) = area_interval(clean, broken);
  }
  return row;
}

InnocentRow innocent_row(const SuiteReport& r, const std::string& kind) {
  InnocentRow row{kind, {}, 0};
  for (const auto& [scene, s] : of(r, SuitePart::kInnocent, kind)) {
    row.alarms.add(s->alarm);
    row.not_judged += !s->opinion.score;
  }
  return row;
}

ControlRow control_row(const SuiteReport& r, const std::string& kind) {
  ControlRow row{kind, {}};
  const ByScene truth = of(r, SuitePart::kTrue, "unchanged");
  for (const auto& [scene, s] : of(r, SuitePart::kControl, kind))
    if (truth.contains(scene)) row.wins.add(s->value >= truth.at(scene)->value);
  return row;
}

std::vector<std::string> kinds_of(const SuiteReport& r, SuitePart part) {
  std::vector<std::string> out;
  for (const ScoredSuiteClip& s : r.clips)
    if (s.clip->part == part && std::find(out.begin(), out.end(), s.clip->kind) == out.end())
      out.push_back(s.clip->kind);
  return out;
}

std::string doses_text(const KindRow& k) {
  return fmt::format("{:g}, {:g}, {:g} {}", k.doses[0], k.doses[1], k.doses[2], k.unit);
}

std::string area_text(const KindRow& k, size_t d) {
  return std::isnan(k.auc[d]) ? "-" : fmt::format("{:.2f} [{:.2f}, {:.2f}]", k.auc[d], k.low[d], k.high[d]);
}

std::string called_text(const KindRow& k) {
  return fmt::format("{}, {}, {} of {}", k.called[0].hits, k.called[1].hits, k.called[2].hits,
                     k.called[2].total);
}

Json number(double v) { return std::isnan(v) ? Json() : Json(v); }
std::string headline(const SuiteReport& r) {
  return fmt::format("Middle dose: mean AUC {:.3f}, least {:.2f}. An alarm is {}.{}", r.middle_mean,
                     r.middle_least, r.alarm_rule,
                     r.failed ? fmt::format(" {} clips failed.", r.failed) : "");
}

// Alarms on lawful clips, and violations at the largest dose that were let pass.
std::vector<Json> mistakes(const EvaluatorOptions& o, const SuiteReport& r) {
  std::vector<Json> out;
  for (const ScoredSuiteClip& s : r.clips) {
    const SuiteClip& c = *s.clip;
    const bool missed = c.part == SuitePart::kViolation && c.dose == 2 && !s.alarm;
    if (!(missed || (c.lawful() && s.alarm)) || !judged(s) || out.size() == kShownMistakes) continue;
    Json record = {{"id", c.id},
                   {"status", "done"},
                   {"prompt", c.kind},
                   {"seed", c.scene},
                   {"seconds", bench::kValidationFrames / kFramesPerSecond},
                   {"file", fs::relative(c.file, o.folder).string()},
                   {"score", nullptr},
                   {"scored", true},
                   {"tag", missed ? "missed" : "false alarm"},
                   {"verdict", missed ? "consistent" : "inconsistent"}};
    if (s.opinion.score) record["score"] = r.sign * *s.opinion.score;
    record["note"] =
        c.dose < 0 ? std::string(part_name(c.part)) : fmt::format("violation, {:g} {}", c.size, c.unit);
    if (const std::string film = film_data(c.file); !film.empty()) record["source"] = film;
    out.push_back(std::move(record));
  }
  return out;
}

std::string tables_html(const SuiteReport& r) {
  using physics_eval::html_escaped;
  std::string out = table_style() + "<div id=tables><h1>What does an evaluator see?</h1>";
  out += fmt::format("<p><code>{}</code>, {} scenes a row, seed {}. {}</p>", html_escaped(r.evaluator),
                     r.scenes, r.seed, html_escaped(headline(r)));
  out +=
      "<h2>Violations</h2><p class=soft>How often a clip of the same scene unbroken scores above the broken "
      "one (area under the ROC curve; 0.5 is chance), "
      "95 % over scenes.</p><div "
      "class=wide><table><tr><th>violation<th>doses<th>low<th>middle<th>high<th>called broken<th>false "
      "alarms, unbroken";
  for (const KindRow& k : r.kinds)
    out += fmt::format("<tr><td>{}<td>{}<td>{}<td><b>{}</b><td>{}<td>{}<td>{}", html_escaped(k.kind),
                       html_escaped(doses_text(k)), area_text(k, 0), area_text(k, 1), area_text(k, 2),
                       called_text(k), k.false_alarms.text());
  out +=
      "</table></div><h2>Innocents</h2><p class=soft>Lawful, and odd. 95 % Wilson interval.</p><div "
      "class=wide><table><tr><th>oddity<th>called broken<th>without a score";
  for (const InnocentRow& i : r.innocents)
    out += fmt::format("<tr><td>{}<td>{}<td>{}", html_escaped(i.kind), i.alarms.text(), i.not_judged);
  out +=
      "</table></div><h2>Controls</h2><p class=soft>Fakes made of a true clip: how often they score at least "
      "as well.</p><div class=wide><table><tr><th>control<th>wins";
  for (const ControlRow& c : r.controls)
    out += fmt::format("<tr><td>{}<td>{}", html_escaped(c.kind), c.wins.text());
  return out +
         "</table></div><h2>Mistakes</h2><p class=soft>Lawful clips that were called broken, and violations "
         "at the largest dose that were not.</p></div>";
}

}  // namespace

SuiteReport suite_report(const EvaluatorOptions& o, const std::string& evaluator,
                         std::vector<ScoredSuiteClip> clips) {
  SuiteReport r;
  r.evaluator = evaluator, r.scenes = o.scenes, r.seed = o.seed;
  r.sign = o.lower_is_better ? -1 : 1;
  r.clips = std::move(clips);
  for (const ScoredSuiteClip& s : r.clips) r.failed += !judged(s);
  call(o, r);
  for (const std::string& kind : kinds_of(r, SuitePart::kViolation)) r.kinds.push_back(kind_row(r, kind));
  for (const std::string& kind : kinds_of(r, SuitePart::kInnocent))
    r.innocents.push_back(innocent_row(r, kind));
  for (const std::string& kind : kinds_of(r, SuitePart::kControl)) r.controls.push_back(control_row(r, kind));
  r.middle_mean = 0, r.middle_least = 1;
  int compared = 0;
  for (const KindRow& k : r.kinds)
    if (!std::isnan(k.auc[1]))
      r.middle_mean += k.auc[1], r.middle_least = std::min(r.middle_least, k.auc[1]), ++compared;
  r.middle_mean = compared ? r.middle_mean / compared : NAN;
  if (!compared) r.middle_least = NAN;
  return r;
}

Json to_json(const SuiteReport& r) {
  Json kinds = Json::array(), innocents = Json::array(), controls = Json::array(), clips = Json::array();
  for (const KindRow& k : r.kinds) {
    Json doses = Json::array();
    for (size_t d = 0; d < 3; ++d)
      doses.push_back({{"dose", k.doses[d]},
                       {"auc", number(k.auc[d])},
                       {"low", number(k.low[d])},
                       {"high", number(k.high[d])},
                       {"called", k.called[d].json()}});
    kinds.push_back(
        {{"kind", k.kind}, {"unit", k.unit}, {"doses", doses}, {"false_alarms", k.false_alarms.json()}});
  }
  for (const InnocentRow& i : r.innocents)
    innocents.push_back({{"kind", i.kind}, {"alarms", i.alarms.json()}, {"not_judged", i.not_judged}});
  for (const ControlRow& c : r.controls) controls.push_back({{"kind", c.kind}, {"wins", c.wins.json()}});
  for (const ScoredSuiteClip& s : r.clips) {
    Json clip = {{"id", s.clip->id}, {"score", nullptr}, {"alarm", s.alarm}};
    if (s.opinion.score) clip["score"] = r.sign * *s.opinion.score;
    if (!judged(s)) clip["error"] = s.opinion.failure;
    clips.push_back(std::move(clip));
  }
  return {{"benchmark", "evaluator benchmark"},
          {"program", std::string("orrery ") + ORRERY_VERSION},
          {"evaluator", r.evaluator},
          {"scenes", r.scenes},
          {"seed", r.seed},
          {"failed", r.failed},
          {"alarm", {{"rule", r.alarm_rule}, {"below", number(r.alarm_below)}}},
          {"middle_dose", {{"mean_auc", number(r.middle_mean)}, {"least_auc", number(r.middle_least)}}},
          {"violations", kinds},
          {"innocents", innocents},
          {"controls", controls},
          {"clips", clips}};
}

std::string to_csv(const SuiteReport& r) {
  std::string out = "part,kind,dose,unit,auc,low,high,clips,share,share_low,share_high\n";
  const auto shares = [](const Share& s) {
    return fmt::format("{},{},{},{}\n", s.total, csv_number(s.value()), csv_number(s.low()), csv_number(s.high()));
  };
  for (const KindRow& k : r.kinds) {
    for (size_t d = 0; d < 3; ++d)
      out +=
          fmt::format("violation,{},{:g},{},{},{},{},{}", csv_quoted(k.kind), k.doses[d], csv_quoted(k.unit),
                      csv_number(k.auc[d]), csv_number(k.low[d]), csv_number(k.high[d]), shares(k.called[d]));
    out += fmt::format("unbroken,{},,,,,,{}", csv_quoted(k.kind), shares(k.false_alarms));
  }
  for (const InnocentRow& i : r.innocents)
    out += fmt::format("innocent,{},,,,,,{}", csv_quoted(i.kind), shares(i.alarms));
  for (const ControlRow& c : r.controls)
    out += fmt::format("control,{},,,,,,{}", csv_quoted(c.kind), shares(c.wins));
  return out;
}

std::string to_markdown(const SuiteReport& r) {
  std::string out =
      "| violation | doses | low | middle | high | called broken | unbroken called broken "
      "|\n|---|---|---|---|---|---|---|\n";
  for (const KindRow& k : r.kinds)
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", k.kind, doses_text(k), area_text(k, 0),
                       area_text(k, 1), area_text(k, 2), called_text(k), k.false_alarms.text());
  out += "\n| innocent | called broken | without a score |\n|---|---|---|\n";
  for (const InnocentRow& i : r.innocents)
    out += fmt::format("| {} | {} | {} |\n", i.kind, i.alarms.text(), i.not_judged);
  out += "\n| control | scores at least as well as the true clip |\n|---|---|\n";
  for (const ControlRow& c : r.controls) out += fmt::format("| {} | {} |\n", c.kind, c.wins.text());
  return out + "\n" + headline(r) + "\n";
}

std::string clips_csv(const EvaluatorOptions& o, const SuiteReport& r) {
  std::string out = "file,part,kind,dose,scene,lawful,score,alarm,error\n";
  for (const ScoredSuiteClip& s : r.clips)
    out += fmt::format("{},{},{},{},{},{},{},{},{}\n", fs::relative(s.clip->file, o.folder).string(),
                       part_name(s.clip->part), csv_quoted(s.clip->kind),
                       s.clip->dose < 0 ? "" : fmt::format("{:g}", s.clip->size), s.clip->scene,
                       int(s.clip->lawful()), s.opinion.score ? csv_number(r.sign * *s.opinion.score) : "",
                       int(s.alarm), csv_quoted(s.opinion.failure));
  return out;
}

std::string suite_page(const EvaluatorOptions& o, const SuiteReport& r) {
  return gallery_html(mistakes(o, r), {"Evaluator benchmark", tables_html(r), 4});
}

}  // namespace orrery
