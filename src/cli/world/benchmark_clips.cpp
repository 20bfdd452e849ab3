#include "cli/world/benchmark_clips.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "core/error.h"
#include "core/progress.h"
#include "models/rollout.h"

namespace orrery {
namespace {

constexpr size_t kPlansTogether = 8;

bool takes_part(const Column& column, const Scenario& scenario) {
  const bool reference = column.maker == Maker::kSimulator || column.maker == Maker::kPerturbed;
  return !reference || !scenario.family.empty();
}

BenchmarkClip clip_of(const BenchmarkOptions& o, size_t column, const Scenario& scenario, int64_t seed) {
  const Column& c = o.columns[column];
  BenchmarkClip clip;
  clip.column = column;
  clip.scenario = &scenario;
  BatchJob& job = clip.job;
  job.id = fmt::format("{}-s{}", scenario.id, seed);
  job.prompt = scenario.prompt;
  job.seed = seed;
  job.clip.seconds = scenario.seconds;
  job.clip.temperature = o.temperature, job.clip.effort = o.effort;
  job.file = fmt::format("{}.{}", job.id, c.maker == Maker::kCommand ? o.ending : "mp4");
  clip.file = o.folder / "clips" / c.name / job.file;
  if (c.maker == Maker::kModel || c.maker == Maker::kSimulator)
    clip.states = o.folder / "states" / c.name / (job.id + ".csv");
  return clip;
}

// What decides a clip besides its prompt, seed and options: what the manifest keeps as its model.
std::string made_by(const BenchmarkOptions& o, const OwnModel& model, const BenchmarkClip& clip) {
  switch (o.columns[clip.column].maker) {
    case Maker::kModel:
      return model.hash;
    case Maker::kCommand:
      return o.command;
    default:
      return fmt::format("{} {}: {} {}{}{}", o.columns[clip.column].name, kReferenceVersion,
                         clip.scenario->family, clip.scenario->law, objects_text(clip.scenario->objects),
                         clip.changed ? fmt::format(" g*{:g}", clip.pair->gravity) : "");
  }
}

int frames_of(const Scenario& s) { return chunks_for(s.seconds) * kFramesPerChunk; }

ReferenceClip reference_of(const BenchmarkOptions& o, const BenchmarkClip& clip) {
  const Scene scene = clip.changed ? changed_scene(*clip.pair, clip.job.seed)
                      : clip.pair  ? reference_scene(clip.pair->base, clip.job.seed)
                                   : reference_scene(*clip.scenario, clip.job.seed);
  const int frames = frames_of(*clip.scenario);
  return o.columns[clip.column].maker == Maker::kPerturbed ? perturbed(scene, frames, clip.scenario->law)
                                                           : simulated(scene, frames);
}

void draw(const BenchmarkOptions& o, const BenchmarkClip& clip, const fs::path& path, Json& record) {
  const ReferenceClip reference = reference_of(o, clip);
  EncodeOptions encode;
  encode.metadata = {{"comment", clip.job.prompt},
                     {"software", std::string("orrery ") + ORRERY_VERSION + " simulator"}};
  const auto sink = open_encoder(path, kFrameWidth, kFrameHeight, encode);
  for (const Frame& frame : drawn_frames(reference, uint64_t(clip.job.seed))) sink->write(frame);
  sink->finish();
  if (!reference.broken.empty()) record["broken"] = reference.broken;
  if (!clip.states.empty())
    write_atomic(clip.states, tracks_csv_of_states(reference.scene, reference.trajectory));
}

void command(const BenchmarkOptions& o, const BenchmarkClip& clip, const fs::path& path) {
  const CommandTemplate words(o.command, kGeneratorNames, {});
  const CommandOutcome outcome =
      run_command(words.arguments({{"prompt", clip.job.prompt},
                                   {"seed", std::to_string(clip.job.seed)},
                                   {"seconds", fmt::format("{:g}", clip.job.clip.seconds)},
                                   {"out", path.string()}}),
                  o.timeout_s);
  if (!outcome.failure.empty()) fail("{}", outcome.failure);
  std::error_code ec;
  if (!fs::exists(path, ec)) fail("{}: exit status 0, and {{out}} was not written", words.program());
  Frame frame;
  try {
    if (!open_decoder(path)->next(frame)) fail("no frames");
  } catch (const std::exception& error) {
    fail("{}: exit status 0, and {{out}} is no video: {}", words.program(), error.what());
  }
}

// The record first, then the name: see batch_manifest.h.
void make_one(const BenchmarkOptions& o, const OwnModel& model, BenchmarkClip& clip, Manifest& manifest) {
  const std::string by = made_by(o, model, clip);
  Json record = clip_record(clip.job, by, "done");
  try {
    AtomicPath target(clip.file);
    if (o.columns[clip.column].maker == Maker::kCommand) command(o, clip, target.temporary());
    else draw(o, clip, target.temporary(), record);
    record["sha256"] = sha256_file(target.temporary());
    record["bytes"] = fs::file_size(target.temporary());
    record["scored"] = false;
    clip.broken = record.value("broken", "");
    manifest.append(record);
    target.commit();
  } catch (const std::exception& error) {
    clip.error = error.what();
    record = clip_record(clip.job, by, "failed");
    record["error"] = clip.error;
    manifest.append(record);
  }
}

void say_failed(const Column& column, const BenchmarkClip& clip) {
  std::fprintf(stderr, "%sorrery: %s: %s: %s\n", isatty(2) ? "\r\033[K" : "", column.name.c_str(),
               clip.job.id.c_str(), clip.error.c_str());
}

void make_by_model(const BenchmarkOptions& o, const OwnModel& model, const std::vector<BenchmarkClip*>& clips,
                   Manifest& manifest) {
  std::map<std::string, BenchmarkClip*> by_id;
  std::vector<BatchJob> jobs;
  std::error_code ec;
  for (BenchmarkClip* clip : clips) {
    jobs.push_back(clip->job);
    by_id[clip->job.id] = clip;
    fs::remove(clip->states, ec);  // of other weights; a kill before the new ones must not leave it
  }
  Progress progress("orrery", int64_t(jobs.size()), "clips", o.quiet);
  BatchOptions batch;
  batch.folder = o.folder / "clips" / o.columns[clips[0]->column].name;
  batch.progress = [&](int64_t ended, const std::string& prompt) {
    progress.update(ended, prompt.substr(0, 60));
  };
  batch.ended = [&](const Json& record) {
    if (record.at("status") != "failed") return;
    BenchmarkClip& clip = *by_id.at(record.at("id").get<std::string>());
    clip.error = record.at("error").get<std::string>();
    say_failed(o.columns[clip.column], clip);
  };
  run_batch(*model.generator, model.hash, jobs, manifest, batch);
  progress.finish();
}

// Planned once more: a plan costs a small part of its pixels, and clips that were kept may have none.
void write_states(const BenchmarkOptions& o, const OwnModel& model, std::vector<BenchmarkClip>& clips) {
  std::vector<BenchmarkClip*> missing;
  for (BenchmarkClip& clip : clips)
    if (o.columns[clip.column].maker == Maker::kModel && clip.error.empty() && !fs::exists(clip.states))
      missing.push_back(&clip);
  std::stable_sort(missing.begin(), missing.end(), [](const BenchmarkClip* a, const BenchmarkClip* b) {
    return a->job.clip.seconds < b->job.clip.seconds;
  });
  Progress progress("states", int64_t(missing.size()), "clips", o.quiet);
  const size_t together = size_t(Generator::clips_together(int(kPlansTogether)));
  for (size_t begin = 0, end = 0; begin < missing.size(); begin = end) {
    const double seconds = missing[begin]->job.clip.seconds;
    std::vector<Generator::Request> requests;
    for (end = begin;
         end < missing.size() && end - begin < together && missing[end]->job.clip.seconds == seconds; ++end)
      requests.push_back({missing[end]->job.prompt, uint64_t(missing[end]->job.seed), o.temperature});
    const std::vector<PlannedClip> plans = model.generator->plan(requests, chunks_for(seconds));
    for (size_t i = 0; i < plans.size(); ++i)  // frame 0 of the trajectory is before the first picture
      write_atomic(missing[begin + i]->states,
                   tracks_csv_of_states(plans[i].scene, trajectory_of(plans[i].scene, plans[i].chunks), 1));
    progress.update(int64_t(end));
  }
  progress.finish();
}

}  // namespace

std::string objects_text(const std::vector<physics_eval::ExpectedObject>& objects) {
  std::string out;
  for (const auto& o : objects)
    out += fmt::format("{}/{} ", o.shape ? int(*o.shape) : -1, o.color ? *o.color : -1);
  return out;
}

const std::vector<std::string> kGeneratorNames = {"prompt", "seed", "out", "seconds"};

std::vector<BenchmarkClip> planned_clips(const BenchmarkOptions& o) {
  std::vector<BenchmarkClip> clips;
  for (size_t c = 0; c < o.columns.size(); ++c) {
    for (const Scenario& s : o.suite.scenarios)
      for (int64_t k = 0; k < o.seeds && takes_part(o.columns[c], s); ++k)
        clips.push_back(clip_of(o, c, s, o.base_seed + k));
    if (!o.metamorphic || o.columns[c].maker == Maker::kPerturbed) continue;
    for (const PromptPair& pair : o.suite.pairs)
      for (const Scenario* s : {&pair.base, &pair.changed})
        for (int64_t k = 0; k < o.seeds && takes_part(o.columns[c], *s); ++k) {
          clips.push_back(clip_of(o, c, *s, o.base_seed + k));
          clips.back().pair = &pair;
          clips.back().changed = s == &pair.changed;
        }
  }
  return clips;
}

Pending pending_clips(const BenchmarkOptions& o, const OwnModel& model, std::vector<BenchmarkClip>& clips) {
  Pending pending;
  for (size_t c = 0; c < o.columns.size(); ++c) {
    BatchOptions batch;
    batch.folder = o.folder / "clips" / o.columns[c].name;
    const Manifest manifest(batch.folder / "manifest.jsonl");
    for (BenchmarkClip& clip : clips) {
      if (clip.column != c) continue;
      const Reconciled r = reconcile({clip.job}, manifest, batch, made_by(o, model, clip), o.overwrite);
      pending.kept += r.kept;
      if (r.kept) clip.broken = manifest.find(clip.job.id)->value("broken", "");
      for (const std::string& why : r.refused) pending.refused.push_back(o.columns[c].name + ": " + why);
      if (!r.pending.empty()) pending.clips.push_back(&clip);
    }
  }
  return pending;
}

void make_clips(const BenchmarkOptions& o, const OwnModel& model, const Pending& pending,
                std::vector<BenchmarkClip>& clips) {
  for (size_t c = 0; c < o.columns.size(); ++c) {
    const fs::path folder = o.folder / "clips" / o.columns[c].name;
    fs::create_directories(folder);
    fs::create_directories(o.folder / "states" / o.columns[c].name);
    std::vector<BenchmarkClip*> mine;
    std::vector<BatchJob> jobs;
    for (BenchmarkClip* clip : pending.clips)
      if (clip->column == c) mine.push_back(clip), jobs.push_back(clip->job);
    remove_leftovers(jobs, folder);
    if (mine.empty()) continue;
    Manifest manifest(folder / "manifest.jsonl");
    if (o.columns[c].maker == Maker::kModel) {
      make_by_model(o, model, mine, manifest);
      continue;
    }
    Progress progress(o.columns[c].name, int64_t(mine.size()), "clips", o.quiet);
    int64_t done = 0;
    for (BenchmarkClip* clip : mine) {
      make_one(o, model, *clip, manifest);
      if (!clip->error.empty()) say_failed(o.columns[c], *clip);
      progress.update(++done, clip->job.id);
    }
    progress.finish();
  }
  if (model.generator) write_states(o, model, clips);
}

}  // namespace orrery
