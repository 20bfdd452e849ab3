#include "world/captions.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/error.h"
#include "world/captions_choice.h"
#include "world/captions_facts.h"
#include "world/families.h"

namespace orrery {

namespace {

// One statement: who does what.
struct Clause {
  NounPhrase subject;
  Predicate predicate;
  std::string extra;                     // adverbials
  std::vector<ExpectedObject> promised;  // of subject and object
};

void append(Verb& verb, const std::string& words) {
  verb.tail += ' ';
  verb.tail += words;
}

// How much a caption says; chances by level of detail.
struct Detail {
  double color, shape, size, material, place, adverb, surroundings;
};
constexpr Detail kDetails[] = {{0.35, 0.90, 0.02, 0.02, 0.02, 0.05, 0.01},
                               {0.92, 0.97, 0.10, 0.08, 0.15, 0.20, 0.05},
                               {0.96, 0.98, 0.40, 0.30, 0.35, 0.40, 0.15},
                               {1.00, 1.00, 0.60, 0.50, 0.50, 0.60, 0.35}};

// The last three are held out.
enum Form {
  kPlain,
  kProgressive,
  kFragment,
  kShow,
  kWatch,
  kThereIs,
  kPast,
  kOpening,
  kTwoSentences,
  kRelative,
  kCleft,
  kCanBeSeen,
  kReversed
};

class Narrator {
 public:
  Narrator(const Scene& scene, const SceneFacts& facts, Chooser& choose)
      : scene_(scene), facts_(facts), choose_(choose), detail_(kDetails[draw_level()]) {
    draw_mentions();
  }

  Caption tell() {
    const double form = choose_.uniform();
    if (form < 0.06) return still_life();
    if (form < 0.12 && scene_.objects.size() == 2) return relation();
    if (form < 0.135 && scene_.objects.size() == 2 && facts_.encounter) return impact();
    return narrative();
  }

 private:
  int draw_level() {
    const double u = choose_.uniform();
    return u < 0.25 ? 0 : u < 0.65 ? 1 : u < 0.9 ? 2 : 3;
  }

  // What is said of one object is mostly said of all.
  void draw_mentions() {
    Mention common;
    draw_mention(common);
    for (size_t i = 0; i < scene_.objects.size(); ++i) {
      if (choose_.chance(0.2)) draw_mention(common);
      mentions_.push_back(common);
    }
  }

  void draw_mention(Mention& m) {
    m.color = choose_.chance(detail_.color);
    m.shape = choose_.chance(detail_.shape);
    m.size = choose_.chance(detail_.size);
    m.material = choose_.chance(detail_.material);
    m.place = choose_.chance(detail_.place);
  }

  NounPhrase noun(const std::vector<int>& members, bool bare = false) {
    std::vector<Mention> mentions;
    for (int i : members) mentions.push_back(mentions_[i]);
    return list_phrase(scene_, members, mentions, bare, choose_);
  }

  std::vector<int> everything() const {
    std::vector<int> all(scene_.objects.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = int(i);
    return all;
  }

  Caption still_life();
  Caption relation();
  Caption impact();
  Caption narrative();
  std::string adverbials(const std::vector<int>& members, Motion motion);
  Clause motion_clause(const std::vector<int>& members, bool bare);
  Clause encounter_clause(bool bare);
  Clause hit_clause(int subject, int object, bool bare);
  std::vector<Clause> clauses(bool bare);
  std::string sentence(const std::vector<Clause>& parts, Tense tense);
  std::string scenery(const std::vector<Clause>& parts, std::string_view link);
  std::string narrated(Form form, const std::vector<Clause>& parts);
  std::string ramp_remark();
  std::string say(const Clause& clause, Tense tense) {
    return spaced({clause.subject.text, does(clause, tense)});
  }
  // "falls to the floor from high up"
  std::string does(const Clause& clause, Tense tense) {
    return spaced({choose_.fill(conjugate(clause.predicate, tense, clause.subject.plural)), clause.extra});
  }

  const Scene& scene_;
  const SceneFacts& facts_;
  Chooser& choose_;
  const Detail& detail_;
  std::vector<Mention> mentions_;
};

// What is there, without what happens.
Caption Narrator::still_life() {
  const bool bare = choose_.chance(0.3);
  const NounPhrase all = noun(everything(), bare);
  std::string text = all.text;
  if (!bare && choose_.chance(0.6))
    text = spaced({choose_.phrase(choose_.chance(0.6) ? "show" : "there_is"), text});
  return {spaced({text, surroundings(scene_, detail_.surroundings, choose_)}), all.promised};
}

// "a red ball to the left of a blue box"
Caption Narrator::relation() {
  const int a = choose_.below(2), b = 1 - a;
  static constexpr std::string_view kTables[] = {
      "", "relation:left", "relation:right", "relation:above", "relation:below", "relation:beside"};
  const Relation relation = relation_between(scene_.objects[a], scene_.objects[b]);
  if (relation == Relation::kNone) return narrative();
  for (Mention& mention : mentions_) mention.place = false;
  const NounPhrase first = noun({a}, choose_.chance(0.2)), second = noun({b});
  Caption caption;
  caption.text = spaced({first.text, choose_.chance(0.4) ? "is" : "", choose_.phrase(kTables[int(relation)]),
                         second.text, surroundings(scene_, detail_.surroundings, choose_)});
  caption.promised = {first.promised[0], second.promised[0]};
  return caption;
}

// "a collision between a red ball and a blue box"
Caption Narrator::impact() {
  const int a = choose_.below(2), b = 1 - a;
  const NounPhrase first = noun({a}), second = noun({b});
  Caption caption;
  caption.text = spaced({choose_.phrase("collision_of"), first.text, "and", second.text,
                         surroundings(scene_, detail_.surroundings, choose_)});
  caption.promised = {first.promised[0], second.promised[0]};
  return caption;
}

// Direction, speed and height, where all members share them.
std::string Narrator::adverbials(const std::vector<int>& members, Motion motion) {
  const ObjectFacts& first = facts_.objects[members[0]];
  bool same_direction = first.direction != 0, fast = true, slow = true, high = true, low = true;
  for (int i : members) {
    const ObjectFacts& f = facts_.objects[i];
    same_direction &= f.direction == first.direction;
    fast &= f.speed > (motion == Motion::kThrow ? 5.0 : 4.0);
    slow &= f.speed < 2.0;
    high &= f.height > 3.0;
    low &= f.height < 1.0;
  }
  const bool travels = motion == Motion::kRoll || motion == Motion::kSlide || motion == Motion::kThrow ||
                       motion == Motion::kBounce;
  std::string out;
  if (motion == Motion::kFall && (high || low) && choose_.chance(detail_.adverb))
    out = choose_.phrase(high ? "from:high" : "from:low");
  if (travels && same_direction && choose_.chance(1.5 * detail_.adverb))
    out = spaced({out, choose_.phrase(first.direction > 0 ? "dir:right" : "dir:left")});
  if (travels && motion != Motion::kBounce && (fast || slow) && choose_.chance(detail_.adverb))
    out = spaced({out, choose_.phrase(fast ? "speed:fast" : "speed:slow")});
  return out;
}

Clause Narrator::motion_clause(const std::vector<int>& members, bool bare) {
  const Motion motion = facts_.objects[members[0]].motion;
  Clause clause;
  clause.subject = noun(members, bare);
  clause.predicate = choose_.predicate(motion_table(motion));
  clause.extra = adverbials(members, motion);
  clause.promised = clause.subject.promised;
  return clause;
}

// "A hits B", "A rolls to the right and hits B", "B is hit by A"
Clause Narrator::hit_clause(int subject, int object, bool bare) {
  Clause clause;
  if (choose_.chance(0.08)) {
    const NounPhrase agent = noun({subject});
    clause.subject = noun({object}, bare);
    clause.predicate = choose_.predicate("hit_by");
    append(clause.predicate.verbs[0], agent.text);
    clause.promised = clause.subject.promised;
    clause.promised.push_back(agent.promised[0]);
    return clause;
  }
  const NounPhrase other = noun({object});
  clause.subject = noun({subject}, bare);
  clause.promised = clause.subject.promised;
  clause.promised.push_back(other.promised[0]);
  const Motion motion = facts_.objects[subject].motion;
  if (motion != Motion::kThrowUp && motion != Motion::kFall && motion != Motion::kBounce &&
      choose_.chance(0.25)) {
    clause.predicate = choose_.predicate(
        fmt::format("{}_into", motion == Motion::kThrowDown ? "throw" : motion_table(motion)));
    append(clause.predicate.verbs.back(), other.text);
    return clause;
  }
  clause.predicate = choose_.predicate("hit");
  append(clause.predicate.verbs.back(), other.text);
  const bool ramp = motion == Motion::kRampRoll || motion == Motion::kRampSlide;
  if (!ramp && !choose_.chance(0.4)) return clause;
  Predicate approach = choose_.predicate(motion_table(motion));
  if (const std::string how = adverbials({subject}, motion); !how.empty()) append(approach.verbs.back(), how);
  approach.verbs.insert(approach.verbs.end(), clause.predicate.verbs.begin(), clause.predicate.verbs.end());
  clause.predicate = approach;
  return clause;
}

Clause Narrator::encounter_clause(bool bare) {
  const Encounter& meeting = *facts_.encounter;
  if (meeting.kind == Encounter::Kind::kHits) return hit_clause(meeting.subject, meeting.object, bare);
  Clause clause;
  if (meeting.kind == Encounter::Kind::kFallsOn || choose_.chance(0.4)) {
    const int flip = meeting.kind == Encounter::Kind::kMutual && choose_.chance(0.5);
    const NounPhrase other = noun({flip ? meeting.subject : meeting.object});
    clause.subject = noun({flip ? meeting.object : meeting.subject}, bare);
    clause.predicate = choose_.predicate(meeting.kind == Encounter::Kind::kFallsOn ? "fall_on" : "hit");
    append(clause.predicate.verbs.back(), other.text);
    clause.promised = {clause.subject.promised[0], other.promised[0]};
    return clause;
  }
  clause.subject = noun({meeting.subject, meeting.object}, bare);
  clause.predicate = choose_.predicate("collide");
  clause.promised = clause.subject.promised;
  return clause;
}

// Everything that happens: the encounter first, then the rest by kind of motion, what rests mostly last.
std::vector<Clause> Narrator::clauses(bool bare) {
  std::vector<Clause> out;
  std::vector<bool> told(scene_.objects.size(), false);
  if (facts_.encounter && choose_.chance(0.9)) {
    out.push_back(encounter_clause(bare));
    told[facts_.encounter->subject] = told[facts_.encounter->object] = true;
  }
  std::vector<std::vector<int>> groups;
  for (int i = 0; i < int(told.size()); ++i) {
    if (told[i]) continue;
    auto alike = [&](const std::vector<int>& g) {
      return facts_.objects[g[0]].motion == facts_.objects[i].motion;
    };
    const auto found = std::find_if(groups.begin(), groups.end(), alike);
    if (found == groups.end()) groups.push_back({i});
    else found->push_back(i);
  }
  for (size_t i = groups.size(); i > 1; --i) std::swap(groups[i - 1], groups[choose_.below(int(i))]);
  if (choose_.chance(0.7))
    std::stable_partition(groups.begin(), groups.end(),
                          [&](const auto& g) { return facts_.objects[g[0]].motion != Motion::kRest; });
  for (const auto& group : groups) out.push_back(motion_clause(group, bare && out.empty()));
  return out;
}

std::string Narrator::ramp_remark() {
  const bool on_it = std::any_of(facts_.objects.begin(), facts_.objects.end(), [](const ObjectFacts& f) {
    return f.motion == Motion::kRampRoll || f.motion == Motion::kRampSlide || f.motion == Motion::kRampRest;
  });
  if (!scene_.ramp.present || on_it || !choose_.chance(0.5)) return "";
  return choose_.fill(choose_.chance(0.5) ? "next to a {slope}" : "with a {slope} in the scene");
}

// "a red ball falls while a blue box rests"
std::string Narrator::sentence(const std::vector<Clause>& parts, Tense tense) {
  std::vector<std::string> said;
  for (const Clause& part : parts) said.push_back(say(part, tense));
  const bool two = parts.size() == 2 && tense != Tense::kInfinitive;
  return join_list(said, fmt::format(" {} ", two ? choose_.phrase("while") : "and"));
}

// "a red ball falling and a blue box resting"
std::string Narrator::scenery(const std::vector<Clause>& parts, std::string_view link) {
  std::vector<std::string> said;
  for (const Clause& part : parts)
    said.push_back(spaced({part.subject.text, link, does(part, Tense::kParticiple)}));
  return join_list(said);
}

std::string Narrator::narrated(Form form, const std::vector<Clause>& parts) {
  const Clause& first = parts[0];
  switch (form) {
    case kPlain:
      return sentence(parts, Tense::kPresent);
    case kProgressive:
      return sentence(parts, Tense::kProgressive);
    case kFragment:
      return scenery(parts, "");
    case kShow:
      return spaced({choose_.phrase("show"), scenery(parts, "")});
    case kWatch:
      return spaced({choose_.phrase("watch"), sentence(parts, Tense::kInfinitive)});
    case kThereIs:
      return spaced({choose_.phrase("there_is"), scenery(parts, "")});
    case kPast:
      return sentence(parts, Tense::kPast);
    case kOpening:
      return spaced({choose_.phrase("opening"), sentence(parts, Tense::kPresent)});
    case kTwoSentences:
      return spaced({choose_.phrase("there_is"), first.subject.text + ".",
                     first.subject.plural ? "they" : "it", does(first, Tense::kPresent)});
    case kRelative:
      return spaced({choose_.chance(0.4) ? choose_.phrase("show") : "", first.subject.text, "that",
                     does(first, Tense::kPresent)});
    case kCleft:
      return spaced({"it is", first.subject.text, "that", does(first, Tense::kPresent)});
    case kCanBeSeen:
      return scenery(parts, "can be seen");
    case kReversed:
      return spaced({does(first, Tense::kParticiple) + ":", first.subject.text});
  }
  ORRERY_ASSERT(false);
}

Caption Narrator::narrative() {
  static constexpr double kShares[] = {0.29, 0.12, 0.21, 0.15, 0.05, 0.06, 0.04, 0.03, 0.02, 0.03};
  int form = 0;
  for (double at = choose_.uniform(); form < kRelative && (at -= kShares[form]) >= 0;) ++form;
  if (choose_.held_out_form(0.3)) form = kCleft + choose_.below(3);

  const bool bare = form == kFragment && choose_.chance(0.5);
  const std::vector<Clause> parts = clauses(bare);
  if (parts.size() > 1 && (form == kTwoSentences || form == kRelative)) form = kPlain;
  if (parts.size() > 1 && (form == kCleft || form == kReversed)) form = kCanBeSeen;
  const std::string alone = scene_.objects.size() == 1 && choose_.chance(0.04) ? choose_.phrase("alone") : "";
  Caption caption{spaced({narrated(Form(form), parts), alone, ramp_remark(),
                          surroundings(scene_, detail_.surroundings, choose_)}),
                  {}};
  for (const Clause& part : parts)
    caption.promised.insert(caption.promised.end(), part.promised.begin(), part.promised.end());
  return caption;
}

// As people type: mostly sentences, often all lower case, with or without a full stop.
std::string punctuated(std::string text, Chooser& choose) {
  const double style = choose.uniform();
  if (style < 0.55) {
    for (size_t i = 0; i < text.size(); ++i)
      if (i == 0 || (i > 1 && text[i - 2] == '.'))
        text[i] = char(std::toupper(static_cast<unsigned char>(text[i])));
  } else if (style > 0.98)
    for (char& c : text) c = char(std::toupper(static_cast<unsigned char>(c)));
  if (text.back() == ',') text.pop_back();
  return choose.chance(0.45) ? text + "." : text;
}

// Words and marks: what the tokenizer makes of it.
int length_of(const std::string& text) {
  return 1 + int(std::count_if(text.begin(), text.end(),
                               [](char c) { return c == ' ' || c == ',' || c == '.' || c == ':'; }));
}

Caption one_caption(const Scene& scene, const SceneFacts& facts, Rng& rng, CaptionSplit split) {
  constexpr int kTries = 500;
  constexpr int kLongest = 38;  // a rare word takes two or three tokens, and a prompt may have 48
  for (int i = 0; i < kTries; ++i) {
    Chooser choose(rng, split);
    Caption caption = Narrator(scene, facts, choose).tell();
    if (split == CaptionSplit::kHeldOut && choose.held_out_used() == 0) continue;
    if (length_of(caption.text) > kLongest) continue;
    caption.text = punctuated(caption.text, choose);
    return caption;
  }
  fail("captions: no caption of at most {} words in {} tries for a scene of {} objects", kLongest, kTries,
       scene.objects.size());
}

}  // namespace

std::vector<Caption> captions_for(const std::string& family, const Scene& scene, Rng& rng,
                                  CaptionSplit split, int count, const Trajectory* trajectory) {
  if (scene.objects.empty()) fail("captions: the scene has no objects");
  const SceneFacts facts = facts_of(family, scene, trajectory);
  std::vector<Caption> captions;
  for (int i = 0; i < count; ++i) captions.push_back(one_caption(scene, facts, rng, split));
  return captions;
}

std::vector<HeldOutPrompt> held_out_prompts(int n, uint64_t seed) {
  std::vector<HeldOutPrompt> prompts;
  std::set<std::string> seen;
  for (uint64_t i = 0; int(prompts.size()) < n; ++i) {
    const uint64_t own = mix64(seed) + i;
    const Sample sample = make_sample(own, Split::kId);
    Rng rng(own, hash64("held-out prompts"));
    const SceneFacts facts = facts_of(sample.family, sample.scene, nullptr);
    Caption caption = one_caption(sample.scene, facts, rng, CaptionSplit::kHeldOut);
    if (seen.insert(caption.text).second) prompts.push_back({caption.text, caption.promised, sample.family});
  }
  return prompts;
}

}  // namespace orrery
