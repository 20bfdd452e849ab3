#include "codecs/video_format.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/error.h"
extern "C" {
#include <libavutil/cpu.h>
}

namespace orrery {
namespace {

void set(AVDictionary** dictionary, const char* key, const std::string& value) {
  av_dict_set(dictionary, key, value.c_str(), 0);
}

// x264's AVX-512 look-ahead (build 164, seen on this project's machine) reads memory that nobody wrote: the
// bytes then depend on what the heap held before. Without AVX-512 they do not, and equal those of machines
// that lack it. The name may not be given unconditionally: x264 would run AVX2 code on machines that lack
// that, too.
void avoid_avx512(AVDictionary** dictionary) {
  if (av_get_cpu_flags() & AV_CPU_FLAG_AVX512) set(dictionary, "x264-params", "asm=AVX2");
}

void configure_x264(const EncodeOptions& options, AVCodecContext& codec, AVDictionary** dictionary) {
  codec.thread_count = options.threads;
  // 96 frames of 320x192 cost 0.07 s of CPU; "faster" 0.15 s, "medium" 0.25 s for files that are no smaller.
  // "superfast" is no faster and three times as large: it has no look-ahead.
  set(dictionary, "preset", "veryfast");
  set(dictionary, "crf", std::to_string(options.crf));
  avoid_avx512(dictionary);
}

// A constant bit rate is all that OpenH264 offers: bits per pixel by x264's rule of thumb, halving every 6
// crf.
void configure_openh264(const EncodeOptions& options, AVCodecContext& codec, AVDictionary**) {
  codec.thread_count = options.threads;
  const double bits_per_pixel = 0.2 * std::exp2((18 - options.crf) / 6.0);
  codec.bit_rate = int64_t(std::max(100e3, bits_per_pixel * codec.width * codec.height * options.fps));
}

// MPEG-4's quantiser runs from 1 to 31; crf 18 becomes 3.
void configure_mpeg4(const EncodeOptions& options, AVCodecContext& codec, AVDictionary**) {
  codec.thread_count = 1;
  codec.flags |= AV_CODEC_FLAG_QSCALE;
  codec.global_quality = FF_QP2LAMBDA * std::clamp(options.crf / 6, 1, 31);
}

// VP9's scale is 0 to 63. "realtime" at speed 5 takes a third of the time of "good" for a seventh more bytes
// at the same PSNR (320x192, 96 frames: 0.25 s against 0.8 to 1.0 s of CPU). row-mt stays off: with it the
// bytes may depend on the timing of threads.
void configure_vp9(const EncodeOptions& options, AVCodecContext& codec, AVDictionary** dictionary) {
  codec.thread_count = options.threads;
  codec.bit_rate = 0;  // quality alone decides
  set(dictionary, "crf", std::to_string(options.crf * 63 / 51));
  set(dictionary, "deadline", "realtime");
  set(dictionary, "cpu-used", "5");
  set(dictionary, "row-mt", "0");
  set(dictionary, "tile-columns", "2");
}

void configure_gif(const EncodeOptions&, AVCodecContext& codec, AVDictionary**) { codec.thread_count = 1; }

}  // namespace

const std::vector<VideoFormat>& video_formats() {
  static const std::vector<VideoFormat> formats = {
      {".mp4",
       "mp4",
       1000,
       {{"libx264", AV_PIX_FMT_YUV420P, true, configure_x264},
        {"libopenh264", AV_PIX_FMT_YUV420P, true, configure_openh264},
        {"mpeg4", AV_PIX_FMT_YUV420P, true, configure_mpeg4}},
       // The muxer drops keys it does not know unless use_metadata_tags is set.
       {{"movflags", "+faststart+use_metadata_tags"}}},
      {".webm", "webm", 1000, {{"libvpx-vp9", AV_PIX_FMT_YUV420P, false, configure_vp9}}, {}},
      // Times are hundredths of a second, and viewers slow a delay of one down to ten.
      {".gif", "gif", 50, {{"gif", AV_PIX_FMT_PAL8, false, configure_gif}}, {{"loop", "0"}}},
  };
  return formats;
}

const VideoFormat& video_format_of(const fs::path& path) {
  std::string extension = path.extension().string(), known;
  for (char& c : extension) c = char(std::tolower(static_cast<unsigned char>(c)));
  for (const VideoFormat& format : video_formats()) {
    if (format.extension == extension) return format;
    known += (known.empty() ? "" : ", ") + std::string(format.extension);
  }
  fail_usage("cannot write video to {}: {}; name it with one of {}", path.string(),
             extension.empty() ? "the name has no extension" : "unknown extension " + extension, known);
}

const EncoderChoice& installed_encoder(const VideoFormat& format, const std::string& name) {
  std::string tried;
  for (const EncoderChoice& choice : format.encoders) {
    const bool wanted = name.empty() || name == choice.name;
    if (wanted && avcodec_find_encoder_by_name(choice.name)) return choice;
    tried += (tried.empty() ? "" : ", ") + std::string(choice.name);
  }
  if (!name.empty())
    fail("cannot write {} with encoder {}: not installed, or not one of {}", format.extension, name, tried);
  fail(
      "cannot write {}: this FFmpeg has none of its encoders ({}); install another libavcodec, or use "
      "another extension",
      format.extension, tried);
}

void check_video_extension(const fs::path& path) { video_format_of(path); }

std::vector<std::string> video_extensions() {
  std::vector<std::string> names;
  for (const VideoFormat& format : video_formats()) names.emplace_back(format.extension);
  return names;
}

std::string encoder_name(const fs::path& path) { return installed_encoder(video_format_of(path)).name; }

}  // namespace orrery
