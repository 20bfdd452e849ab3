#include "codecs/provenance.h"

#include <png.h>

#include <cstdlib>
#include <ctime>

#include "codecs/ffmpeg.h"
#include "core/error.h"

namespace orrery {
namespace {

std::string ffmpeg_version(unsigned v) { return fmt::format("{}.{}.{}", v >> 16, v >> 8 & 255, v & 255); }

void put(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

// Prompts come from anywhere: bytes that are no UTF-8 must not stop the clip.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Json to_json(const Provenance& p) {
  Json json = {{"schema", kProvenanceSchema},
               {"digital_source_type", kDigitalSourceType},
               {"software", "orrery " + p.version}};
  if (p.prompt) json["prompt"] = *p.prompt;
  json["seed"] = p.seed;
  json["options"] = p.options;
  json["model"] = p.model;
  json["instruction_set"] = p.instruction_set;
  put(json, "encoder", p.encoder);
  json["libraries"] = p.libraries;
  put(json, "frames_sha256", p.frames_sha256);
  put(json, "picture_sha256", p.picture_sha256);
  if (!p.inputs_sha256.empty()) json["inputs_sha256"] = p.inputs_sha256;
  if (!p.watermark.empty()) json["watermark"] = {{"payload", p.watermark}, {"key", p.watermark_key}};
  put(json, "created", p.created);
  return json;
}

Provenance provenance_from_json(const Json& json, const std::string& source) {
  try {
    if (json.at("schema").get<int>() != kProvenanceSchema)
      fail("{}: its provenance has schema {}, this program reads {}", source, json.at("schema").dump(),
           kProvenanceSchema);
    Provenance p;
    if (json.contains("prompt")) p.prompt = json.at("prompt").get<std::string>();
    p.seed = json.at("seed").get<uint64_t>();
    p.options = json.at("options");
    p.model = json.at("model").get<std::string>();
    const std::string software = json.at("software").get<std::string>();
    p.version = software.starts_with("orrery ") ? software.substr(7) : software;
    p.instruction_set = json.at("instruction_set").get<std::string>();
    p.encoder = json.value("encoder", "");
    p.libraries = json.at("libraries");
    p.frames_sha256 = json.value("frames_sha256", "");
    p.picture_sha256 = json.value("picture_sha256", "");
    p.inputs_sha256 = json.value("inputs_sha256", std::vector<std::string>());
    if (json.contains("watermark")) {
      p.watermark = json.at("watermark").at("payload").get<std::string>();
      p.watermark_key = json.at("watermark").at("key").get<std::string>();
    }
    p.created = json.value("created", "");
    if (!p.options.is_object() || !p.libraries.is_object())
      fail("{}: its provenance is damaged: options and libraries must be objects", source);
    return p;
  } catch (const Json::exception& error) {
    fail("{}: its provenance is damaged: {}", source, error.what());
  }
}

Metadata metadata_of(const Provenance& p) {
  return {{"title", p.prompt.value_or("")}, {kProvenanceKey, text_of(to_json(p))}};
}

std::optional<Provenance> read_provenance(const fs::path& path) {
  const auto values = read_metadata(path);
  const auto found = values.find(kProvenanceKey);
  if (found == values.end()) return std::nullopt;
  return provenance_from_json(parse_json(found->second, path.string()), path.string());
}

std::string source_date() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (!text || !*text) return "";
  char* end = nullptr;
  const long long seconds = std::strtoll(text, &end, 10);
  if (*end || seconds < 0 || seconds > 253402300799)
    fail("SOURCE_DATE_EPOCH={} is not a number of seconds since 1970", text);
  const std::time_t time = std::time_t(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out;
}

Json codec_library_versions() {
  return {{"libavcodec", ffmpeg_version(avcodec_version())},
          {"libavformat", ffmpeg_version(avformat_version())},
          {"libswscale", ffmpeg_version(swscale_version())},
          {"libpng", png_get_libpng_ver(nullptr)}};
}

const std::string& pending_hash() {
  static const std::string text = sha256({reinterpret_cast<const uint8_t*>("frames still to come"), 20});
  return text;
}

std::string picture_hash(const Frame& frame) { return sha256(frame.rgb); }

void FrameHash::add(const Frame& frame) { digests_ += picture_hash(frame); }

std::string FrameHash::value() const {
  return sha256({reinterpret_cast<const uint8_t*>(digests_.data()), digests_.size()});
}

}  // namespace orrery
