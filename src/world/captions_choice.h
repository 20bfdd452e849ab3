// Inside the captions: weighted choice among phrases, held-out ones only where they are allowed.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "world/captions.h"
#include "world/lexicon.h"

namespace orrery {

class Chooser {
 public:
  Chooser(Rng& rng, CaptionSplit split) : rng_(rng), split_(split) {}
  bool chance(double p) { return rng_.chance(p); }
  int below(int n) { return rng_.below(n); }
  double uniform() { return rng_.uniform(); }

  // From that table of the lexicon, {placeholders} filled.
  std::string phrase(std::string_view table);
  Predicate predicate(std::string_view table);  // placeholders remain
  std::string fill(std::string text);
  // A sentence form that training never shows: always false for the training split.
  bool held_out_form(double p);
  int held_out_used() const { return held_out_used_; }

 private:
  template <class T>
  const T& pick(std::span<const T> table);
  Rng& rng_;
  CaptionSplit split_;
  int held_out_used_ = 0;
};

// What a caption says of an object.
struct Mention {
  bool color = false, shape = false, size = false, material = false, place = false;
  bool operator==(const Mention&) const = default;
};

struct NounPhrase {
  std::string text;
  bool plural = false;
  std::vector<ExpectedObject> promised;  // one for each object
};

// "a small red ball"; all `members` must look alike as far as `mention` goes. `bare`: without an article.
NounPhrase noun_phrase(const Scene& scene, const std::vector<int>& members, const Mention& mention, bool bare,
                       Chooser& choose);
// Several things: those that look alike are counted together. "two red balls, a box and a tiny sphere"
NounPhrase list_phrase(const Scene& scene, const std::vector<int>& members,
                       const std::vector<Mention>& mentions, bool bare, Chooser& choose);
// What is not empty, with a blank between.
std::string spaced(std::initializer_list<std::string_view> parts);
// "a" or "an" before `word`
std::string_view article(std::string_view word);
// "a", "a and b", "a, b and c"
std::string join_list(const std::vector<std::string>& parts, const std::string& last = " and ");

// "in front of a mint wall", "on the moon", "": each with probability p.
std::string surroundings(const Scene& scene, double p, Chooser& choose);

}  // namespace orrery
