#include "world/lexicon.h"

#include <map>

#include "core/error.h"

namespace orrery {
namespace {

// Notation: "~phrase" is held out, "phrase*4" is four times as likely. Tables named after schema values
// ("color:red") translate a value; the others name a role in a sentence.
using Row = std::pair<const std::string_view, std::vector<const char*>>;

const std::vector<Row> kPhraseRows = {
    {"color:red", {"red*7", "bright red", "crimson", "ruby", "cherry red", "pinkish red", "~scarlet*2", "~carmine"}},
    {"color:orange", {"orange*7", "bright orange", "orange colored", "~tangerine*2", "~reddish orange"}},
    {"color:yellow", {"yellow*7", "bright yellow", "lemon yellow", "golden", "greenish yellow", "~canary yellow", "~yellowish"}},
    {"color:green", {"green*7", "bright green", "emerald", "grass green", "bluish green", "~jade*2", "~leaf green"}},
    {"color:cyan", {"cyan*5", "turquoise*2", "aqua", "greenish blue", "~teal", "~aquamarine"}},
    {"color:blue",
     {"blue*7", "bright blue", "azure", "navy blue", "sapphire", "purplish blue", "~ultramarine", "~royal blue"}},
    {"color:purple", {"purple*7", "violet*2", "deep purple", "pinkish purple", "~mauve", "~lavender"}},
    {"color:pink", {"pink*7", "hot pink", "rosy", "magenta", "purplish pink", "~fuchsia", "~salmon pink"}},
    {"color:white", {"white*7", "snow white", "pure white", "ivory", "bluish white", "~chalk white", "~pearly"}},
    {"color:black", {"black*7", "jet black", "ebony", "~pitch black", "~coal black"}},

    // singular/plural
    {"shape:ball",
     {"ball/balls*7", "sphere/spheres*2", "orb/orbs", "round ball/round balls", "round object/round objects", "spherical object/spherical objects", "marble/marbles",
      "basketball/basketballs", "tennis ball/tennis balls", "soccer ball/soccer balls", "beach ball/beach balls", "~globe/globes",
      "~round thing/round things"}},
    {"shape:box",
     {"box/boxes*6", "block/blocks*2", "cube/cubes*2", "crate/crates", "square box/square boxes", "square object/square objects", "cubic object/cubic objects",
      "package/packages", "brick/bricks", "chest/chests",
      "~carton/cartons", "~cuboid/cuboids"}},
    {"shape:any", {"object/objects*3", "thing/things*2", "~item/items"}},

    {"size:tiny", {"tiny*3", "very small", "little", "~minuscule", "~teeny"}},
    {"size:small", {"small*4", "little*2", "~smallish"}},
    {"size:big", {"big*4", "large*3", "~sizable"}},
    {"size:huge", {"huge*2", "very big", "very large", "giant", "big", "large", "~enormous", "~massive"}},

    {"material:rubber", {"rubber*4", "~rubbery"}},
    {"material:wood", {"wooden*4", "wood", "~timber"}},
    {"material:steel", {"steel*3", "metal*2", "~metallic", "~iron"}},
    {"material:ice", {"ice*2", "icy", "~frozen"}},
    {"material:clay", {"clay*3", "~mud"}},
    {"substance:rubber", {"rubber"}},
    {"substance:wood", {"wood"}},
    {"substance:steel", {"steel*2", "metal"}},
    {"substance:ice", {"ice"}},
    {"substance:clay", {"clay"}},
    {"made_of", {"made of*3", "of", "~made out of"}},

    {"ground", {"floor*4", "ground*3", "~surface"}},
    {"slope", {"ramp*5", "slope*2", "incline", "~wedge", "~hillside"}},
    {"air", {"air"}},

    {"place:far_left",
     {"on the far left*2", "near the left edge*2", "at the left edge", "~by the left border"}},
    {"place:left", {"on the left*4", "on the left side*2", "at left", "~in the left half"}},
    {"place:middle", {"in the middle*3", "in the center*2", "~at the midpoint"}},
    {"place:right", {"on the right*4", "on the right side*2", "at right", "~in the right half"}},
    {"place:far_right",
     {"on the far right*2", "near the right edge*2", "at the right edge", "~by the right border"}},
    {"height:high", {"high up*2", "near the top", "~at a great height", "~way up"}},
    {"height:low",
     {"low down", "close to the {ground}", "just above the {ground}", "~a little above the {ground}"}},
    {"from:high",
     {"from high up*2", "from high above", "from a height", "from above", "from the top", "~from up high"}},
    {"from:low", {"from low down", "from just above the {ground}", "~from a small height"}},
    {"dir:left",
     {"to the left*4", "left", "toward the left", "towards the left", "from right to left", "~leftwards",
      "~leftward"}},
    {"dir:right",
     {"to the right*4", "right", "toward the right", "towards the right", "from left to right", "~rightwards",
      "~rightward"}},
    {"dir:up", {"up*2", "upward*2", "into the {air}*2", "~skyward"}},
    {"dir:down", {"down", "downward", "~groundward"}},
    {"speed:slow", {"slowly*4", "gently*2", "at low speed", "~leisurely", "~without hurry"}},
    {"speed:fast", {"fast*3", "quickly*3", "rapidly", "at high speed", "~swiftly", "~speedily"}},

    {"relation:left", {"to the left of*3", "left of*2", "on the left of", "~leftward of"}},
    {"relation:right", {"to the right of*3", "right of*2", "on the right of", "~rightward of"}},
    {"relation:above", {"above*4", "over*2", "directly above", "~on a higher level than"}},
    {"relation:below", {"below*3", "under*2", "beneath", "~underneath"}},
    {"relation:beside", {"next to*3", "beside*2", "close to", "~alongside"}},

    {"gravity:moon",
     {"on the moon*3", "in low gravity", "in weak gravity", "in the moon's gravity",
      "~on the lunar surface"}},
    {"gravity:low",
     {"in low gravity*2", "in weak gravity*2", "with little gravity", "~under reduced gravity"}},
    {"gravity:earth", {"on earth*2", "in normal gravity", "~under ordinary gravity"}},
    {"gravity:strong",
     {"in strong gravity*2", "in high gravity", "with heavy gravity", "~under intense gravity"}},

    {"backdrop:cream", {"cream*2", "cream colored"}},
    {"backdrop:sky", {"sky blue*2", "light blue"}},
    {"backdrop:mint", {"mint", "mint green"}},
    {"backdrop:rose", {"rose", "rose colored"}},
    {"backdrop:slate", {"slate", "slate gray"}},
    {"backdrop:sand", {"sand colored*2", "sandy"}},
    {"backdrop:lilac", {"lilac*2", "lilac colored"}},
    {"backdrop:fog", {"foggy gray", "light gray", "fog colored"}},
    {"floor:plain", {"plain floor", "smooth floor"}},
    {"floor:planks", {"wooden floor", "floor of planks", "plank floor"}},
    {"floor:tiles", {"tiled floor", "floor with tiles"}},
    {"floor:carpet", {"carpet", "carpeted floor"}},
    {"before_wall", {"in front of*3", "against*2", "~backed by"}},
    {"on_floor", {"on a*2", "with a"}},
    {"light:left", {"lit from the left", "with light from the left"}},
    {"light:right", {"lit from the right", "with light from the right"}},
    {"light:above", {"lit from above", "with light from above"}},
    {"light:soft", {"in soft light*2", "with soft lighting"}},

    {"then", {"and*6", "and then*2", "then", "~and afterwards"}},
    {"list_and", {"and*8", "with", "plus", "together with", "~as well as"}},
    {"while", {"while*4", "and*4", "as*2", "~whereas"}},
    {"single", {"a single*3", "just one*2", "only one", "a lone"}},
    {"alone", {"and nothing else*2", "on its own", "by itself", "alone"}},
    {"collision_of", {"a collision between*3", "a crash between*2", "the moment of impact between", "a collision of"}},
    {"there_is", {"there is*3", "here is", "we see*2", "~one can see"}},
    {"show",
     {"show*3",
      "show me*2",
      "a video of*3",
      "a clip of*2",
      "make a video of*2",
      "animate",
      "render",
      "generate",
      "draw",
      "video of*2",
      "a scene with*2",
      "an animation of",
      "i want to see",
      "create a clip of",
      "~film",
      "~picture",
      "~give me footage of",
      "~please display",
      "~simulate",
      "~a short movie showing"}},
    {"watch", {"watch*3", "see*2", "~observe", "~let us watch"}},
    {"opening",
     {"in this clip", "in this video", "in the scene", "~what happens here is simple:", "~picture this:"}},
};

// A verb: "base third -ing past", then "|" and what follows. "!participle" is passive, "=complement" a
// copula. " & " joins verbs.
const std::vector<Row> kPredicateRows = {
    {"fall",
     {"fall falls falling fell*5",
      "drop drops dropping dropped*5",
      "fall falls falling fell| down*3",
      "fall falls falling fell| to the {ground}*4",
      "drop drops dropping dropped| to the {ground}*3",
      "drop drops dropping dropped| down",
      "tumble tumbles tumbling tumbled| down",
      "plummet plummets plummeting plummeted",
      "plummet plummets plummeting plummeted| to the {ground}",
      "come comes coming came| down",
      "plunge plunges plunging plunged| down",
      "fall falls falling fell| straight down",
      "drop drops dropping dropped| through the {air}",
      "!dropped*2",
      "!dropped| on the {ground}",
      "!released",
      "!let go",
      "fall falls falling fell| freely",
      "descend descends descending descended",
      "fall falls falling fell & land lands landing landed| on the {ground}*2",
      "fall falls falling fell & hit hits hitting hit| the {ground}",
      "~hurtle hurtles hurtling hurtled| down",
      "~nosedive nosedives nosediving nosedived",
      "~head heads heading headed| for the {ground}"}},
    {"bounce",
     {"bounce bounces bouncing bounced*6", "fall falls falling fell & bounce bounces bouncing bounced*5",
      "drop drops dropping dropped & bounce bounces bouncing bounced*4",
      "bounce bounces bouncing bounced| up and down*2", "bounce bounces bouncing bounced| on the {ground}*3",
      "fall falls falling fell| to the {ground} & bounce bounces bouncing bounced| back",
      "bounce bounces bouncing bounced| off the {ground}", "!dropped & bounce bounces bouncing bounced",
      "hit hits hitting hit| the {ground} & bounce bounces bouncing bounced| back up",
      "~rebound rebounds rebounding rebounded| from the {ground}",
      "~spring springs springing sprang| back from the {ground}", "~hop hops hopping hopped| up and down",
      "~leap leaps leaping leapt| up again"}},
    {"throw",
     {"!thrown*5", "!tossed*3", "!thrown| through the {air}*3", "fly flies flying flew*3",
      "fly flies flying flew| through the {air}*4", "soar soars soaring soared| through the {air}*2",
      "!hurled", "sail sails sailing sailed| through the {air}",
      "travel travels traveling traveled| in an arc", "!launched", "!shot| through the {air}", "~!flung*2",
      "~!lobbed", "~curve curves curving curved| through the {air}",
      "~follow follows following followed| an arc"}},
    {"throw_up",
     {"!thrown| up*3", "!tossed| up*2", "!thrown| into the {air}*3", "!tossed| into the {air}*2",
      "fly flies flying flew| up & fall falls falling fell| back", "!thrown| upward",
      "rise rises rising rose & fall falls falling fell*2", "~!flung| skyward", "~!lobbed| upward"}},
    {"throw_down",
     {"!thrown| down*3", "!thrown| downward*2", "!thrown| at the {ground}", "~!flung| downward",
      "~!slammed| to the {ground}"}},
    {"roll",
     {"roll rolls rolling rolled*5", "roll rolls rolling rolled| across the {ground}*4",
      "roll rolls rolling rolled| along the {ground}*3", "roll rolls rolling rolled| over the {ground}",
      "roll rolls rolling rolled| along", "move moves moving moved| along the {ground}",
      "!rolled| across the {ground}", "~trundle trundles trundling trundled| along",
      "~wheel wheels wheeling wheeled| across the {ground}"}},
    {"slide",
     {"slide slides sliding slid*5", "slide slides sliding slid| across the {ground}*4",
      "slide slides sliding slid| along the {ground}*3", "glide glides gliding glided| across the {ground}",
      "skid skids skidding skidded| across the {ground}", "!pushed| across the {ground}",
      "slide slides sliding slid| over the {ground}", "~slip slips slipping slipped| along the {ground}",
      "~skate skates skating skated| across the {ground}", "~scoot scoots scooting scooted| along"}},
    {"rest",
     {"sit sits sitting sat| still*4", "rest rests resting rested| on the {ground}*4",
      "lie lies lying lay| on the {ground}*3", "=at rest*2", "stand stands standing stood| still*2",
      "sit sits sitting sat| on the {ground}*3", "stay stays staying stayed| put", "=still", "=motionless",
      "wait waits waiting waited| on the {ground}", "rest rests resting rested*2",
      "~remain remains remaining remained| in place", "~=immobile", "~=stationary",
      "~keep keeps keeping kept| still"}},
    {"ramp_rest",
     {"rest rests resting rested| on a {slope}*3", "sit sits sitting sat| on a {slope}*2",
      "stay stays staying stayed| on the {slope}", "~remain remains remaining remained| on a {slope}"}},
    {"ramp_roll",
     {"roll rolls rolling rolled| down a {slope}*6", "roll rolls rolling rolled| down the {slope}*3",
      "run runs running ran| down a {slope}", "roll rolls rolling rolled| off a {slope}",
      "go goes going went| down a {slope}", "~trundle trundles trundling trundled| down a {slope}",
      "~race races racing raced| down a {slope}"}},
    {"ramp_slide",
     {"slide slides sliding slid| down a {slope}*6", "slide slides sliding slid| down the {slope}*3",
      "go goes going went| down a {slope}", "glide glides gliding glided| down a {slope}",
      "~slip slips slipping slipped| down a {slope}", "~coast coasts coasting coasted| down a {slope}"}},
    {"hit",
     {"hit hits hitting hit*5", "bump bumps bumping bumped| into*3",
      "collide collides colliding collided| with*3", "crash crashes crashing crashed| into*3",
      "strike strikes striking struck*2", "knock knocks knocking knocked| into", "run runs running ran| into",
      "bang bangs banging banged| into", "~smash smashes smashing smashed| into",
      "~ram rams ramming rammed| into", "~slam slams slamming slammed| into", "~meet meets meeting met"}},
    {"fall_on",
     {"fall falls falling fell| on*3", "fall falls falling fell| onto*3",
      "drop drops dropping dropped| onto*3", "land lands landing landed| on*3",
      "fall falls falling fell & hit hits hitting hit*2", "!dropped| onto",
      "~topple topples toppling toppled| onto", "~plop plops plopping plopped| onto"}},
    {"roll_into",
     {"roll rolls rolling rolled| into*4", "roll rolls rolling rolled| toward & hit hits hitting hit",
      "move moves moving moved| into", "~barrel barrels barreling barreled| into"}},
    {"slide_into",
     {"slide slides sliding slid| into*4", "slide slides sliding slid| toward & hit hits hitting hit",
      "move moves moving moved| into", "~barrel barrels barreling barreled| into"}},
    {"throw_into", {"fly flies flying flew| into*3", "!thrown| at*3", "!tossed| at", "~!flung| against"}},
    {"ramp_roll_into",
     {"roll rolls rolling rolled| down a {slope} into*4",
      "roll rolls rolling rolled| down a {slope} onto the {ground} & hit hits hitting hit",
      "go goes going went| down a {slope} & bump bumps bumping bumped| into"}},
    {"ramp_slide_into",
     {"slide slides sliding slid| down a {slope} into*4",
      "slide slides sliding slid| down a {slope} onto the {ground} & hit hits hitting hit",
      "go goes going went| down a {slope} & bump bumps bumping bumped| into"}},
    {"hit_by",
     {"!hit| by*4", "!struck| by*2", "!bumped| by", "!knocked| by", "~!rammed| by", "~!smashed| by"}},
    {"collide",
     {"collide collides colliding collided*4", "bump bumps bumping bumped| into each other*3",
      "crash crashes crashing crashed| into each other*3", "hit hits hitting hit| each other*2",
      "run runs running ran| into each other", "~smash smashes smashing smashed| together",
      "~meet meets meeting met| head on"}},
};

Phrase parse_phrase(std::string_view text) {
  Phrase phrase;
  phrase.held_out = text.starts_with('~');
  if (phrase.held_out) text.remove_prefix(1);
  if (const size_t star = text.rfind('*'); star != text.npos) {
    phrase.weight = text[star + 1] - '0';
    text = text.substr(0, star);
  }
  phrase.text = text;
  return phrase;
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at; (at = text.find(separator, begin)) != text.npos; begin = at + separator.size())
    parts.push_back(text.substr(begin, at - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

Verb parse_verb(const std::string& text) {
  Verb verb;
  const size_t bar = text.find('|');
  const std::string forms = text.substr(0, bar);
  if (bar != text.npos) verb.tail = text.substr(bar + 1);
  if (forms[0] == '!' || forms[0] == '=') {
    verb.kind = forms[0] == '!' ? Verb::Kind::kPassive : Verb::Kind::kCopula;
    verb.past = forms.substr(1);
    return verb;
  }
  const auto words = split(forms, " ");
  ORRERY_ASSERT(words.size() == 4);
  verb.base = words[0], verb.third = words[1], verb.ing = words[2], verb.past = words[3];
  return verb;
}

Predicate parse_predicate(std::string_view text) {
  const Phrase phrase = parse_phrase(text);
  Predicate predicate{{}, phrase.weight, phrase.held_out};
  for (const std::string& verb : split(phrase.text, " & ")) predicate.verbs.push_back(parse_verb(verb));
  return predicate;
}

const auto& phrase_tables() {
  static const auto tables = [] {
    std::map<std::string_view, std::vector<Phrase>> out;
    for (const auto& [name, rows] : kPhraseRows)
      for (const char* row : rows) out[name].push_back(parse_phrase(row));
    return out;
  }();
  return tables;
}

const auto& predicate_tables() {
  static const auto tables = [] {
    std::map<std::string_view, std::vector<Predicate>> out;
    for (const auto& [name, rows] : kPredicateRows)
      for (const char* row : rows) out[name].push_back(parse_predicate(row));
    return out;
  }();
  return tables;
}

// Without the tail. The second verb of a predicate leaves out "is": "is dropped and bounced".
std::string verb_form(const Verb& verb, Tense tense, bool plural) {
  if (verb.kind == Verb::Kind::kActive) {
    switch (tense) {
      case Tense::kPresent:
        return plural ? verb.base : verb.third;
      case Tense::kProgressive:
        return (plural ? "are " : "is ") + verb.ing;
      case Tense::kParticiple:
        return verb.ing;
      case Tense::kInfinitive:
        return verb.base;
      case Tense::kPast:
        return verb.past;
    }
  }
  const std::string being = verb.kind == Verb::Kind::kPassive ? "being " : "";
  switch (tense) {
    case Tense::kPresent:
      return (plural ? "are " : "is ") + verb.past;
    case Tense::kProgressive:
      return (plural ? "are " : "is ") + being + verb.past;
    case Tense::kParticiple:
      return being + verb.past;
    case Tense::kInfinitive:
      return "be " + verb.past;
    case Tense::kPast:
      return (plural ? "were " : "was ") + verb.past;
  }
  ORRERY_ASSERT(false);
}

}  // namespace

std::span<const Phrase> phrases(std::string_view table) {
  const auto it = phrase_tables().find(table);
  if (it == phrase_tables().end()) fail("captions: there is no table of phrases \"{}\"", table);
  return it->second;
}

std::span<const Predicate> predicates(std::string_view table) {
  const auto it = predicate_tables().find(table);
  if (it == predicate_tables().end()) fail("captions: there is no table of predicates \"{}\"", table);
  return it->second;
}

std::string conjugate(const Predicate& predicate, Tense tense, bool plural) {
  std::string out;
  for (size_t i = 0; i < predicate.verbs.size(); ++i) {
    if (i) out += " {then} ";
    // "is falling and bouncing": one auxiliary is enough.
    const bool active = predicate.verbs[i].kind == Verb::Kind::kActive;
    const Tense own = i && active && tense == Tense::kProgressive ? Tense::kParticiple : tense;
    out += verb_form(predicate.verbs[i], own, plural) + predicate.verbs[i].tail;
  }
  return out;
}

std::vector<std::string> lexicon_phrases(bool held_out) {
  std::vector<std::string> out;
  for (const auto& [name, table] : phrase_tables())
    for (const Phrase& phrase : table)
      if (phrase.held_out == held_out)
        for (const std::string& form : split(phrase.text, "/")) out.push_back(form);
  for (const auto& [name, table] : predicate_tables())
    for (const Predicate& predicate : table)
      if (predicate.held_out == held_out)
        for (Tense tense : {Tense::kPresent, Tense::kParticiple, Tense::kInfinitive, Tense::kPast})
          for (bool plural : {false, true}) out.push_back(conjugate(predicate, tense, plural));
  return out;
}

}  // namespace orrery
