#include "cli/world/synth_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/safetensors.h"
#include "world/captions.h"
#include "world/simulate.h"

namespace orrery {
namespace {

constexpr int kShardFormat = 1;

template <class T>
void add(SafetensorsWriter& writer, const std::string& name, DType dtype, std::vector<int64_t> shape, const std::vector<T>& values) {
  writer.add(name, dtype, std::move(shape), {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
}

void add_states(SafetensorsWriter& writer, const std::vector<SynthClip>& clips, int num_frames) {
  const int64_t n = int64_t(clips.size());
  int objects = 1;
  for (const SynthClip& clip : clips) objects = std::max(objects, clip.trajectory.num_objects);
  std::vector<float> states(size_t(n) * num_frames * objects * 6);
  std::vector<uint8_t> contact(size_t(n) * num_frames * objects), counts;
  for (int64_t c = 0; c < n; ++c) {
    const Trajectory& t = clips[c].trajectory;
    counts.push_back(uint8_t(t.num_objects));
    for (int frame = 0; frame < num_frames; ++frame)
      for (int i = 0; i < t.num_objects; ++i) {
        const size_t at = (size_t(c) * num_frames + frame) * objects + i;
        const ObjectState& s = t.at(frame, i);
        const float values[6] = {s.x, s.y, s.angle, s.vx, s.vy, s.omega};
        std::copy_n(values, 6, &states[at * 6]);
        contact[at] = s.contact;
      }
  }
  add(writer, "states", DType::kF32, {n, num_frames, objects, 6}, states);
  add(writer, "contact", DType::kU8, {n, num_frames, objects}, contact);
  add(writer, "num_objects", DType::kU8, {n}, counts);
}

void add_prologues(SafetensorsWriter& writer, const std::vector<SynthClip>& clips) {
  std::vector<std::vector<PrologueItem>> prologues;
  size_t longest = 0;
  for (const SynthClip& clip : clips) {
    prologues.push_back(prologue_of(clip.sample.scene));
    longest = std::max(longest, prologues.back().size());
  }
  std::vector<int16_t> values;
  for (const auto& items : prologues) {
    for (const PrologueItem& item : items)
      for (int v : {int(item.attribute), item.object, item.coarse, item.fine}) values.push_back(int16_t(v));
    values.resize(values.size() + (longest - items.size()) * 4, int16_t(-1));
  }
  add(writer, "prologue", DType::kI16, {int64_t(clips.size()), int64_t(longest), 4}, values);
}

void add_events(SafetensorsWriter& writer, const std::vector<SynthClip>& clips) {
  std::vector<float> pushes, events;
  for (size_t c = 0; c < clips.size(); ++c) {
    for (const Push& p : clips[c].sample.pushes)
      for (double v : {double(c), double(p.frame), double(p.object), p.jx, p.jy, p.px, p.py}) pushes.push_back(float(v));
    for (const ContactEvent& e : clips[c].trajectory.contacts)
      for (double v : {double(c), double(e.frame), double(e.a), double(e.b), e.x, e.y, e.normal_speed}) events.push_back(float(v));
  }
  add(writer, "pushes", DType::kF32, {int64_t(pushes.size() / 7), 7}, pushes);
  add(writer, "events", DType::kF32, {int64_t(events.size() / 7), 7}, events);
}

void add_labels(SafetensorsWriter& writer, const std::vector<SynthClip>& clips) {
  const auto& names = family_names();
  std::vector<uint8_t> families;
  std::vector<int64_t> seeds;
  Json captions = Json::array(), family_list = Json::array();
  for (const SynthClip& clip : clips) {
    families.push_back(uint8_t(std::find(names.begin(), names.end(), clip.sample.family) - names.begin()));
    seeds.push_back(int64_t(clip.sample.seed));
    captions.push_back(clip.captions);
  }
  for (std::string_view name : names) family_list.push_back(std::string(name));
  const std::string text = captions.dump();
  add(writer, "family", DType::kU8, {int64_t(clips.size())}, families);
  add(writer, "seed", DType::kI64, {int64_t(clips.size())}, seeds);
  add(writer, "captions", DType::kU8, {int64_t(text.size())}, std::vector<uint8_t>(text.begin(), text.end()));
  writer.set_metadata("families", family_list.dump());
}

void write_shard(const SynthOptions& options, int64_t first, int64_t n, const fs::path& path) {
  std::vector<SynthClip> clips(static_cast<size_t>(n));
  parallel_for_dynamic(n, [&](int64_t i) { clips[i] = make_clip(options, first + i); });
  SafetensorsWriter writer;
  add_states(writer, clips, options.num_frames);
  add_prologues(writer, clips);
  add_events(writer, clips);
  add_labels(writer, clips);
  writer.set_metadata("format", fmt::format("orrery-states-{}", kShardFormat));
  writer.set_metadata("first_clip", std::to_string(first));
  writer.set_metadata("options", manifest_options(options).dump());
  writer.write(path);
}

// The shards named in an earlier manifest whose files are still what it says.
Json finished_shards(const fs::path& folder, const Json& options) {
  const fs::path path = folder / "manifest.json";
  if (!fs::exists(path)) return Json::array();
  const Json manifest = read_json(path);
  if (manifest.value("options", Json()) != options)
    fail_usage("synth: {} holds clips made with other options; choose an empty folder or the options in its manifest.json", folder.string());
  Json finished = Json::array();
  for (const Json& shard : manifest.value("shards", Json::array())) {
    const fs::path file = folder / shard.value("file", "");
    if (fs::is_regular_file(file) && sha256_file(file) == shard.value("sha256", "")) finished.push_back(shard);
  }
  return finished;
}

const Json* find_shard(const Json& shards, const std::string& file) {
  for (const Json& shard : shards)
    if (shard.value("file", "") == file) return &shard;
  return nullptr;
}

}  // namespace

SynthClip make_clip(const SynthOptions& options, int64_t index) {
  SynthClip clip;
  clip.sample = make_sample(options.seed + uint64_t(index), options.split, options.family);
  clip.trajectory = simulate(clip.sample.scene, options.num_frames, clip.sample.pushes);
  Rng rng(clip.sample.seed, hash64("captions"));
  const CaptionSplit split = options.held_out_captions ? CaptionSplit::kHeldOut : CaptionSplit::kTrain;
  if (options.captions > 0)
    for (const Caption& caption : captions_for(clip.sample.family, clip.sample.scene, rng, split, options.captions, &clip.trajectory))
      clip.captions.push_back(caption.text);
  return clip;
}

Json manifest_options(const SynthOptions& options) {
  return {{"family", options.family.value_or("any")},
          {"split", std::string(split_name(options.split))},
          {"seed", options.seed},
          {"frames", options.num_frames},
          {"captions", options.captions},
          {"held_out_captions", options.held_out_captions}};
}

int write_shards(const SynthOptions& options, const fs::path& folder) {
  fs::create_directories(folder);
  const Json wanted = manifest_options(options);
  const Json finished = finished_shards(folder, wanted);
  Json manifest = {{"format", "orrery-states"}, {"version", kShardFormat}, {"scene_schema", kSceneSchemaVersion},
                   {"options", wanted}, {"clips", 0}, {"shards", Json::array()}};
  Progress progress("synth", options.count, "clips", options.quiet);
  int written = 0;
  int64_t done = 0;
  for (int shard = 0; done < options.count; ++shard) {
    const std::string name = fmt::format("shard_{:05}.safetensors", shard);
    const int64_t n = std::min<int64_t>(kClipsPerShard, options.count - done);
    const Json* old = find_shard(finished, name);
    if (old && old->value("clips", int64_t(0)) == n) {
      manifest["shards"].push_back(*old);
    } else {
      write_shard(options, done, n, folder / name);
      manifest["shards"].push_back({{"file", name}, {"clips", n}, {"sha256", sha256_file(folder / name)}});
      ++written;
    }
    done += n;
    manifest["clips"] = done;
    write_atomic(folder / "manifest.json", manifest.dump(2) + "\n");
    progress.update(done);
  }
  return written;
}

}  // namespace orrery
