// Training captions made harder on purpose, so that prompts in other words than the grammar's are understood:
// words that mean nothing here, sentences in another order, words known by their meaning alone, and others of nearly
// the same meaning in their place.
#pragma once
#include <map>
#include <vector>

#include "core/rng.h"
#include "models/text_tokenizer.h"

namespace orrery {

struct CaptionToken {
  int id = 0;
  bool learned = true;       // false: the frozen word vector alone
  std::vector<float> shift;  // [kTextVectorSize] added to the word vector, or empty
};

class CaptionNoise {
 public:
  // amount: of the shares of captions whose words change places or get strangers, and of words that others stand in
  // for; 0: none. Word dropout is apart.
  explicit CaptionNoise(const TextTokenizer& text, double amount = 1);

  // The caption's tokens, at most kMaxTextTokens. `one_object`: every word is about the same object, so its parts may
  // change places. `word_dropout`: share of words that only their (blurred) vector tells.
  std::vector<CaptionToken> apply(std::string_view caption, bool one_object, double word_dropout, Rng& rng) const;

  // Words that no caption holds and that are near none which one does (cosine of the vectors below 0.45).
  const std::vector<int>& fillers() const { return fillers_; }
  // Words that may stand in for one of the captions': WordNet calls them the same or a kind of something taught, and
  // this is the nearest taught word (cosine at least 0.85). No word of the held-out phrases is among them.
  const std::map<int, std::vector<int>>& stand_ins() const { return stand_ins_; }

 private:
  void add_comma(std::vector<int>& ids, Rng& rng) const;
  void shuffle_parts(std::vector<int>& ids, Rng& rng) const;
  void add_fillers(std::vector<int>& ids, Rng& rng) const;
  void find_stand_ins(const std::vector<int>& taught);
  bool begins_word(int id) const { return !text_.token(id).starts_with("##"); }

  const TextTokenizer& text_;
  const double amount_;
  const int comma_;  // id
  std::vector<int> fillers_;
  std::map<int, std::vector<int>> stand_ins_;
};

}  // namespace orrery
