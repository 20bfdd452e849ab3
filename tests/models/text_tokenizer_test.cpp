#include "models/text_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "core/safetensors.h"

namespace orrery {
namespace {

const TextTokenizer& shipped() {
  static const TextTokenizer tokenizer =
      TextTokenizer::load(fs::path(ORRERY_ROOT) / "models/pretrained/text_vocab.safetensors");
  return tokenizer;
}

double cosine(const std::string& a, const std::string& b) {
  const TextTokenizer& t = shipped();
  EXPECT_GE(t.id_of(a), 0) << a;
  EXPECT_GE(t.id_of(b), 0) << b;
  const auto va = t.vector(t.id_of(a)), vb = t.vector(t.id_of(b));
  double sum = 0;
  for (int k = 0; k < kTextVectorSize; ++k) sum += double(va[k]) * vb[k];
  return sum;
}

std::string nearest(const std::string& word, const std::vector<std::string>& choices) {
  return *std::max_element(choices.begin(), choices.end(),
                           [&](const auto& a, const auto& b) { return cosine(word, a) < cosine(word, b); });
}

// Ten words with vectors, one without, three pieces.
std::vector<uint8_t> small_vocabulary(
    std::string words = "a\nred\nball\nbox\nfalls\nrolls\nand\nthe\nblue\nsphere\n.\n##s\n##.\n##ing",
    int64_t vectors = 10, float scale = 0.01f) {
  SafetensorsWriter writer;
  const int64_t listed = 1 + std::count(words.begin(), words.end(), '\n');
  std::vector<uint8_t> values(size_t(vectors) * kTextVectorSize, 7), flags(size_t(listed), 1),
      scales(size_t(vectors) * 4);
  for (int64_t i = 0; i < vectors; ++i) std::memcpy(&scales[size_t(i) * 4], &scale, 4);
  writer.add("words", DType::kU8, {int64_t(words.size())},
             std::span(reinterpret_cast<const uint8_t*>(words.data()), words.size()));
  writer.add("vectors", DType::kI8, {vectors, kTextVectorSize}, values);
  writer.add("scales", DType::kF32, {vectors}, scales);
  writer.add("flags", DType::kU8, {listed}, flags);
  return writer.serialize();
}

TEST(TextTokenizer, ShippedVocabularyIsWhatItShouldBe) {
  EXPECT_GT(shipped().vocabulary_size(), 8000);
  EXPECT_LE(fs::file_size(fs::path(ORRERY_ROOT) / "models/pretrained/text_vocab.safetensors"), 1'500'000u);
  ASSERT_EQ(shipped().vectors().size(), size_t(shipped().vocabulary_size()) * kTextVectorSize);
  int with_vector = 0;
  for (int id = 0; id < shipped().vocabulary_size(); ++id) {
    double square = 0;
    for (float v : shipped().vector(id)) square += double(v) * v;
    if (square == 0) continue;
    ++with_vector;
    EXPECT_NEAR(square, 1.0, 0.03) << shipped().token(id);  // 8 bits
  }
  EXPECT_GT(with_vector, 8000);
}

TEST(TextTokenizer, OrdinaryPromptIsOneTokenAWord) {
  const auto ids = shipped().encode("A Red Ball rolls down a ramp, and hits the blue box.");
  std::vector<std::string> spelled;
  for (int id : ids) spelled.push_back(shipped().token(id));
  EXPECT_EQ(spelled, (std::vector<std::string>{"a", "red", "ball", "rolls", "down", "a", "ramp", "##,", "and",
                                               "hits", "the", "blue", "box", "##."}));
}

TEST(TextTokenizer, RoundTrip) {
  for (const char* text :
       {"a red ball falls", "  Two BALLS,one red...and a box!  ", "it's 3.5 m away: \"high up\"",
        "light-blue/green (cube)", "flibbertigibbet qzxv", "##ing <pad> <0x41>",
        "caf\xc3\xa9 na\xc3\xafve \xe7\x90\x83", "", " ", "#", "'s", "a##s"}) {
    const auto ids = shipped().encode(text, 1000);
    EXPECT_EQ(shipped().decode(ids), TextTokenizer::normalized(text)) << text;
    EXPECT_EQ(TextTokenizer::normalized(TextTokenizer::normalized(text)), TextTokenizer::normalized(text))
        << text;
  }
}

TEST(TextTokenizer, RandomBytesRoundTrip) {
  Rng rng(1);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text(size_t(rng.below(40)), ' ');
    const bool ascii = rng.chance(0.5);
    for (char& c : text) c = char(ascii ? 32 + rng.below(95) : rng.below(256));
    EXPECT_EQ(shipped().decode(shipped().encode(text, 1000)), TextTokenizer::normalized(text))
        << "trial " << trial;
  }
}

TEST(TextTokenizer, UnknownWordsBecomePieces) {
  const auto ids = shipped().encode("flibbertigibbets");
  EXPECT_GT(ids.size(), 1u);
  EXPECT_LT(ids.size(), 16u);
  EXPECT_EQ(shipped().decode(ids), "flibbertigibbets");
  // A known beginning keeps its vector.
  EXPECT_EQ(shipped().token(shipped().encode("ballish")[0]), "ball");
}

TEST(TextTokenizer, TooLongIsAnError) {
  std::string text;
  for (int i = 0; i < kMaxTextTokens; ++i) text += "ball ";
  EXPECT_EQ(shipped().encode(text).size(), size_t(kMaxTextTokens));
  EXPECT_THROW(shipped().encode(text + "ball"), Error);
}

TEST(TextTokenizer, UnseenWordsAreNearTaughtOnes) {
  const std::vector<std::string> colors = {"red",  "orange", "yellow", "green", "cyan",
                                           "blue", "purple", "pink",   "white", "black"};
  EXPECT_EQ(nearest("crimson", colors), "red");
  EXPECT_EQ(nearest("scarlet", colors), "red");
  EXPECT_EQ(nearest("ruby", colors), "red");
  EXPECT_EQ(nearest("emerald", colors), "green");
  EXPECT_EQ(nearest("teal", colors), "cyan");
  EXPECT_EQ(nearest("violet", colors), "purple");
  EXPECT_EQ(nearest("mauve", colors), "purple");
  EXPECT_EQ(nearest("ebony", colors), "black");
  EXPECT_EQ(nearest("orb", {"ball", "box"}), "ball");
  EXPECT_EQ(nearest("globe", {"sphere", "cube"}), "sphere");
  EXPECT_EQ(nearest("carton", {"ball", "box"}), "box");
  const std::vector<std::string> verbs = {"falls", "bounces", "rolls", "slides", "rests", "hits", "flies"};
  EXPECT_EQ(nearest("plummets", verbs), "falls");
  EXPECT_EQ(nearest("drops", verbs), "falls");
  EXPECT_EQ(nearest("rebounds", verbs), "bounces");
  EXPECT_EQ(nearest("skids", verbs), "slides");
  EXPECT_EQ(nearest("gigantic", {"small", "big"}), "big");
}

TEST(TextTokenizer, NamesWhatWasNeverTaught) {
  EXPECT_EQ(shipped().untaught_words("Two red balls fall to the floor, and a blue box rests."),
            std::vector<std::string>{});
  EXPECT_EQ(shipped().untaught_words("a scarlet globe hurtles down"),
            std::vector<std::string>{});  // WordNet knows them
  EXPECT_EQ(shipped().untaught_words("a brown elephant juggles seven red balls; the elephant sings"),
            (std::vector<std::string>{"brown", "elephant", "juggles", "seven", "sings"}));
  EXPECT_EQ(shipped().untaught_words("a flibbertigibbet falls"), std::vector<std::string>{"flibbertigibbet"});
  EXPECT_EQ(shipped().describe_untaught("a red ball falls"), "");
  EXPECT_EQ(shipped().describe_untaught("a flibbertigibbet and an ultramarine ball"), "flibbertigibbet (nothing near it), ultramarine (nearest: blue)");
  EXPECT_TRUE(shipped().is_known_concept("Sphere"));
  EXPECT_FALSE(shipped().is_known_concept("pyramid"));
}

TEST(TextTokenizer, TruncatedAtEveryLengthIsAnError) {
  const auto bytes = small_vocabulary();
  EXPECT_NO_THROW(TextTokenizer::from_bytes(bytes, "small"));
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(TextTokenizer::from_bytes({bytes.begin(), bytes.begin() + int64_t(length)}, "small"), Error)
        << length;
  const auto whole = read_bytes(fs::path(ORRERY_ROOT) / "models/pretrained/text_vocab.safetensors");
  for (size_t length = 0; length < whole.size(); length += 100'003)
    EXPECT_THROW(TextTokenizer::from_bytes({whole.begin(), whole.begin() + int64_t(length)}, "shipped"),
                 Error)
        << length;
}

TEST(TextTokenizer, DamagedBytesNeverCrash) {
  const auto bytes = small_vocabulary();
  Rng rng(2);
  for (int trial = 0; trial < 4000; ++trial) {
    auto damaged = bytes;
    for (int i = 1 + rng.below(3); i > 0; --i)
      damaged[size_t(rng.below(int(damaged.size())))] = uint8_t(rng.below(256));
    try {
      const auto tokenizer = TextTokenizer::from_bytes(damaged, "damaged");
      tokenizer.encode("a red ball falls and rolls", 1000);
      for (float v : tokenizer.vectors()) ASSERT_TRUE(std::isfinite(v));
    } catch (const Error&) {
    }
  }
}

TEST(TextTokenizer, InconsistentFilesAreRefused) {
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\nred\nred", 2), "twice"), Error);
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\n\nred", 2), "empty word"), Error);
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\n##s\nred", 1), "word after piece"), Error);
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\nRed", 1), "capital"), Error);
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\nred", 3), "more vectors than words"), Error);
  EXPECT_THROW(TextTokenizer::from_bytes(small_vocabulary("a\nred", 2, NAN), "not a number"), Error);
  EXPECT_THROW(TextTokenizer::load("/nonexistent/vocab.safetensors"), Error);
}

}  // namespace
}  // namespace orrery
