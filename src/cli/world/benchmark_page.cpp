#include "cli/world/benchmark_page.h"

#include <algorithm>
#include <cmath>

#include "cli/batch_gallery.h"
#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "core/base64.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "physics_eval/html_report.h"
#include "physics_eval/thresholds.h"

namespace orrery {
namespace {

using physics_eval::html_escaped;

constexpr int kFilmWidth = 320, kFilmCrf = 30, kMaxFilmFrames = 24 * 12;
constexpr size_t kMaxFilms = 400;

// A mean with its interval, drawn on 0 to 100.
std::string score_cell(const MeanInterval& m, const std::string& below) {
  if (std::isnan(m.mean))
    return fmt::format("<td><span class=soft>not judged</span><div class=below>{}</div>", below);
  return fmt::format(
      "<td><b>{:.0f}</b> <span class=soft>{:.0f} to {:.0f}</span><div class=rail><i class=range "
      "style='left:{:.1f}%;width:{:.1f}%'>"
      "</i><i class=dot style='left:{:.1f}%'></i></div><div class=below>{}</div>",
      m.mean, m.low, m.high, m.low, std::max(0.5, m.high - m.low), m.mean, below);
}

std::string main_table(const BenchmarkOptions& o, const BenchmarkResult& r) {
  std::string out = "<table><tr><th>what was asked for";
  for (const Column& c : o.columns) out += "<th>" + html_escaped(c.name);
  std::vector<std::string> laws = o.suite.laws();
  laws.push_back("all");
  for (const std::string& law : laws) {
    out += fmt::format("<tr{}><td>{}", law == "all" ? " class=total" : "", html_escaped(law));
    for (const Column& c : o.columns) {
      const TableRow* row = find_row(r.table, law, c.name);
      if (!row) {
        out += "<td class=soft>no clips";
        continue;
      }
      std::string below = fmt::format("{} of {} judged", row->judged, row->clips);
      if (row->failed) below += fmt::format(", <span class=bad>{} failed</span>", row->failed);
      if (row->adheres.total) below += fmt::format(", {} as asked", row->adheres.hits);
      out += score_cell(row->score, below);
    }
  }
  return out + "</table>";
}

std::string law_table(const BenchmarkOptions& o, const BenchmarkResult& r) {
  std::string out = "<table><tr><th>law";
  for (const Column& c : o.columns) out += "<th>" + html_escaped(c.name);
  for (size_t i = 0; i + o.columns.size() <= r.laws.size(); i += o.columns.size()) {
    int judged = 0;
    for (size_t c = 0; c < o.columns.size(); ++c) judged += r.laws[i + c].judged;
    if (!judged) continue;
    out += fmt::format("<tr><td><code>{}</code>", html_escaped(r.laws[i].law));
    for (size_t c = 0; c < o.columns.size(); ++c)
      out += score_cell(r.laws[i + c].quality, fmt::format("in {} clips", r.laws[i + c].judged));
  }
  return out + "</table>";
}

std::string points(double v) { return std::isnan(v) ? "-" : fmt::format("{:.0f}", v); }

std::string blame_table(const BenchmarkResult& r) {
  std::string out =
      "<table><tr><th rowspan=2><th colspan=2>orrery<th colspan=2>simulator<th rowspan=2>where it breaks"
      "<tr><th>states<th>pixels<th>states<th>pixels";
  for (const BlameRow& b : r.blame)
    out += fmt::format("<tr{}><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}", b.law == "all" ? " class=total" : "",
                       html_escaped(b.law), points(b.states), points(b.pixels), points(b.simulator_states),
                       points(b.simulator_pixels),
                       b.reading == "neither" ? "neither" : "<b>" + b.reading + "</b>");
  return out + "</table>";
}

std::string holds_table(const BenchmarkOptions& o, const BenchmarkResult& r) {
  std::vector<std::string> relations;
  for (const PixelRelation& p : r.pixels)
    if (std::find(relations.begin(), relations.end(), p.relation) == relations.end())
      relations.push_back(p.relation);
  std::string out = "<table><tr><th>change";
  for (const Column& c : o.columns)
    if (c.maker != Maker::kPerturbed) out += "<th>" + html_escaped(c.name);
  for (const std::string& relation : relations) {
    out += "<tr><td>" + relation;
    for (const Column& c : o.columns) {
      if (c.maker == Maker::kPerturbed) continue;
      const auto at = std::find_if(r.pixels.begin(), r.pixels.end(), [&](const PixelRelation& p) {
        return p.relation == relation && p.column == c.name;
      });
      if (at == r.pixels.end()) out += "<td class=soft>-";
      else {
        out += at->holds.total ? fmt::format("<td><b>{} of {}</b>", at->holds.hits, at->holds.total)
                               : "<td><span class=soft>none judged</span>";
        if (at->not_judged) out += fmt::format(" <span class=soft>{} not judged</span>", at->not_judged);
        if (!at->measured.empty())
          out += fmt::format("<div class=below>g over what was asked: {:.2f}</div>",
                             quantile(at->measured, 0.5));
      }
    }
  }
  return out + "</table>";
}

std::string paths_table(const BenchmarkResult& r) {
  std::string out = "<table><tr><th>change<th>scenes<th>model, m<th>simulator, m<th>things move, m";
  const auto cell = [](const std::vector<double>& v) {
    return v.empty() ? std::string("<td>-")
                     : fmt::format("<td><b>{:.3f}</b> <span class=soft>p90 {:.3f}</span>", quantile(v, 0.5),
                                   quantile(v, 0.9));
  };
  for (const StateRelation& s : r.states)
    out += fmt::format("<tr><td>{}<td>{}{}{}{}", s.relation, s.model_m.size(), cell(s.model_m),
                       cell(s.simulator_m), cell(s.moved_m));
  return out + "</table>";
}

std::string section(const char* title, const std::string& words, const std::string& body) {
  return fmt::format("<section><h2>{}</h2><p class=soft>{}</p><div class=wide>{}</div></section>\n", title,
                     words, body);
}

std::string intro(const BenchmarkOptions& o, const std::string& model, const BenchmarkResult& r) {
  std::string out =
      table_style() +
      "<div id=tables><h1>World-model benchmark</h1><p>Does what a generator shows obey mechanics? "
      "Every clip is judged from its pixels alone.</p>";
  out += fmt::format(
      "<p class=soft>Suite {} {}, {} scenarios, {} seed{} each from {}; physics_eval {}, thresholds {}; "
      "orrery {}{}.</p>",
      html_escaped(o.suite.name), o.suite.version, o.suite.scenarios.size(), o.seeds, o.seeds == 1 ? "" : "s",
      o.base_seed, physics_eval::kEvaluatorVersion, physics_eval::kThresholdsVersion, ORRERY_VERSION,
      model.empty() ? "" : ", weights " + model);
  std::string who = "<dl>";
  for (const Column& c : o.columns)
    who += fmt::format(
        "<dt>{}<dd>{}", html_escaped(c.name),
        c.maker == Maker::kModel ? "this program's model, from the prompt alone"
        : c.maker == Maker::kSimulator
            ? "the simulator's rendering of a scene as the prompt asks for it: the upper reference"
        : c.maker == Maker::kPerturbed ? "the same scene with one law broken on purpose: the lower reference"
                                       : "<code>" + html_escaped(o.command) + "</code>");
  out += who + "</dl>";
  out += section("Score by what was asked for",
                 "0 to 100, mean over scenarios; the bar is the 95 % interval over scenarios and seeds. "
                 "Clips that could not be judged are counted, not averaged. "
                 "\u201cas asked\u201d: number, shape and colour of the objects; the checker knows this "
                 "program\u2019s look.",
                 main_table(o, r));
  out += section("Quality by law",
                 "Of every law, where a clip showed enough of it to be judged; 100 is no departure.",
                 law_table(o, r));
  if (!r.blame.empty())
    out += section("Dynamics or rendering?",
                   "The model\u2019s predicted states, given to the laws as tracks, against the pixels of "
                   "the same clips. What the simulator loses from states to pixels is the tracker\u2019s; "
                   "more than 10 points beyond it is the rendering\u2019s, and states 10 points below the "
                   "simulator\u2019s are the dynamics\u2019.",
                   blame_table(r));
  if (!r.pixels.empty())
    out +=
        section("Metamorphic tests on clips",
                "No ground truth is needed. Mirrored prompt: it goes the other way. Another colour, or half "
                "a second later: the same g (15 %) and restitution (0.1). "
                "\u201cOn the moon\u201d: the measured change of g is nearer to the asked one than to none.",
                holds_table(o, r));
  if (!r.states.empty())
    out += section("Metamorphic tests on the model\u2019s states",
                   "The scene of each prompt is changed and rolled out again: how far are the paths from "
                   "what the symmetry demands? Mean over 2 s; median over scenes. "
                   "Gravity: times 0.56 with all speeds times 0.75, which is the same path, slower. The "
                   "simulator\u2019s own departure is chaos and rounding of the scene.",
                   paths_table(r));
  return out + "</div>\n";
}

std::string note_of(const Json& result) {
  std::string note = result.at("reason").get<std::string>();
  if (const Json& states = result.at("states"); states.is_object() && states.at("score").is_number())
    note = fmt::format("states {:.0f}. {}", states.at("score").get<double>(), note);
  if (result.at("adheres") == false) note += "; shows " + result.at("seen").get<std::string>();
  return note;
}

// A clip that is not there keeps its place beside the others.
Json record_of(const BenchmarkOptions& o, const ScoredClip& s) {
  const BenchmarkClip& c = *s.clip;
  Json record = {{"id", c.job.id},
                 {"status", "done"},
                 {"prompt", c.job.prompt},
                 {"seed", c.job.seed},
                 {"seconds", c.scenario->seconds},
                 {"file", fs::relative(c.file, o.folder).string()},
                 {"score", nullptr},
                 {"scored", false},
                 {"tag", o.columns[c.column].name}};
  if (!s.result.is_object()) {
    record["note"] = "not made: " + c.error;
    record["source"] = "data:,";
    return record;
  }
  record["score"] = s.result.at("score"), record["scored"] = true, record["verdict"] = s.result.at("verdict");
  record["note"] = (c.broken.empty() ? "" : c.broken + ". ") + note_of(s.result);
  if (const std::string film = film_data(c.file); !film.empty()) record["source"] = film;
  return record;
}

}  // namespace

std::string film_data(const fs::path& file) {
  try {
    const AtomicPath film(fs::temp_directory_path() / "orrery-film.mp4");  // never committed: only its temporary file
    DecodeOptions decode;
    decode.max_width = kFilmWidth;
    const auto source = open_decoder(file, decode);
    EncodeOptions encode;
    encode.crf = kFilmCrf;
    encode.frame_times = true;
    std::unique_ptr<FrameSink> sink;
    Frame frame;
    for (int i = 0; i < kMaxFilmFrames && source->next(frame); ++i) {
      if (!sink) sink = open_encoder(film.temporary(), frame.width, frame.height, encode);
      sink->write(frame);
    }
    if (!sink) return "";
    sink->finish();
    return "data:video/mp4;base64," + base64(read_bytes(film.temporary()));
  } catch (const Error&) {
    return "";
  }
}

std::string table_style() {
  return R"(<style>
#tables { max-width: 1180px; margin: 0 auto; padding: 1.6rem 1.2rem 2rem; }
#tables h1 { font-size: 1.7rem; margin: 0 0 .3rem; } #tables h2 { font-size: 1.15rem; margin: 2rem 0 .2rem; } #tables p { margin: .2rem 0 .7rem; max-width: 56rem; }
.soft { color: var(--soft); } .wide { overflow-x: auto; }
#tables table { border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
#tables th, #tables td { text-align: left; vertical-align: top; padding: .45rem .8rem; border-bottom: 1px solid var(--line); }
#tables th { font-size: .87rem; color: var(--soft); } #tables tr:last-child td { border-bottom: 0; } #tables .total td { border-top: 2px solid var(--line); font-weight: 600; }
.rail { position: relative; width: 10rem; height: 6px; margin: .3rem 0 .2rem; border-radius: 3px; background: var(--line); }
.rail i { position: absolute; } .rail .range { top: 0; height: 6px; border-radius: 3px; background: var(--mark); opacity: .45; } .rail .dot { top: -2px; width: 3px; height: 10px; margin-left: -1px; background: var(--ink); }
.below { font-size: .82rem; color: var(--soft); font-weight: 400; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .9rem; margin: .6rem 0; } dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
#clips { margin: 0 auto; }
</style>
)";
}

std::string benchmark_page(const BenchmarkOptions& o, const std::string& model, const BenchmarkResult& result,
                           const std::vector<ScoredClip>& clips) {
  std::vector<const ScoredClip*> shown;
  for (const ScoredClip& s : clips)
    if (!s.clip->pair) shown.push_back(&s);
  // One row a scenario and seed, one column a generator.
  std::stable_sort(shown.begin(), shown.end(), [](const ScoredClip* a, const ScoredClip* b) {
    return std::pair(a->clip->scenario, a->clip->job.seed) < std::pair(b->clip->scenario, b->clip->job.seed);
  });
  const size_t most = kMaxFilms - kMaxFilms % o.columns.size();  // whole rows
  if (shown.size() > most) shown.erase(shown.begin() + ptrdiff_t(most), shown.end());
  Progress progress("page", int64_t(shown.size()), "clips", o.quiet);
  std::vector<Json> records;
  for (const ScoredClip* s : shown) {
    records.push_back(record_of(o, *s));
    progress.update(int64_t(records.size()));
  }
  progress.finish();
  return gallery_html(records, {"World-model benchmark", intro(o, model, result), int(o.columns.size())});
}

}  // namespace orrery
