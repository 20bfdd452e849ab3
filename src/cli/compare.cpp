// orrery compare GENERATED REFERENCE: how alike are two clips, or two folders of clips?
#include "physics_eval/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/clip_files.h"
#include "cli/commands.h"
#include "cli/onnx_features.h"
#include "codecs/decoder.h"
#include "codecs/encoder.h"
#include "codecs/resize.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "models/video_tokenizer.h"

namespace orrery {
namespace {

struct CompareFlags {
  std::string generated, reference, second, masks, model;
  OnnxOptions onnx;  // with an empty path: features of the tokenizer
  int frames = 0;
  bool json = false, quiet = false;
};

physics_eval::Comparison compare_files(const std::string& generated, const std::string& reference,
                                       const physics_eval::CompareOptions& options) {
  const auto a = open_decoder(generated), b = open_decoder(reference);
  return compare(*a, *b, options);
}

// Masks of both clips side by side, as a clip.
class MaskWriter {
 public:
  explicit MaskWriter(std::string path) : path_(std::move(path)) {}
  void write(const Frame& a, const Frame& b) {
    Frame both(2 * a.width, a.height);
    for (int y = 0; y < a.height; ++y) {
      std::copy_n(a.at(0, y), 3 * a.width, both.at(0, y));
      std::copy_n(b.at(0, y), 3 * a.width, both.at(a.width, y));
    }
    if (!sink_) sink_ = open_encoder(path_, both.width, both.height);
    sink_->write(both);
  }
  void finish() {
    if (sink_) sink_->finish();
  }

 private:
  std::string path_;
  std::unique_ptr<FrameSink> sink_;
};

int compare_clips(const CompareFlags& flags) {
  physics_eval::CompareOptions options;
  options.max_frames = flags.frames;
  MaskWriter masks(flags.masks);
  if (!flags.masks.empty()) {
    check_video_extension(flags.masks);
    options.masks = [&](const Frame& a, const Frame& b) { masks.write(a, b); };
  }
  const physics_eval::Comparison c = compare_files(flags.generated, flags.reference, options);
  masks.finish();
  Json out = {
      {"generated", flags.generated}, {"reference", flags.reference}, {"measures", physics_eval::comparison_json(c)}};
  std::string iq;
  if (!flags.second.empty()) {
    physics_eval::CompareOptions plain;
    plain.max_frames = c.frames;
    const physics_eval::Comparison takes = compare_files(flags.second, flags.reference, plain);
    const physics_eval::PhysicsIq score = physics_iq(c, takes);
    out["takes"] = physics_eval::comparison_json(takes);
    out["physics_iq"] = {{"original", score.original}, {"verified", score.verified}};
    iq = fmt::format("  Physics-IQ            original {:.3f}, verified {:.3f}\n", score.original,
                     score.verified);
  }
  if (flags.json) fmt::print("{}\n", out.dump(1));
  else
    fmt::print(
        "{} against {}: {} frames at {}x{}\n  PSNR {:.2f} dB, SSIM {:.4f}, MSE {:.6f}\n  spatial IoU         "
        "  {:.3f}\n  spatiotemporal IoU    {:.3f}\n"
        "  weighted spatial IoU  {:.3f}\n  frames without motion {} (count as equal)\n{}",
        flags.generated, flags.reference, c.frames, c.width, c.height, c.psnr, c.ssim, c.mse, c.spatial_iou,
        c.spatiotemporal_iou, c.weighted_spatial_iou, c.empty_frames, iq);
  return 0;
}

// Mean and standard deviation of every code dimension over a clip: where on the scale of each the clip lives.
std::vector<double> features_of(const VideoTokenizer& tokenizer, const std::string& path, int max_frames) {
  const int dims = tokenizer.dims(), width = 320, height = 192;
  const auto source = open_decoder(path);
  std::vector<uint8_t> chunk;
  std::vector<int8_t> codes(size_t(width / kPatch) * (height / kPatch) * dims);
  std::vector<double> sum(dims), square(dims);
  double count = 0;
  Frame frame;
  for (int i = 0; (max_frames == 0 || i < max_frames) && source->next(frame); ++i) {
    const Frame small = resize(frame, width, height);
    chunk.insert(chunk.end(), small.rgb.begin(), small.rgb.end());
    if (i % kChunkFrames != kChunkFrames - 1) continue;
    tokenizer.encode(chunk.data(), 1, height, width, codes.data());
    for (size_t k = 0; k < codes.size(); ++k) {
      sum[k % dims] += codes[k];
      square[k % dims] += double(codes[k]) * codes[k];
    }
    count += double(codes.size()) / dims;
    chunk.clear();
  }
  if (count == 0) fail("{}: fewer than {} frames", path, kChunkFrames);
  std::vector<double> out;
  for (int d = 0; d < dims; ++d) out.push_back(sum[d] / count);
  for (int d = 0; d < dims; ++d) out.push_back(std::sqrt(std::max(0.0, square[d] / count - out[d] * out[d])));
  return out;
}

// Mean over the clip of what the network says about each frame, or each run of as many frames as it takes.
std::vector<double> features_of(OnnxFeatures& network, const std::string& path, int max_frames) {
  const auto source = open_decoder(path);
  std::vector<Frame> run;
  std::vector<double> sum;
  int runs = 0;
  Frame frame;
  for (int i = 0; (max_frames == 0 || i < max_frames) && source->next(frame); ++i) {
    run.push_back(frame);
    if (int(run.size()) < network.options().frames) continue;
    const std::vector<double> now = network.of(run);
    sum.resize(now.size());
    for (size_t k = 0; k < now.size(); ++k) sum[k] += now[k];
    ++runs;
    run.clear();
  }
  if (runs == 0) fail("{}: fewer than {} frame(s)", path, network.options().frames);
  for (double& v : sum) v /= runs;
  return sum;
}

template <class Network>
physics_eval::Features features_of_folder(Network& network, const std::string& folder, const CompareFlags& flags) {
  const std::vector<std::string> clips = expand_clips({folder});
  Progress progress(folder, int64_t(clips.size()), "clips", flags.quiet);
  physics_eval::Features out;
  for (const std::string& clip : clips) {
    out.push_back(features_of(network, clip, flags.frames));
    progress.update(int64_t(out.size()));
  }
  progress.finish();
  return out;
}

int compare_folders(const CompareFlags& flags) {
  fs::path weights = flags.onnx.path;
  physics_eval::Features a, b;
  const auto see_both = [&](auto& network) {
    a = features_of_folder(network, flags.generated, flags);
    b = features_of_folder(network, flags.reference, flags);
  };
  if (weights.empty()) {
    weights = flags.model.empty() ? find_data_file("tokenizer.safetensors") : fs::path(flags.model);
    if (weights.empty()) fail("compare: no tokenizer.safetensors found; name one with --tokenizer");
    see_both(*VideoTokenizer::load(weights));
  } else {
    OnnxFeatures network(flags.onnx);
    see_both(network);
  }
  const std::string of = flags.onnx.path.empty() ? "the video tokenizer" : weights.filename().string();
  const double distance = physics_eval::frechet_distance(a, b);
  if (flags.json)
    fmt::print("{}\n", Json{{"generated", flags.generated},
                            {"reference", flags.reference},
                            {"clips", {a.size(), b.size()}},
                            {"features", a[0].size()},
                            {"frechet_distance", distance},
                            {flags.onnx.path.empty() ? "tokenizer" : "network", sha256_file(weights)}}
                           .dump(1));
  else
    fmt::print("Frechet distance {:.4f} between {} and {} clips, {} features of {}\n", distance, a.size(),
               b.size(), a[0].size(), of);
  if (std::min(a.size(), b.size()) < a[0].size())
    std::fprintf(stderr,
                 "note: fewer clips than features (%zu): the distance is biased upwards; compare only equal "
                 "numbers of clips\n",
                 a[0].size());
  return 0;
}

int run_compare(const CompareFlags& flags) {
  const bool folders = fs::is_directory(flags.generated);
  if (folders != fs::is_directory(flags.reference))
    fail_usage("compare: two clips, or two folders, not one of each");
  if (folders && (!flags.second.empty() || !flags.masks.empty()))
    fail_usage("compare: --second-take and --masks are for two clips");
  if (!folders && !flags.onnx.path.empty()) fail_usage("compare: --features is for two folders of clips");
  return folders ? compare_folders(flags) : compare_clips(flags);
}

}  // namespace

std::function<int()> setup_compare(CLI::App& app) {
  auto flags = std::make_shared<CompareFlags>();
  app.add_option("generated", flags->generated, "clip, or folder of clips")
      ->required()
      ->type_name("GENERATED")
      ->check(CLI::ExistingPath);
  app.add_option("reference", flags->reference, "clip of the same scene, or folder of clips")
      ->required()
      ->type_name("REFERENCE")
      ->check(CLI::ExistingPath);
  app.add_option("--second-take", flags->second, "the same scene filmed again: gives the Physics-IQ scores")
      ->check(CLI::ExistingFile);
  app.add_option("--masks", flags->masks, "write the motion masks of both, side by side, to this clip");
  app.add_option("--frames", flags->frames, "compare only so many frames")->check(above_zero());
  app.add_option("--tokenizer", flags->model,
                 "weights for the features of folders (default: the shipped ones)");
  app.add_option("--features", flags->onnx.path,
                 "folders: features of this network instead of the tokenizer's")
      ->check(CLI::ExistingFile)
      ->type_name("FILE.onnx");
  app.add_option("--feature-size", flags->onnx.size, "its input, px")
      ->delimiter(',')
      ->expected(2)
      ->capture_default_str()
      ->type_name("W,H");
  app.add_option("--feature-frames", flags->onnx.frames,
                 "frames it takes at a time; above 1: 1 x 3 x frames x H x W")
      ->capture_default_str();
  app.add_option("--feature-mean", flags->onnx.mean, "taken off RGB in 0 to 1")
      ->delimiter(',')
      ->expected(3)
      ->type_name("R,G,B");
  app.add_option("--feature-std", flags->onnx.deviation, "RGB is divided by this")
      ->delimiter(',')
      ->expected(3)
      ->type_name("R,G,B");
  app.add_option("--feature-layer", flags->onnx.layer, "the layer whose output is taken (default: the last)");
  app.add_flag("--json", flags->json, "one JSON document on standard output");
  app.add_flag("--quiet", flags->quiet, "no progress line");
  app.footer(
      "Two clips: PSNR, SSIM and the measures of Physics-IQ, frame by frame, as many frames as both have.\n"
      "Two folders: Frechet distance between features of the video tokenizer, or of any network with "
      "--features: the\n"
      "mean of its output over the frames of a clip.\n"
      "Examples:\n"
      "  orrery compare generated.mp4 real.mp4 --second-take real2.mp4\n"
      "  orrery compare out/ reference/ --json\n"
      "  orrery compare out/ reference/ --features resnet18.onnx --feature-mean 0.485,0.456,0.406 "
      "--feature-std "
      "0.229,0.224,0.225");
  return [flags] { return run_compare(*flags); };
}

}  // namespace orrery
