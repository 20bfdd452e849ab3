#include "data/caption_noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace orrery {
namespace {

const TextTokenizer& text() {
  static const TextTokenizer shipped = TextTokenizer::load_shipped();
  return shipped;
}

const CaptionNoise& noise() {
  static const CaptionNoise shared(text());
  return shared;
}

// What stands in for a word counts as the word.
std::vector<int> ids_of(const std::vector<CaptionToken>& tokens) {
  std::vector<int> ids;
  for (const CaptionToken& t : tokens) {
    ids.push_back(t.id);
    for (const auto& [word, others] : noise().stand_ins())
      if (std::count(others.begin(), others.end(), t.id)) ids.back() = word;
  }
  return ids;
}

TEST(CaptionNoise, FillersMeanNothingHere) {
  EXPECT_GT(noise().fillers().size(), 1000u);
  for (int id : noise().fillers()) EXPECT_FALSE(text().is_known_concept(text().token(id))) << text().token(id);
  const std::set<int> fillers(noise().fillers().begin(), noise().fillers().end());
  for (const char* word : {"red", "ball", "scarlet", "crate", "falls", "two", "three", "left"}) EXPECT_FALSE(fillers.count(text().id_of(word))) << word;
}

TEST(CaptionNoise, StandInsMeanTheSameAndAreNotHeldOut) {
  const auto& all = noise().stand_ins();
  EXPECT_GT(all.size(), 50u);
  const auto& huge = all.at(text().id_of("huge"));
  EXPECT_TRUE(std::count(huge.begin(), huge.end(), text().id_of("gigantic")));
  const std::vector<std::string> taught = text().taught_words();
  for (const auto& [word, others] : all)
    for (int other : others) {
      EXPECT_FALSE(std::count(taught.begin(), taught.end(), text().token(other)));
      for (const char* held_out : {"jade", "scarlet", "mauve", "tangerine", "carton", "teal", "enormous", "swiftly"}) EXPECT_NE(text().token(other), held_out);
    }
}

TEST(CaptionNoise, AWordNowAndThenIsAnotherOfItsMeaning) {
  const std::vector<int> own = text().encode("a huge red ball falls");
  const auto& others = noise().stand_ins().at(own[1]);
  int stood_in = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed, 5);
    for (const CaptionToken& t : noise().apply("a huge red ball falls", false, 0, rng))
      if (std::count(others.begin(), others.end(), t.id)) {
        ++stood_in;
        EXPECT_FALSE(t.learned);
      }
  }
  EXPECT_GT(stood_in, 15);
  EXPECT_LT(stood_in, 70);
}

// With several objects the sentence's own words stay all there, in their order: which colour is whose depends on it.
TEST(CaptionNoise, SentencesOfSeveralObjectsKeepTheirOrder) {
  const std::string caption = "a red ball falls while a blue box slides to the left";
  const std::vector<int> own = text().encode(caption);
  const std::set<int> fillers(noise().fillers().begin(), noise().fillers().end());
  int longer = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed, 1);
    std::vector<int> ids = ids_of(noise().apply(caption, false, 0.25, rng));
    ASSERT_LE(ids.size(), size_t(kMaxTextTokens));
    longer += ids.size() > own.size();
    std::erase_if(ids, [&](int id) { return fillers.count(id) > 0; });
    EXPECT_EQ(ids, own) << seed;
  }
  EXPECT_GT(longer, 40);
  EXPECT_LT(longer, 110);
}

TEST(CaptionNoise, PartsChangePlacesWhereThereIsOneObject) {
  const std::string caption = "a red ball falls to the floor";
  std::vector<int> own = text().encode(caption);
  const std::set<int> fillers(noise().fillers().begin(), noise().fillers().end());
  const int comma = text().id_of(",");
  int moved = 0, commas = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed, 2);
    std::vector<int> ids = ids_of(noise().apply(caption, true, 0, rng));
    std::erase_if(ids, [&](int id) { return fillers.count(id) > 0; });
    const auto added = std::erase(ids, comma);
    EXPECT_LE(added, 1u) << seed;
    commas += int(added);
    moved += ids != own;
    std::vector<int> sorted = own;
    std::sort(ids.begin(), ids.end()), std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(ids, sorted) << seed;
  }
  EXPECT_GT(moved, 10);
  EXPECT_LT(moved, 60);
  EXPECT_GT(commas, 10);
  EXPECT_LT(commas, 60);
}

TEST(CaptionNoise, WordsKnownByTheirVectorAreBlurred) {
  int blurred = 0, total = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Rng rng(seed, 3);
    for (const CaptionToken& t : noise().apply("a red ball falls", false, 0.5, rng)) {
      ++total;
      EXPECT_TRUE(t.learned ? t.shift.empty() : true);
      if (t.shift.empty()) continue;
      ++blurred;
      double square = 0;
      for (float v : t.shift) square += double(v) * v;
      EXPECT_LT(std::sqrt(square), 1.2);
    }
  }
  EXPECT_NEAR(double(blurred) / total, 0.5, 0.12);
}

}  // namespace
}  // namespace orrery
