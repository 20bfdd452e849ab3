// Where a clip comes from: one JSON, the same in MP4, WebM, GIF and PNG.
#pragma once
#include <functional>
#include <optional>

#include "codecs/encoder.h"
#include "core/json.h"

namespace orrery {

// IPTC digital source type: made by a trained model. https://cv.iptc.org/newscodes/digitalsourcetype
inline constexpr const char* kDigitalSourceType =
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
inline constexpr const char* kProvenanceKey = "provenance";  // the metadata key that holds the JSON
inline constexpr int kProvenanceSchema = 1;

struct Provenance {
  std::optional<std::string> prompt;  // none: withheld
  uint64_t seed = 0;                  // of the clip that was kept
  Json options = Json::object();      // what the program was asked for
  std::string model;                  // Generator::hash()
  std::string version, instruction_set, encoder;
  Json libraries = Json::object();  // name -> version
  // SHA-256 over the SHA-256s (hexadecimal, in order) of the model's frames: RGB, 8 bits, before size, rate
  // and mark. In a single picture: of that picture's own pixels, under `picture_sha256`.
  std::string frames_sha256, picture_sha256;
  std::vector<std::string> inputs_sha256;  // files of clips that it continues
  std::string watermark, watermark_key;    // payload in hexadecimal, empty: none; "shipped" or "own"
  std::string created;                     // ISO 8601, from SOURCE_DATE_EPOCH alone
};

Json to_json(const Provenance& provenance);
// Error names `source` and the member that is missing or of another type.
Provenance provenance_from_json(const Json& json, const std::string& source);

// `title` (the prompt, unless withheld) and `provenance`.
Metadata metadata_of(const Provenance& provenance);
// None: the file carries no such JSON. Error: it cannot be read, or the JSON is damaged.
std::optional<Provenance> read_provenance(const fs::path& path);

// SOURCE_DATE_EPOCH as ISO 8601; empty when it is not set. Error when it is no number.
std::string source_date();
Json codec_library_versions();  // FFmpeg's libraries and libpng

// Stands for frames_sha256 in metadata written before the last frame is known: see EncodeOptions::late.
const std::string& pending_hash();

class FrameHash {
 public:
  void add(const Frame& frame);
  std::string value() const;  // of the frames so far

 private:
  std::string digests_;
};
std::string picture_hash(const Frame& frame);

}  // namespace orrery
