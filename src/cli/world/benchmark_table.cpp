#include "cli/world/benchmark_table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/clip_files.h"
#include "physics_eval/report.h"

namespace orrery {
namespace {

constexpr double kLost = 10;  // points: less is no finding

std::optional<double> score_in(const Json& result) {
  if (!result.is_object() || !result.at("score").is_number()) return std::nullopt;
  return result.at("score").get<double>();
}

// Values by scenario, for the means and their intervals.
class Clusters {
 public:
  void add(const std::string& scenario, const std::optional<double>& value) {
    auto& values = values_[scenario];
    if (value) values.push_back(*value);
  }
  MeanInterval mean() const {
    std::vector<std::vector<double>> all;
    for (const auto& [id, values] : values_) all.push_back(values);
    return clustered_mean(all);
  }
  int scenarios() const { return int(values_.size()); }

 private:
  std::map<std::string, std::vector<double>> values_;
};

TableRow row_of(const BenchmarkOptions& o, const std::vector<ScoredClip>& clips, const std::string& law,
                size_t column) {
  TableRow row;
  row.law = law.empty() ? "all" : law;
  row.column = o.columns[column].name;
  Clusters pixels, states;
  for (const ScoredClip& s : clips) {
    const BenchmarkClip& clip = *s.clip;
    if (clip.pair || clip.column != column || (!law.empty() && clip.scenario->law != law)) continue;
    ++row.clips;
    if (!s.result.is_object()) {
      ++row.failed;
      continue;
    }
    const auto score = score_in(s.result);
    row.judged += score.has_value();
    row.violated += s.result.at("verdict") == "inconsistent";
    pixels.add(clip.scenario->id, score);
    states.add(clip.scenario->id, score_in(s.result.at("states")));
    if (s.result.at("adheres").is_boolean()) row.adheres.add(s.result.at("adheres").get<bool>());
  }
  row.scenarios = pixels.scenarios();
  row.score = pixels.mean(), row.states = states.mean();
  return row;
}

// The loss between states and pixels that is not the tracker's, and states that are bad themselves.
std::string reading_of(const BlameRow& b) {
  if (std::isnan(b.states) || std::isnan(b.pixels)) return "not judged";
  const double aim = std::isnan(b.simulator_states) ? 100 : b.simulator_states;
  const double tracker =
      std::isnan(b.simulator_pixels) ? 0 : std::max(0.0, b.simulator_states - b.simulator_pixels);
  const double dynamics = aim - b.states, lost = b.states - b.pixels;
  const std::string where = lost <= kLost ? "" : lost - tracker >= tracker ? "rendering" : "the tracker";
  if (dynamics <= kLost) return where.empty() ? "neither" : where;
  return where.empty() ? "dynamics" : "dynamics and " + where;
}

Json value(double v) { return std::isnan(v) ? Json() : Json(v); }
Json interval_json(const MeanInterval& m) {
  return std::isnan(m.mean) ? Json() : Json{{"mean", m.mean}, {"low", m.low}, {"high", m.high}};
}

Json row_json(const TableRow& r) {
  return {{"law", r.law},
          {"generator", r.column},
          {"scenarios", r.scenarios},
          {"clips", r.clips},
          {"judged", r.judged},
          {"failed", r.failed},
          {"inconsistent", r.violated},
          {"score", interval_json(r.score)},
          {"states", interval_json(r.states)},
          {"adheres", r.adheres.total ? r.adheres.json() : Json()}};
}

Json clip_json(const BenchmarkOptions& o, const ScoredClip& s) {
  const BenchmarkClip& c = *s.clip;
  Json out = {{"id", c.job.id},         {"generator", o.columns[c.column].name},
              {"law", c.scenario->law}, {"prompt", c.job.prompt},
              {"seed", c.job.seed},     {"file", fs::relative(c.file, o.folder).string()}};
  if (c.pair) out["pair"] = c.pair->id;
  if (!c.broken.empty()) out["broken"] = c.broken;
  if (!c.error.empty()) out["error"] = c.error;
  else out.update(s.result);
  return out;
}

}  // namespace

const TableRow* find_row(const std::vector<TableRow>& table, const std::string& law, const std::string& column) {
  for (const TableRow& row : table)
    if (row.law == law && row.column == column) return &row;
  return nullptr;
}

std::vector<TableRow> table_of(const BenchmarkOptions& o, const std::vector<ScoredClip>& clips) {
  std::vector<TableRow> out;
  std::vector<std::string> laws = o.suite.laws();
  laws.push_back("");  // all of them
  for (const std::string& law : laws)
    for (size_t c = 0; c < o.columns.size(); ++c) {
      TableRow row = row_of(o, clips, law, c);
      if (row.clips) out.push_back(std::move(row));
    }
  return out;
}

std::vector<LawRow> laws_of(const BenchmarkOptions& o, const std::vector<ScoredClip>& clips) {
  std::vector<std::string> names;
  for (const ScoredClip& s : clips)
    if (s.result.is_object())
      for (const auto& [law, score] : s.result.at("laws").items())
        if (std::find(names.begin(), names.end(), law) == names.end()) names.push_back(law);
  std::vector<LawRow> out;
  for (const std::string& law : names)
    for (size_t c = 0; c < o.columns.size(); ++c) {
      Clusters values;
      LawRow row{law, o.columns[c].name, 0, {}};
      for (const ScoredClip& s : clips) {
        if (s.clip->pair || s.clip->column != c || !s.result.is_object()) continue;
        const Json quality = s.result.at("laws").value(law, Json());
        if (!quality.is_number()) continue;
        values.add(s.clip->scenario->id, 100 * quality.get<double>());
        ++row.judged;
      }
      row.quality = values.mean();
      out.push_back(std::move(row));
    }
  return out;
}

std::vector<BlameRow> blame_of(const std::vector<TableRow>& table) {
  std::vector<BlameRow> out;
  for (const TableRow& row : table) {
    if (row.column != "orrery") continue;
    const TableRow* reference = find_row(table, row.law, "simulator");
    BlameRow b{row.law, row.states.mean, row.score.mean, NAN, NAN, ""};
    if (reference) b.simulator_states = reference->states.mean, b.simulator_pixels = reference->score.mean;
    b.reading = reading_of(b);
    out.push_back(b);
  }
  return out;
}

Json benchmark_json(const BenchmarkOptions& o, const std::string& model, const BenchmarkResult& r,
                    const std::vector<ScoredClip>& clips) {
  Json columns = Json::array(), table = Json::array(), laws = Json::array(), blame = Json::array(),
       pixels = Json::array(), states = Json::array(), all = Json::array();
  for (const Column& c : o.columns) {
    columns.push_back({{"name", c.name}});
    if (c.maker == Maker::kCommand) columns.back()["command"] = o.command;
    if (c.maker == Maker::kModel) columns.back()["model"] = model;
  }
  for (const TableRow& row : r.table) table.push_back(row_json(row));
  for (const LawRow& row : r.laws)
    laws.push_back({{"law", row.law},
                    {"generator", row.column},
                    {"judged", row.judged},
                    {"quality", interval_json(row.quality)}});
  for (const BlameRow& b : r.blame)
    blame.push_back({{"law", b.law},
                     {"states", value(b.states)},
                     {"pixels", value(b.pixels)},
                     {"simulator_states", value(b.simulator_states)},
                     {"simulator_pixels", value(b.simulator_pixels)},
                     {"reading", b.reading}});
  for (const PixelRelation& p : r.pixels) pixels.push_back(to_json(p));
  for (const StateRelation& s : r.states) states.push_back(to_json(s));
  for (const ScoredClip& s : clips) all.push_back(clip_json(o, s));
  return {{"benchmark", "world model benchmark"},
          {"program", std::string("orrery ") + ORRERY_VERSION},
          {"suite",
           {{"name", o.suite.name},
            {"version", o.suite.version},
            {"sha256", o.suite.sha256},
            {"scenarios", o.suite.scenarios.size()}}},
          {"evaluator", physics_eval::evaluator_json()},
          {"seeds", o.seeds},
          {"base_seed", o.base_seed},
          {"generators", columns},
          {"table", table},
          {"laws", laws},
          {"blame", blame},
          {"metamorphic", {{"pixels", pixels}, {"states", states}}},
          {"clips", all}};
}

std::string table_csv(const BenchmarkResult& r) {
  std::string out =
      "law,generator,scenarios,clips,judged,failed,inconsistent,score,low,high,states,states_low,states_high,"
      "adheres\n";
  for (const TableRow& t : r.table)
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_quoted(t.law), csv_quoted(t.column),
                       t.scenarios, t.clips, t.judged, t.failed, t.violated, csv_number(t.score.mean),
                       csv_number(t.score.low), csv_number(t.score.high), csv_number(t.states.mean), csv_number(t.states.low),
                       csv_number(t.states.high), t.adheres.total ? csv_number(t.adheres.value()) : "");
  return out;
}

std::string clips_csv(const BenchmarkOptions& o, const std::vector<ScoredClip>& clips) {
  std::string out = "id,generator,law,prompt,seed,file,verdict,score,states_score,adheres,reason\n";
  for (const ScoredClip& s : clips) {
    const BenchmarkClip& c = *s.clip;
    const bool made = s.result.is_object();
    const auto score = score_in(s.result), states = made ? score_in(s.result.at("states")) : std::nullopt;
    const Json adheres = made ? s.result.at("adheres") : Json();
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", c.job.id, csv_quoted(o.columns[c.column].name),
                       csv_quoted(c.scenario->law), csv_quoted(c.job.prompt), c.job.seed,
                       csv_quoted(fs::relative(c.file, o.folder).string()),
                       made ? s.result.at("verdict").get<std::string>() : "not made",
                       score ? csv_number(*score) : "", states ? csv_number(*states) : "",
                       adheres.is_boolean() ? (adheres.get<bool>() ? "1" : "0") : "",
                       csv_quoted(made ? s.result.at("reason").get<std::string>() : c.error));
  }
  return out;
}

std::string score_text(const MeanInterval& m) {
  return std::isnan(m.mean) ? "-" : fmt::format("{:.0f} [{:.0f}, {:.0f}]", m.mean, m.low, m.high);
}

std::string table_markdown(const BenchmarkOptions& o, const BenchmarkResult& r) {
  std::string out = "| law |", rule = "|---|";
  for (const Column& c : o.columns) out += fmt::format(" {} | judged |", c.name), rule += "---|---|";
  out += "\n" + rule + "\n";
  std::vector<std::string> laws = o.suite.laws();
  laws.push_back("all");
  for (const std::string& law : laws) {
    out += fmt::format("| {} |", law);
    for (const Column& c : o.columns) {
      const TableRow* row = find_row(r.table, law, c.name);
      out += row ? fmt::format(" {} | {} of {}{} |", score_text(row->score), row->judged, row->clips,
                               row->failed ? fmt::format(", {} failed", row->failed) : "")
                 : " - | - |";
    }
    out += "\n";
  }
  return out;
}

}  // namespace orrery
