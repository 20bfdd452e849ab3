#include "cli/world/benchmark_suites.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "cli/clip_files.h"
#include "cli/world/validation_controls.h"
#include "codecs/encoder.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace orrery {
namespace {

constexpr int kSuiteVersion = 2;  // of what decides pixels here
// The seeds of bench/physics_eval_validation: the same scenes.
constexpr uint64_t kViolationSeed = 1000, kInnocentSeed = 2000, kControlSeed = 3000;

std::string slug(std::string text) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
  return text;
}

SuiteClip clip_of(const EvaluatorOptions& o, SuitePart part, const char* kind, int scene, int dose = -1) {
  SuiteClip c;
  c.part = part, c.kind = kind, c.scene = scene, c.dose = dose;
  c.id = fmt::format("{}_{}{}_s{:03}", slug(part_name(part)), slug(kind),
                     dose < 0 ? "" : fmt::format("_d{}", dose + 1), scene);
  c.file = o.folder / "clips" / (c.id + ".mp4");
  return c;
}

template <class List>
const auto& named(const List& list, const std::string& name) {
  for (const auto& entry : list)
    if (entry.name == name) return entry;
  fail("the suite has no kind '{}'", name);
}

std::vector<Frame> frames_of(const EvaluatorOptions& o, const SuiteClip& c) {
  const uint64_t scene = o.seed + uint64_t(c.scene);
  if (c.part == SuitePart::kViolation || c.part == SuitePart::kUnbroken) {
    const bench::Violation& v = named(bench::violations(), c.kind);
    const bench::Base base = bench::base_of(scene + kViolationSeed);
    return drawn(dressed(c.dose < 0 ? sham(v, base) : v.make(base, c.size), scene + kViolationSeed));
  }
  if (c.part == SuitePart::kInnocent) {
    const bench::Base base = bench::base_of(scene + kInnocentSeed);
    return drawn(dressed(named(bench::innocents(), c.kind).make(base), scene + kInnocentSeed));
  }
  const bench::ClipPlan plan = bench::dressed(bench::base_of(scene + kControlSeed).plan(), scene + kControlSeed);
  std::vector<Frame> frames = drawn(plan);
  if (c.part == SuitePart::kTrue) return frames;
  for (const auto& [name, make] : bench::controls())
    if (c.kind == name) {
      std::vector<Frame> fake = make(frames, plan);
      for (size_t i = 0; i < fake.size(); ++i) fake[i].seconds = frames[i].seconds;
      return fake;
    }
  fail("the suite has no control '{}'", c.kind);
}

// What decides a clip beside its id.
std::string made_from(const EvaluatorOptions& o, const SuiteClip& c) {
  return fmt::format("suite {} seed {} dose {:g}", kSuiteVersion, o.seed, c.size);
}

void write_clip(const std::vector<Frame>& frames, const fs::path& path) {
  EncodeOptions encode;
  for (size_t i = 0; i < frames.size(); ++i)
    encode.frame_times |= std::abs(frames[i].seconds - double(i) / encode.fps) > 1e-6;
  const auto sink = open_encoder(path, frames[0].width, frames[0].height, encode);
  for (const Frame& frame : frames) sink->write(frame);
  sink->finish();
}

bool is_there(const EvaluatorOptions& o, const Manifest& manifest, SuiteClip& c) {
  const Json* record = manifest.find(c.id);
  std::error_code ec;
  if (!record || record->value("made_from", "") != made_from(o, c) || !fs::is_regular_file(c.file, ec))
    return false;
  c.sha256 = sha256_file(c.file);
  return record->value("sha256", "") == c.sha256;
}

void make_one(const EvaluatorOptions& o, Manifest& manifest, std::mutex& mutex, SuiteClip& c) {
  AtomicPath target(c.file);
  write_clip(frames_of(o, c), target.temporary());
  c.sha256 = sha256_file(target.temporary());
  const std::lock_guard lock(mutex);
  manifest.append({{"id", c.id},
                   {"part", part_name(c.part)},
                   {"kind", c.kind},
                   {"dose", c.size},
                   {"scene", c.scene},
                   {"made_from", made_from(o, c)},
                   {"sha256", c.sha256}});
  target.commit();
}

std::string labels_csv(const EvaluatorOptions& o, const std::vector<SuiteClip>& clips) {
  std::string out = "file,part,kind,dose,unit,scene,lawful\n";
  for (const SuiteClip& c : clips)
    out += fmt::format("{},{},{},{},{},{},{}\n", fs::relative(c.file, o.folder).string(), part_name(c.part),
                       csv_quoted(c.kind), c.dose < 0 ? "" : fmt::format("{:g}", c.size), csv_quoted(c.unit),
                       c.scene, int(c.lawful()));
  return out;
}

}  // namespace

const char* part_name(SuitePart part) {
  static const char* const names[] = {"unbroken", "violation", "innocent", "true clip", "control"};
  return names[int(part)];
}

std::vector<SuiteClip> suite_clips(const EvaluatorOptions& o) {
  std::vector<SuiteClip> out;
  for (const bench::Violation& v : bench::violations())
    for (int scene = 0; scene < o.scenes; ++scene) {
      out.push_back(clip_of(o, SuitePart::kUnbroken, v.name, scene));
      for (int dose = 0; dose < int(v.doses.size()); ++dose) {
        out.push_back(clip_of(o, SuitePart::kViolation, v.name, scene, dose));
        out.back().size = v.doses[size_t(dose)], out.back().unit = v.unit;
      }
    }
  for (const bench::Innocent& i : bench::innocents())
    for (int scene = 0; scene < o.scenes; ++scene)
      out.push_back(clip_of(o, SuitePart::kInnocent, i.name, scene));
  for (int scene = 0; scene < o.scenes; ++scene)
    out.push_back(clip_of(o, SuitePart::kTrue, "unchanged", scene));
  for (const auto& [name, make] : bench::controls())
    for (int scene = 0; scene < o.scenes; ++scene)
      out.push_back(clip_of(o, SuitePart::kControl, name, scene));
  return out;
}

int64_t missing_of_suite(const EvaluatorOptions& o, const std::vector<SuiteClip>& clips) {
  const Manifest manifest(o.folder / "manifest.jsonl");
  std::vector<SuiteClip> copies = clips;
  return std::count_if(copies.begin(), copies.end(), [&](SuiteClip& c) { return !is_there(o, manifest, c); });
}

int64_t make_suite(const EvaluatorOptions& o, std::vector<SuiteClip>& clips) {
  fs::create_directories(o.folder / "clips");
  Manifest manifest(o.folder / "manifest.jsonl");
  std::vector<SuiteClip*> missing;
  for (SuiteClip& c : clips)
    if (o.overwrite || !is_there(o, manifest, c)) missing.push_back(&c);
  Progress progress("clips", int64_t(missing.size()), "clips", o.quiet);
  std::mutex mutex;
  int64_t done = 0;
  parallel_for_dynamic(int64_t(missing.size()), [&](int64_t i) {
    SuiteClip& c = *missing[size_t(i)];
    try {
      make_one(o, manifest, mutex, c);
    } catch (const std::exception& error) {
      c.error = error.what();
    }
    const std::lock_guard lock(mutex);
    progress.update(++done, c.id);
  });
  progress.finish();
  for (const SuiteClip& c : clips)
    if (!c.error.empty()) fail("{}: {}", c.file.string(), c.error);
  if (!missing.empty()) manifest.compact({});
  write_atomic(o.folder / "labels.csv", labels_csv(o, clips));
  return int64_t(missing.size());
}

}  // namespace orrery
