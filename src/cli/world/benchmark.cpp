// orrery benchmark: how well does a generator obey mechanics, law by law; or how well does a scorer see it.
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/world/benchmark_evaluator.h"
#include "cli/world/benchmark_page.h"
#include "core/error.h"
#include "core/parallel.h"

namespace orrery {
namespace {

struct CommandOptions {
  BenchmarkOptions world;
  EvaluatorOptions evaluator;
  std::string out, suite, model, name, scorer;
  std::vector<std::string> columns = {"orrery", "simulator", "perturbed"}, laws;
  int scenarios = 0, threads = 0;
  bool json = false, dry_run = false, print_suite = false, no_metamorphic = false, clips_only = false;
};

Maker maker_of(const std::string& name) {
  if (name == "orrery") return Maker::kModel;
  if (name == "simulator") return Maker::kSimulator;
  if (name == "perturbed") return Maker::kPerturbed;
  fail_usage("--columns: '{}' is none of orrery, simulator, perturbed", name);
}

// The external generator first: it is what the table is about.
std::vector<Column> columns_of(const CommandOptions& o) {
  std::vector<Column> out;
  if (!o.world.command.empty()) {
    const CommandTemplate words(o.world.command, kGeneratorNames, {"prompt", "out"});
    const std::string name = o.name.empty() ? safe_stem(fs::path(words.program()).stem().string()) : o.name;
    if (safe_stem(name) != name) fail_usage("--name '{}': letters, digits, '.', '_' and '-'", name);
    out.push_back({name, Maker::kCommand});
  }
  for (const std::string& name : o.columns) {
    if (name == "none") continue;
    for (const Column& c : out)
      if (c.name == name) fail_usage("two columns are called '{}'; give the generator another --name", name);
    out.push_back({name, maker_of(name)});
  }
  if (out.empty()) fail_usage("benchmark: no columns; give --generator or --columns");
  return out;
}

OwnModel own_model(const CommandOptions& o) {
  OwnModel model;
  for (const Column& c : o.world.columns)
    if (c.maker == Maker::kModel)
      model.generator = std::make_unique<Generator>(o.model), model.hash = model.generator->hash();
  return model;
}

int print_plan(const CommandOptions& o, const std::vector<BenchmarkClip>& clips, const Pending& pending) {
  double seconds = 0;
  std::vector<int64_t> to_make(o.world.columns.size());
  for (const BenchmarkClip* c : pending.clips) seconds += c->job.clip.seconds, ++to_make[c->column];
  Json columns = Json::object();
  for (size_t c = 0; c < to_make.size(); ++c) columns[o.world.columns[c].name] = to_make[c];
  const Json plan = {{"clips", clips.size()},    {"to_make", pending.clips.size()},
                     {"kept", pending.kept},     {"refused", pending.refused.size()},
                     {"video_seconds", seconds}, {"to_make_by_generator", columns}};
  if (o.json) fmt::print("{}\n", plan.dump(1));
  else
    fmt::print("{} clips: {} to make ({:.4g} s of video), {} there already, {} refused\nto make: {}\n",
               clips.size(), pending.clips.size(), seconds, pending.kept, pending.refused.size(),
               columns.dump());
  return 0;
}

void refuse(const Pending& pending, const std::string& out) {
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < pending.refused.size() && i < kShown; ++i)
    std::fprintf(stderr, "orrery: %s\n", pending.refused[i].c_str());
  fail_usage(
      "benchmark: {} clips in {} were made otherwise; give --overwrite to make them anew, or another folder",
      pending.refused.size(), out);
}

int run_world(CommandOptions& o) {
  o.world.suite = load_suite(o.suite);
  narrow(o.world.suite, o.scenarios, o.laws);
  o.world.columns = columns_of(o);
  o.world.folder = o.out;
  o.world.metamorphic = !o.no_metamorphic;
  if (!o.dry_run) {
    fs::create_directories(o.out);
    AtomicPath probe(o.world.folder / "benchmark.json");  // a folder that cannot be written: now
  }
  const OwnModel model = own_model(o);
  std::vector<BenchmarkClip> clips = planned_clips(o.world);
  const Pending pending = pending_clips(o.world, model, clips);
  if (o.dry_run) return print_plan(o, clips, pending);
  if (!pending.refused.empty()) refuse(pending, o.out);
  make_clips(o.world, model, pending, clips);
  int failed = 0;
  for (const BenchmarkClip& c : clips) failed += !c.error.empty();
  if (o.clips_only) {
    if (!o.json)
      fmt::print("{}: {} made, {} there already, {} failed\n", (o.world.folder / "clips").string(),
                 pending.clips.size() - size_t(failed), pending.kept, failed);
    return failed ? 1 : 0;
  }
  const std::vector<ScoredClip> scored = score_clips(o.world, clips);
  failed = 0;
  for (const BenchmarkClip& c : clips) failed += !c.error.empty();
  BenchmarkResult result;
  result.table = table_of(o.world, scored);
  result.laws = laws_of(o.world, scored);
  result.blame = blame_of(result.table);
  result.pixels = pixel_relations(o.world, scored);
  if (model.generator && o.world.metamorphic) result.states = state_relations(o.world, *model.generator);
  const Json document = benchmark_json(o.world, model.hash, result, scored);
  write_atomic(o.world.folder / "benchmark.json", document.dump(1) + "\n");
  write_atomic(o.world.folder / "benchmark.csv", table_csv(result));
  write_atomic(o.world.folder / "clips.csv", clips_csv(o.world, scored));
  write_atomic(o.world.folder / "index.html", benchmark_page(o.world, model.hash, result, scored));
  if (o.json) fmt::print("{}\n", document.dump(1));
  else {
    fmt::print("{}\n", table_markdown(o.world, result));
    if (failed) fmt::print("{} of {} clips failed; benchmark.json says why.\n", failed, clips.size());
    fmt::print("{}/index.html shows tables and clips\n", o.out);
  }
  return failed ? 1 : 0;
}

int run_evaluator(CommandOptions& o) {
  o.evaluator.folder = o.out;
  o.evaluator.command = o.scorer;
  o.evaluator.timeout_s = o.world.timeout_s;
  o.evaluator.scenes = o.scenarios > 0 ? o.scenarios : o.evaluator.scenes;
  o.evaluator.quiet = o.world.quiet;
  o.evaluator.dry_run = o.dry_run, o.evaluator.clips_only = o.clips_only,
  o.evaluator.overwrite = o.world.overwrite;
  if (!o.dry_run) fs::create_directories(o.out);
  Json document;
  std::string text;
  const int code = run_evaluator_benchmark(o.evaluator, document, text);
  fmt::print("{}\n", o.json ? document.dump(1) : text);
  if (!o.json && !o.dry_run && !o.clips_only) fmt::print("{}/index.html shows tables and mistakes\n", o.out);
  return code;
}

int run(CommandOptions o) {
  if (o.print_suite) {
    fmt::print("{}", shipped_suite());
    return 0;
  }
  if (o.out.empty()) fail_usage("benchmark: give the folder for clips and results, -o DIR");
  if (o.threads > 0) set_num_threads(o.threads);
  if (!o.scorer.empty()) {
    if (!o.world.command.empty())
      fail_usage("--generator and --evaluator are two benchmarks; give one of them");
    if (!o.laws.empty() || !o.suite.empty())
      fail_usage("--laws and --suite are for generators; --evaluator tests every kind of violation");
    return run_evaluator(o);
  }
  return run_world(o);
}

void add_world_options(CLI::App& app, CommandOptions& o) {
  app.add_option("--generator", o.world.command,
                 "the generator to test: a command with {prompt}, {out} and, as wanted, {seed}, {seconds}")
      ->type_name("CMD");
  app.add_option("--name", o.name, "what the table calls it (default: its program's name)");
  app.add_option("--columns", o.columns,
                 "beside it: orrery (this program's model), simulator (upper reference), perturbed (lower "
                 "reference), or none")
      ->delimiter(',')
      ->default_str("orrery,simulator,perturbed");
  app.add_option("--suite", o.suite,
                 "prompts by law, JSON (default: the shipped one; --print-suite shows it)")
      ->check(CLI::ExistingFile);
  app.add_option("--laws", o.laws, "these laws of the suite only")->delimiter(',');
  app.add_option("--scenarios", o.scenarios,
                 "at most so many of each law (default: all); with --evaluator: scenes a kind (default: 12)")
      ->check(CLI::Range(1, 100000));
  app.add_option("--seeds", o.world.seeds, "clips a scenario")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--base-seed", o.world.base_seed, "seed of the first; the others follow it")
      ->check(whole_number())
      ->capture_default_str();
  app.add_option("--format", o.world.ending, "ending of {out}")
      ->check(CLI::IsMember({"mp4", "webm", "gif", "avi", "mov", "mkv"}))
      ->capture_default_str();
  app.add_option("--temperature", o.world.temperature, "of orrery's scenes")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--model", o.model, "orrery's weights (default: $ORRERY_MODEL, or the shipped ones)");
  app.add_flag("--no-metamorphic", o.no_metamorphic, "leave out the tests of pairs of prompts");
  app.add_flag("--print-suite", o.print_suite,
               "print the shipped suite: where a suite of one's own may begin");
}

void add_evaluator_options(CLI::App& app, CommandOptions& o) {
  app.add_option("--evaluator", o.scorer,
                 "test a scorer instead: a command with {clip} that prints a number or JSON with \"score\"; "
                 "own (or nothing): physics_eval")
      ->expected(0, 1)
      ->default_str("own")
      ->type_name("CMD");
  app.add_option(
      "--alarm-below", o.evaluator.alarm_below,
      "a score that calls a clip broken (default: its verdicts, else that of 19 in 20 unbroken clips)");
  app.add_flag("--lower-is-better", o.evaluator.lower_is_better, "the scorer measures faults");
  app.add_option("--jobs", o.evaluator.jobs, "scorers at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--seed", o.evaluator.seed, "of the scenes of the suites")->capture_default_str();
}

}  // namespace

std::function<int()> setup_benchmark(CLI::App& app) {
  auto o = std::make_shared<CommandOptions>();
  app.add_option("-o,--out", o->out,
                 "the folder: clips, benchmark.json, benchmark.csv, clips.csv, index.html");
  add_world_options(app, *o);
  add_evaluator_options(app, *o);
  app.add_option("--timeout", o->world.timeout_s, "seconds after which a command is killed (default: never)")
      ->check(above_zero());
  app.add_option("--threads", o->threads, "threads (default: all)")->check(CLI::Range(1, 256));
  app.add_flag("--clips-only", o->clips_only, "make the clips and score nothing");
  app.add_flag("--dry-run", o->dry_run, "say what would be made, and write nothing");
  app.add_flag("--overwrite", o->world.overwrite, "make clips anew that were made otherwise");
  app.add_flag("--json", o->json,
               "the results as one JSON document on standard output (schema: physics_eval/README.md)");
  app.add_flag("--quiet", o->world.quiet, "no progress line");
  app.footer(
      "Prompts by law become clips, and clips a table of scores by law with intervals over scenarios and "
      "seeds.\n"
      "Commands are split into words as a shell does, and no shell runs: {prompt} needs no quotes. The same "
      "command\n"
      "line goes on where it was stopped. Exit code: 0, 1 if a clip or a command failed (the others count), "
      "2 for usage.\n"
      "Examples:\n"
      "  orrery benchmark -o wmb                                    # this program's model between the two "
      "references\n"
      "  orrery benchmark -o wmb --generator 'python gen.py --prompt {prompt} --seed {seed} --out {out}' "
      "--name mine\n"
      "  orrery benchmark -o wmb --suite my_suite.json --seeds 4 --dry-run\n"
      "  orrery benchmark -o wmb --scenarios 2 --laws 'bounce,ramp' --columns simulator,perturbed\n"
      "  orrery benchmark -o seen --evaluator                       # does physics_eval see what is broken?\n"
      "  orrery benchmark -o seen --evaluator './my_scorer {clip}' --scenarios 20 --jobs 4");
  return [o] { return run(*o); };
}

}  // namespace orrery
