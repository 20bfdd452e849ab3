// What a clip says of itself: the same JSON from every format, and nothing that was to be withheld.
#include "codecs/provenance.h"

#include "clips.h"
#include "codecs/frame_sinks.h"
#include "codecs/png.h"
#include "core/rng.h"
#include "tests/core/expect_error.h"

namespace orrery {
namespace {

Provenance example() {
  Provenance p;
  p.prompt = "a red ball \"falls\" — слово";
  p.seed = 0xfedcba9876543210ull;
  p.options = {{"seconds", 4.0}, {"crf", 18}};
  p.model = "0123456789abcdef";
  p.version = "0.1.0";
  p.instruction_set = "AVX2";
  p.encoder = "libx264";
  p.libraries = codec_library_versions();
  p.frames_sha256 = pending_hash();
  p.watermark = "4f7200010002", p.watermark_key = "shipped";
  p.inputs_sha256 = {std::string(64, 'a')};
  return p;
}

TEST(Provenance, ComesBackFromJson) {
  const Provenance p = example(), q = provenance_from_json(to_json(p), "x");
  EXPECT_EQ(to_json(p), to_json(q));
  EXPECT_EQ(q.seed, p.seed);
  EXPECT_EQ(to_json(p).at("digital_source_type"),
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia");
}

TEST(Provenance, IsInEveryVideoFormatWithTheHashOfTheFrames) {
  const Folder folder;
  for (const std::string& extension : video_extensions()) {
    const fs::path path = folder / ("a" + extension);
    auto hash = std::make_shared<FrameHash>();
    EncodeOptions options;
    options.metadata = metadata_of(example());
    options.late = {pending_hash(), [hash] { return hash->value(); }};
    auto sink = open_encoder(path, 64, 48, options);
    for (int i = 0; i < 5; ++i) {
      sink->write(gradient(64, 48, i));
      hash->add(gradient(64, 48, i));
    }
    sink->finish();
    const auto found = read_provenance(path);
    ASSERT_TRUE(found) << extension;
    Provenance expected = example();
    expected.frames_sha256 = hash->value();
    EXPECT_EQ(to_json(*found), to_json(expected)) << extension;
    EXPECT_EQ(read_text(path).find(pending_hash()), std::string::npos) << extension;
    EXPECT_EQ(decode_all(path).size(), 5u) << extension;
    if (have_ffmpeg()) {
      EXPECT_TRUE(run_ffmpeg("-xerror -i '" + path.string() + "' -f null -")) << extension;
    }
  }
}

TEST(Provenance, IsInEveryPictureWithItsOwnHash) {
  const Folder folder;
  auto sink = open_described_frame_folder(folder / "frames", [](const Frame& frame) {
    Provenance p = example();
    p.frames_sha256.clear();
    p.picture_sha256 = picture_hash(frame);
    return metadata_of(p);
  });
  for (int i = 0; i < 2; ++i) sink->write(gradient(32, 24, i));
  sink->finish();
  for (int i = 0; i < 2; ++i) {
    const fs::path path = folder / "frames" / fmt::format("frame_{:05d}.png", i);
    EXPECT_EQ(read_provenance(path).value().picture_sha256, picture_hash(read_png(path)));
  }
}

TEST(Provenance, WithheldPromptIsNowhereInTheFile) {
  const Folder folder;
  Provenance p = example();
  p.prompt.reset();
  for (const std::string& extension : video_extensions()) {
    EncodeOptions options;
    options.metadata = metadata_of(p);
    encode_gradient(folder / ("a" + extension), 64, 48, 2, options);
    EXPECT_EQ(read_text(folder / ("a" + extension)).find("red ball"), std::string::npos);
    EXPECT_FALSE(read_provenance(folder / ("a" + extension)).value().prompt);
  }
}

TEST(Provenance, AFileWithoutItHasNone) {
  const Folder folder;
  encode_gradient(folder / "a.mp4", 64, 48, 2);
  EXPECT_FALSE(read_provenance(folder / "a.mp4"));
  expect_error([&] { read_provenance(folder / "absent.mp4"); }, {"absent.mp4"});
}

TEST(Provenance, DamagedJsonIsAnErrorThatNamesTheFile) {
  const Folder folder;
  const auto read_with = [&](const std::string& text) {
    write_png(folder / "a.png", flat(8, 8, 1, 2, 3), {{kProvenanceKey, text}});
    return read_provenance(folder / "a.png");
  };
  const std::string text = to_json(example()).dump();
  for (size_t n = 1; n < text.size(); n += 37) expect_error([&] { read_with(text.substr(0, n)); }, {"a.png"});
  for (const char* member :
       {"schema", "seed", "options", "model", "software", "instruction_set", "libraries"}) {
    Json json = to_json(example());
    json.erase(member);
    expect_error([&] { read_with(json.dump()); }, {"a.png", member});
    json[member] = Json::array({nullptr});
    expect_error([&] { read_with(json.dump()); }, {"a.png"});
  }
  Rng rng(4);
  for (int trial = 0; trial < 100; ++trial) {
    std::string bad = text;
    bad[size_t(rng.below(int(bad.size())))] = char(32 + rng.below(95));
    try {
      read_with(bad);
    } catch (const Error&) {
    }
  }
}

TEST(Provenance, DateOnlyFromTheEnvironment) {
  unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_EQ(source_date(), "");
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  EXPECT_EQ(source_date(), "2023-11-14T22:13:20Z");
  setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
  expect_error([] { source_date(); }, {"SOURCE_DATE_EPOCH", "yesterday"});
  unsetenv("SOURCE_DATE_EPOCH");
}

}  // namespace
}  // namespace orrery
