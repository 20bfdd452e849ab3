#include <array>
#include <cmath>

#include "core/error.h"
#include "world/captions_choice.h"
#include "world/captions_facts.h"
#include "world/scenes.h"

namespace orrery {
namespace {

std::string table_of(std::string_view kind, std::string_view value) {
  return fmt::format("{}:{}", kind, value);
}

std::string number_word(int n, Chooser& choose) {
  static constexpr std::string_view kNumbers[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                                  "seven", "eight", "nine", "ten",   "eleven", "twelve"};
  if (choose.chance(0.1)) return std::to_string(n);
  if (n == 2 && choose.chance(0.1)) return "a pair of";
  return std::string(kNumbers[n]);
}

std::string size_word(double size, Chooser& choose) {
  switch (size_class(size)) {
    case SizeClass::kTiny:
      return choose.phrase(choose.chance(0.6) ? "size:tiny" : "size:small");
    case SizeClass::kSmall:
      return choose.phrase("size:small");
    case SizeClass::kMedium:
      return "";
    case SizeClass::kBig:
      return choose.phrase("size:big");
    case SizeClass::kHuge:
      return choose.phrase(choose.chance(0.6) ? "size:huge" : "size:big");
  }
  return "";
}

// Singular or plural of a "ball/balls" row.
std::string noun(const std::string& row, bool plural) {
  const size_t slash = row.find('/');
  return plural ? row.substr(slash + 1) : row.substr(0, slash);
}

std::string place_of(const Scene& scene, const ObjectSpec& o, bool airborne, Chooser& choose) {
  const char* side = o.x < 1.6   ? "far_left"
                     : o.x < 4   ? "left"
                     : o.x > 8.4 ? "far_right"
                     : o.x > 6   ? "right"
                                 : nullptr;
  if (!side && o.x > 4.2 && o.x < 5.8) side = "middle";
  const double height = o.y - o.size - std::max(kFloorY, ground_height(scene, o.x));
  const char* level = height > 3.0                               ? "height:high"
                      : airborne && height > 0.3 && height < 1.0 ? "height:low"
                                                                 : nullptr;
  if (level && (!side || choose.chance(0.35))) return choose.phrase(level);
  if (!side) return "";
  // "on the far left" is also "on the left".
  if (std::string_view(side).starts_with("far_") && choose.chance(0.4)) side += 4;
  return choose.phrase(table_of("place", side));
}

struct Words {
  std::string before, after;  // of the noun
};

Words describe(const Scene& scene, const ObjectSpec& o, const Mention& mention, Chooser& choose) {
  std::vector<std::string> adjectives;
  Words words;
  if (mention.size) adjectives.push_back(size_word(o.size, choose));
  if (mention.color) adjectives.push_back(choose.phrase(table_of("color", kColorNames[o.color])));
  const std::string_view material = kMaterialNames[o.material];
  if (mention.material) {
    if (choose.chance(0.15))
      words.after = spaced({choose.phrase("made_of"), choose.phrase(table_of("substance", material))});
    else adjectives.push_back(choose.phrase(table_of("material", material)));
  }
  if (mention.place)
    words.after = spaced({words.after, place_of(scene, o, o.y - o.size > kFloorY + 0.02, choose)});
  for (const std::string& adjective : adjectives) words.before = spaced({words.before, adjective});
  return words;
}

bool same_look(const ObjectSpec& a, const Mention& ma, const ObjectSpec& b, const Mention& mb) {
  if (!(ma == mb) || ma.place) return false;
  return (!ma.color || a.color == b.color) && (!ma.shape || a.shape == b.shape) &&
         (!ma.material || a.material == b.material) && (!ma.size || size_class(a.size) == size_class(b.size));
}

// "two balls, one red and one blue": two alike but for their colour.
bool by_color(const Scene& scene, const std::vector<int>& members, const std::vector<Mention>& mentions,
              Chooser& choose, NounPhrase& out) {
  const ObjectSpec &a = scene.objects[members[0]], &b = scene.objects[members[1]];
  const Mention& mention = mentions[0];
  if (!(mention == mentions[1]) || !mention.color || !mention.shape || mention.size || mention.material ||
      mention.place)
    return false;
  if (a.shape != b.shape || a.color == b.color || !choose.chance(0.35)) return false;
  const std::string row = choose.phrase(table_of("shape", kShapeNames[int(a.shape)]));
  const std::string first = choose.phrase(table_of("color", kColorNames[a.color]));
  const std::string second = choose.phrase(table_of("color", kColorNames[b.color]));
  const std::string one = noun(row, false), many = noun(row, true);
  if (choose.held_out_form(0.3)) out.text = spaced({"a duo of", many, "in", first, "and", second});
  else if (choose.chance(0.4)) out.text = spaced({"two", many + ",", "one", first, "and one", second + ","});
  else if (choose.chance(0.5))
    out.text = spaced({article(first), first, "and", article(second), second, one});
  else out.text = spaced({article(first), first, one, "and", article(second), second, "one"});
  out.plural = true;
  out.promised = {{a.shape, a.color, members[0]}, {b.shape, b.color, members[1]}};
  return true;
}

}  // namespace

NounPhrase noun_phrase(const Scene& scene, const std::vector<int>& members, const Mention& mention, bool bare,
                       Chooser& choose) {
  const ObjectSpec& o = scene.objects[members[0]];
  NounPhrase out;
  out.plural = members.size() > 1;
  const Words words = describe(scene, o, mention, choose);
  const std::string row =
      choose.phrase(mention.shape ? table_of("shape", kShapeNames[int(o.shape)]) : "shape:any");
  const std::string core = spaced({words.before, noun(row, out.plural), words.after});
  if (out.plural) out.text = spaced({number_word(int(members.size()), choose), core});
  else if (bare) out.text = core;
  else if (scene.objects.size() == 1 && choose.chance(0.06)) out.text = spaced({choose.phrase("single"), core});
  else if (!words.before.empty() && choose.chance(0.05))
    out.text = spaced({article(row), noun(row, false) + ",", words.before + ",", words.after});
  else out.text = spaced({choose.chance(0.07) ? "one" : choose.chance(0.05) ? "the" : article(core), core});
  ExpectedObject promise;
  if (mention.shape) promise.shape = o.shape;
  if (mention.color) promise.color = o.color;
  for (int member : members) {
    promise.object = member;
    out.promised.push_back(promise);
  }
  return out;
}

NounPhrase list_phrase(const Scene& scene, const std::vector<int>& members,
                       const std::vector<Mention>& mentions, bool bare, Chooser& choose) {
  NounPhrase out;
  if (members.size() == 2 && by_color(scene, members, mentions, choose, out)) return out;
  std::vector<bool> done(members.size(), false);
  std::vector<std::string> parts;
  for (size_t i = 0; i < members.size(); ++i) {
    if (done[i]) continue;
    std::vector<int> alike;
    for (size_t j = i; j < members.size(); ++j) {
      const bool same =
          j == i || same_look(scene.objects[members[i]], mentions[i], scene.objects[members[j]], mentions[j]);
      if (done[j] || !same) continue;
      done[j] = true;
      alike.push_back(members[j]);
    }
    const NounPhrase part = noun_phrase(scene, alike, mentions[i], bare && parts.empty(), choose);
    parts.push_back(part.text);
    out.promised.insert(out.promised.end(), part.promised.begin(), part.promised.end());
  }
  out.text = join_list(parts, parts.size() == 2 ? fmt::format(" {} ", choose.phrase("list_and")) : " and ");
  out.plural = members.size() > 1;
  return out;
}

std::string join_list(const std::vector<std::string>& parts, const std::string& last) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) out += i + 1 == parts.size() ? last : std::string(", ");
    out += parts[i];
  }
  return out;
}

std::string spaced(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += ' ';
    out += part;
  }
  return out;
}

std::string_view article(std::string_view word) {
  return std::string_view("aeiou").find(word.front()) == std::string_view::npos ? "a" : "an";
}

std::string surroundings(const Scene& scene, double p, Chooser& choose) {
  std::string out;
  if (choose.chance(p)) {
    const std::string color = choose.phrase(table_of("backdrop", kBackdropNames[scene.wall_color]));
    out = spaced({choose.phrase("before_wall"), article(color), color, "wall"});
  }
  if (choose.chance(p)) {
    std::string color;
    if (choose.chance(0.3)) color = choose.phrase(table_of("backdrop", kBackdropNames[scene.floor_color]));
    out = spaced({out, choose.phrase("on_floor"), color,
                  choose.phrase(table_of("floor", kFloorNames[scene.floor_texture]))});
  }
  if (choose.chance(0.5 * p)) out = spaced({out, choose.phrase(table_of("light", kLightNames[scene.light]))});
  const double g = scene.gravity;
  if (std::abs(g - 9.81) < 0.1 && choose.chance(0.01)) out = spaced({out, choose.phrase("gravity:earth")});
  const char* gravity = g < 2.7 && choose.chance(0.5) ? "gravity:moon"
                        : g < 6                       ? "gravity:low"
                        : g > 13                      ? "gravity:strong"
                                                      : nullptr;
  if (gravity && choose.chance(0.45)) out = spaced({out, choose.phrase(gravity)});
  return out;
}

}  // namespace orrery
