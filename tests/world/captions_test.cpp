#include "world/captions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "core/files.h"
#include "core/json.h"
#include "models/text_tokenizer.h"
#include "world/captions_facts.h"
#include "world/families.h"
#include "world/lexicon.h"
#include "world/simulate.h"

namespace orrery {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)))
      word += char(std::tolower(static_cast<unsigned char>(c)));
    else if (!word.empty()) words.push_back(std::exchange(word, ""));
  }
  return words;
}

// " a red ball ": whole phrases can be looked for with blanks around.
std::string padded(const std::string& text) {
  std::string out = " ";
  for (const std::string& word : words_of(text)) out += word + " ";
  return out;
}

bool says(const std::string& padded_text, const std::string& phrase) {
  return padded_text.find(padded(phrase)) != std::string::npos;
}

std::string without(std::string padded_text, const std::string& phrase) {
  for (size_t at; (at = padded_text.find(padded(phrase))) != std::string::npos;)
    padded_text.erase(at, padded(phrase).size() - 1);
  return padded_text;
}

// Every phrase of that table, singular and plural.
std::vector<std::string> forms(const std::string& table) {
  std::vector<std::string> out;
  for (const Phrase& phrase : phrases(table)) {
    const size_t slash = phrase.text.find('/');
    out.push_back(phrase.text.substr(0, slash));
    if (slash != std::string::npos) out.push_back(phrase.text.substr(slash + 1));
  }
  return out;
}

// The caption without what it says of wall, floor and light.
std::string foreground(const std::string& caption) {
  std::string text = padded(caption);
  std::vector<std::string> remarks;
  for (const auto& [kind, names] : std::map<std::string, std::vector<std::string_view>>{
           {"backdrop", {kBackdropNames.begin(), kBackdropNames.end()}},
           {"floor", {kFloorNames.begin(), kFloorNames.end()}},
           {"light", {kLightNames.begin(), kLightNames.end()}}})
    for (std::string_view name : names)
      for (const std::string& phrase : forms(kind + ":" + std::string(name))) remarks.push_back(phrase);
  // "mint green" before "mint".
  std::stable_sort(remarks.begin(), remarks.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& remark : remarks) text = without(text, remark);
  return text;
}

struct Told {
  Sample sample;
  std::string caption;
};

std::vector<Told> many_captions(int scenes, int each, CaptionSplit split, uint64_t first_seed = 0) {
  std::vector<Told> out;
  for (int i = 0; i < scenes; ++i) {
    const Sample sample =
        make_sample(first_seed + i, split == CaptionSplit::kTrain ? Split::kTrain : Split::kId);
    Rng rng(first_seed + i, 5);
    for (const Caption& caption : captions_for(sample.family, sample.scene, rng, split, each))
      out.push_back({sample, caption.text});
  }
  return out;
}

// Made once: 20,000 captions of 5,000 training scenes, 3,000 held-out captions of 1,000 others.
const std::vector<Told>& training_captions() {
  static const auto captions = many_captions(5000, 4, CaptionSplit::kTrain);
  return captions;
}
const std::vector<Told>& held_out_captions() {
  static const auto captions = many_captions(1000, 3, CaptionSplit::kHeldOut, 50000);
  return captions;
}

const std::vector<Told>& two_thousand_scenes() {
  static const auto captions = [] {
    std::vector<Told> out(training_captions().begin(), training_captions().begin() + 4000);
    out.insert(out.end(), held_out_captions().begin(), held_out_captions().end());
    return out;
  }();
  return captions;
}

template <class Predicate>
bool any_object(const Scene& scene, Predicate&& holds) {
  return std::any_of(scene.objects.begin(), scene.objects.end(), holds);
}

TEST(Captions, ColoursAndShapesAreInTheScene) {
  for (const Told& told : two_thousand_scenes()) {
    std::string text = foreground(told.caption);
    // Longest first: "navy blue" must not be read as "blue" of another row, nor "reddish orange" as "orange".
    for (int color = 0; color < int(kColorNames.size()); ++color)
      for (const std::string& phrase : forms("color:" + std::string(kColorNames[color])))
        if (phrase.find(' ') != std::string::npos && says(text, phrase)) {
          EXPECT_TRUE(any_object(told.sample.scene, [&](const ObjectSpec& o) { return o.color == color; }))
              << told.caption;
          text = without(text, phrase);
        }
    for (int color = 0; color < int(kColorNames.size()); ++color)
      for (const std::string& phrase : forms("color:" + std::string(kColorNames[color])))
        if (says(text, phrase)) {
          EXPECT_TRUE(any_object(told.sample.scene, [&](const ObjectSpec& o) { return o.color == color; }))
              << told.caption;
        }
    for (Shape shape : {Shape::kBall, Shape::kBox})
      for (const std::string& noun : forms("shape:" + std::string(kShapeNames[int(shape)])))
        if (says(text, noun)) {
          EXPECT_TRUE(any_object(told.sample.scene, [&](const ObjectSpec& o) { return o.shape == shape; }))
              << told.caption;
        }
  }
}

// Counts "a ball", "two boxes", "3 things"; captions that use "one" as a pronoun are left out.
TEST(Captions, EveryObjectIsCountedOnce) {
  std::map<std::string, bool> nouns;  // -> plural
  for (const char* table : {"shape:ball", "shape:box", "shape:any"})
    for (const Phrase& phrase : phrases(table)) {
      const size_t slash = phrase.text.find('/');
      const auto last = [](const std::string& s) { return s.substr(s.rfind(' ') + 1); };
      nouns[last(phrase.text.substr(0, slash))] = false;
      nouns[last(phrase.text.substr(slash + 1))] = true;
    }
  const std::map<std::string, int> numbers = {{"two", 2}, {"three", 3}, {"four", 4}, {"2", 2},
                                              {"3", 3},   {"4", 4},     {"pair", 2}};
  int checked = 0;
  for (const Told& told : two_thousand_scenes()) {
    const std::string text = foreground(told.caption);
    if (says(text, "one") || says(text, "duo") || says(text, "square")) continue;
    int count = 0, number = 1;
    bool joined = false;  // "a red and a blue ball": two articles, one noun
    for (const std::string& word : words_of(text)) {
      if (const auto n = numbers.find(word); n != numbers.end()) number = n->second;
      if ((word == "a" || word == "an" || word == "the") && joined) joined = false;
      const auto noun = nouns.find(word);
      if (noun == nouns.end()) continue;
      EXPECT_EQ(noun->second, number > 1) << told.caption;
      count += number;
      number = 1;
    }
    if (count + 1 == int(told.sample.scene.objects.size()) && says(text, "and"))
      continue;  // "a red and a blue ball"
    EXPECT_EQ(count, int(told.sample.scene.objects.size())) << told.caption;
    ++checked;
  }
  EXPECT_GT(checked, 3000);
}

TEST(Captions, MotionPlaceAndSizeAreTrue) {
  for (const Told& told : two_thousand_scenes()) {
    const Scene& scene = told.sample.scene;
    const SceneFacts facts = facts_of(told.sample.family, scene, nullptr);
    std::string text = foreground(told.caption);
    for (const char* other : {"with little gravity", "a little above", "from a small height"})
      text = without(text, other);
    auto claims = [&](std::initializer_list<const char*> said, auto&& holds) {
      for (const char* phrase : said)
        if (says(text, phrase)) {
          EXPECT_TRUE(any_object(scene, holds)) << phrase << " | " << told.caption;
        }
    };
    auto facts_claim = [&](std::initializer_list<const char*> said, auto&& holds) {
      for (const char* phrase : said)
        if (says(text, phrase)) {
          EXPECT_TRUE(std::any_of(facts.objects.begin(), facts.objects.end(), holds))
              << phrase << " | " << told.caption;
        }
    };
    claims({"tiny", "very small", "minuscule"}, [](const ObjectSpec& o) { return o.size < 0.25; });
    claims({"small", "little"}, [](const ObjectSpec& o) { return o.size < 0.32; });
    claims({"big", "large", "huge", "enormous"}, [](const ObjectSpec& o) { return o.size > 0.4; });
    claims({"on the far left", "near the left edge"}, [](const ObjectSpec& o) { return o.x < 2; });
    claims({"on the far right", "near the right edge"}, [](const ObjectSpec& o) { return o.x > 8; });
    claims({"in the middle", "in the center"}, [](const ObjectSpec& o) { return std::abs(o.x - 5) < 1; });
    claims({"high up", "from high above"}, [](const ObjectSpec& o) { return o.y > 3; });
    claims({"rubber", "rubbery"}, [](const ObjectSpec& o) { return o.material == 0; });
    claims({"wooden", "timber"}, [](const ObjectSpec& o) { return o.material == 1; });
    facts_claim({"from right to left", "toward the left", "leftwards"},
                [](const ObjectFacts& f) { return f.direction < 0; });
    facts_claim({"from left to right", "toward the right", "rightwards"},
                [](const ObjectFacts& f) { return f.direction > 0; });
    facts_claim({"falls", "drops", "plummeting", "falling"},
                [](const ObjectFacts& f) { return f.height > 0.2; });
    facts_claim({"rolls", "rolling"}, [](const ObjectFacts& f) {
      return f.motion == Motion::kRoll || f.motion == Motion::kRampRoll;
    });
    facts_claim({"sits still", "at rest", "motionless"},
                [](const ObjectFacts& f) { return f.motion == Motion::kRest; });
    facts_claim({"quickly", "at high speed"}, [](const ObjectFacts& f) { return f.speed > 4; });
    for (const char* slope : {"ramp", "slope", "incline"})
      if (says(text, slope)) {
        EXPECT_TRUE(scene.ramp.present) << told.caption;
      }
    if (says(text, "moon") || says(text, "in low gravity")) {
      EXPECT_LT(scene.gravity, 6) << told.caption;
    }
    if (says(text, "in strong gravity")) {
      EXPECT_GT(scene.gravity, 13) << told.caption;
    }
  }
}

// "A hits B": in the simulation, A and B touch. The caption's claim rests on facts_of alone.
TEST(Captions, ClaimedEncountersHappen) {
  int claimed = 0;
  for (int i = 0; i < 400; ++i) {
    const Sample sample = make_sample(i, Split::kId, i % 4 ? "mixed" : "collision");
    const SceneFacts facts = facts_of(sample.family, sample.scene, nullptr);
    if (!facts.encounter) continue;
    ++claimed;
    const auto [kind, a, b] = *facts.encounter;
    const Trajectory trajectory = simulate(sample.scene, 96);
    const bool touched = std::any_of(
        trajectory.contacts.begin(), trajectory.contacts.end(),
        [a = a, b = b](const ContactEvent& e) { return (e.a == a && e.b == b) || (e.a == b && e.b == a); });
    EXPECT_TRUE(touched) << sample.family << " seed " << i;
  }
  EXPECT_GE(claimed, 100);
}

TEST(Captions, RolesFollowTheMotion) {
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 0, 0, 0.3, 2, kFloorY + 0.3, 0, 4, 0, -13},
                   ObjectSpec{Shape::kBox, 5, 0, 0.3, 5, kFloorY + 0.3}};
  const SceneFacts facts = facts_of("collision", quantized(scene), nullptr);
  ASSERT_TRUE(facts.encounter);
  EXPECT_EQ(facts.encounter->subject, 0);
  EXPECT_EQ(facts.encounter->object, 1);
  EXPECT_EQ(facts.encounter->kind, Encounter::Kind::kHits);
}

TEST(Captions, HeldOutPhrasesNeverOccurInTraining) {
  std::set<std::string> held_out;
  for (std::string phrase : lexicon_phrases(true)) {
    if (const size_t then = phrase.find("{then}"); then != std::string::npos) phrase.replace(then, 6, "and");
    phrase = phrase.substr(0, phrase.find('{'));
    held_out.insert(phrase);
  }
  for (const char* form : {"can be seen", "it is a", "a duo of"}) held_out.insert(form);
  ASSERT_GT(held_out.size(), 200u);
  std::string all;
  ASSERT_EQ(training_captions().size(), 20000u);
  for (const Told& told : training_captions()) all += padded(told.caption) + "\n";
  for (const std::string& phrase : held_out) EXPECT_FALSE(says(all, phrase)) << phrase;
}

TEST(Captions, HeldOutCaptionsDifferFromTraining) {
  std::set<std::string> training;
  for (const Told& told : training_captions()) training.insert(padded(told.caption));
  for (const Told& told : held_out_captions())
    EXPECT_FALSE(training.count(padded(told.caption))) << told.caption;
}

TEST(Captions, TenThousandAreMostlyDistinct) {
  std::set<std::string> distinct;  // of two captions of every scene
  for (size_t i = 0; i < training_captions().size(); ++i)
    if (i % 4 < 2) distinct.insert(padded(training_captions()[i].caption));
  RecordProperty("distinct_of_10000", int(distinct.size()));
  EXPECT_GT(distinct.size(), 8000u);
}

TEST(Captions, SameSeedSameCaptions) {
  const Sample sample = make_sample(3, Split::kTrain);
  Rng a(1, 2), b(1, 2);
  const auto first = captions_for(sample.family, sample.scene, a, CaptionSplit::kTrain, 5),
             second = captions_for(sample.family, sample.scene, b, CaptionSplit::kTrain, 5);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(first[i].text, second[i].text);
}

TEST(Captions, TellOfEveryObjectOnceAndInTheOrderOfTheSentence) {
  int in_order = 0, pairs = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Sample sample = make_sample(seed, Split::kTrain);
    Rng rng(seed, 6);
    for (const Caption& caption : captions_for(sample.family, sample.scene, rng, CaptionSplit::kTrain, 3)) {
      std::set<int> told;
      for (const ExpectedObject& o : caption.promised) {
        told.insert(o.object);
        if (o.color) {
          EXPECT_EQ(*o.color, sample.scene.objects.at(o.object).color) << caption.text;
        }
      }
      EXPECT_EQ(told.size(), sample.scene.objects.size()) << caption.text;
      if (caption.promised.size() != 2 || !caption.promised[0].color || !caption.promised[1].color) continue;
      const size_t first = caption.text.find(kColorNames[*caption.promised[0].color]),
                   second = caption.text.find(kColorNames[*caption.promised[1].color]);
      if (first == std::string::npos || second == std::string::npos || first == second) continue;
      ++pairs, in_order += first < second;
    }
  }
  EXPECT_GT(pairs, 20);
  EXPECT_GT(in_order, 0.9 * pairs);  // "hitting a red box: a blue ball" is the exception
}

TEST(Captions, PromisesOfHeldOutPrompts) {
  const auto prompts = held_out_prompts(300, 7);
  ASSERT_EQ(prompts.size(), 300u);
  std::set<std::string> texts, families;
  int colored = 0;
  for (const HeldOutPrompt& prompt : prompts) {
    texts.insert(prompt.text);
    families.insert(prompt.family);
    ASSERT_FALSE(prompt.objects.empty());
    const std::string text = foreground(prompt.text);
    for (const ExpectedObject& object : prompt.objects) {
      colored += object.color.has_value();
      if (!object.color) continue;
      bool said = false;
      for (const std::string& phrase : forms("color:" + std::string(kColorNames[*object.color])))
        said |= says(text, phrase);
      EXPECT_TRUE(said) << prompt.text << " promises " << kColorNames[*object.color];
    }
  }
  EXPECT_EQ(texts.size(), 300u);
  EXPECT_EQ(families.size(), family_names().size());
  EXPECT_GT(colored, 200);
  EXPECT_EQ(held_out_prompts(5, 7)[4].text, prompts[4].text);
}

// models/pretrained/vocab_taught.txt is what scripts/make_vocabulary.py flags as taught.
TEST(Captions, TaughtWordsAreTheListedOnes) {
  std::set<std::string> used;
  for (const Told& told : std::getenv("ORRERY_WRITE_TAUGHT") ? many_captions(40000, 3, CaptionSplit::kTrain)
                                                             : training_captions())
    for (const std::string& word : words_of(told.caption))
      if (word != "s") used.insert(word);  // "the moon's"
  const fs::path list = fs::path(ORRERY_ROOT) / "models/pretrained/vocab_taught.txt";
  if (std::getenv("ORRERY_WRITE_TAUGHT")) {
    std::string text;
    for (const std::string& word : used) text += word + "\n";
    write_atomic(list, text);
  }
  std::istringstream file(read_text(list));
  std::set<std::string> listed;
  for (std::string word; file >> word;) listed.insert(word);
  for (const std::string& word : used)
    EXPECT_TRUE(listed.count(word)) << word << ": remake the list and the vocabulary";
  const auto taught = TextTokenizer::load_shipped().taught_words();
  EXPECT_EQ(std::set<std::string>(taught.begin(), taught.end()), listed) << "run scripts/make_vocabulary.py";
}

TEST(Captions, FitTheTokenizer) {
  const TextTokenizer tokenizer = TextTokenizer::load_shipped();
  size_t longest = 0;
  for (const Told& told : training_captions())
    longest = std::max(longest, tokenizer.encode(told.caption).size());
  for (const Told& told : held_out_captions())
    longest = std::max(longest, tokenizer.encode(told.caption).size());
  RecordProperty("longest_caption_tokens", int(longest));
  EXPECT_LE(longest, size_t(kMaxTextTokens));
}

// 60 prompts that nobody's grammar wrote; objects without a key leave it open.
TEST(Captions, FreePromptsAreWellFormed) {
  const TextTokenizer tokenizer = TextTokenizer::load_shipped();
  std::istringstream file(read_text(fs::path(ORRERY_ROOT) / "samples/prompts/free_prompts.jsonl"));
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const Json prompt = parse_json(line, "free_prompts.jsonl");
    EXPECT_TRUE(is_family(prompt.at("family").get<std::string>())) << line;
    EXPECT_NO_THROW(tokenizer.encode(prompt.at("prompt").get<std::string>())) << line;
    EXPECT_FALSE(prompt.at("objects").empty()) << line;
    for (const Json& object : prompt.at("objects")) {
      if (object.contains("shape")) {
        EXPECT_NE(std::find(kShapeNames.begin(), kShapeNames.end(), object["shape"].get<std::string>()),
                  kShapeNames.end())
            << line;
      }
      if (object.contains("color")) {
        EXPECT_NE(std::find(kColorNames.begin(), kColorNames.end(), object["color"].get<std::string>()),
                  kColorNames.end())
            << line;
      }
    }
  }
  EXPECT_EQ(count, 60);
}

}  // namespace
}  // namespace orrery
