#include "world/captions_choice.h"

#include "core/error.h"

namespace orrery {

template <class T>
const T& Chooser::pick(std::span<const T> table) {
  // Held-out captions take a held-out phrase in a third of the places where there is one.
  const auto eligible = [&](const T& entry, bool held) { return entry.held_out == held; };
  bool held = split_ == CaptionSplit::kHeldOut && chance(0.33);
  double total = 0;
  for (const T& entry : table) total += eligible(entry, held) ? entry.weight : 0;
  if (total == 0) {
    held = false;
    for (const T& entry : table) total += eligible(entry, held) ? entry.weight : 0;
  }
  double at = rng_.uniform(0, total);
  const T* last = nullptr;
  for (const T& entry : table) {
    if (!eligible(entry, held)) continue;
    last = &entry;
    if ((at -= entry.weight) < 0) break;
  }
  ORRERY_ASSERT(last);
  held_out_used_ += held;
  return *last;
}

std::string Chooser::phrase(std::string_view table) { return fill(pick(phrases(table)).text); }

Predicate Chooser::predicate(std::string_view table) { return pick(predicates(table)); }

std::string Chooser::fill(std::string text) {
  for (size_t open; (open = text.find('{')) != text.npos;) {
    const size_t close = text.find('}', open);
    const std::string word = phrase(text.substr(open + 1, close - open - 1));
    text.replace(open, close - open + 1, word);
    if (text.substr(0, open).ends_with(" a ")) text.replace(open - 2, 1, article(word));
  }
  return text;
}

bool Chooser::held_out_form(double p) {
  if (split_ != CaptionSplit::kHeldOut || !chance(p)) return false;
  ++held_out_used_;
  return true;
}

}  // namespace orrery
