// The words of the captions: tables of phrases by name, each with a weight and, for some, a mark that keeps
// it out of training. Synonyms follow WordNet 3.0 (hyponyms of the colours, synsets of sphere, cube, fall,
// ...).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace orrery {

struct Phrase {
  std::string text;
  double weight = 1;
  bool held_out = false;
};

// A verb in the four forms that English needs, and what follows it. The copula has forms of its own.
struct Verb {
  enum class Kind { kActive, kPassive, kCopula };
  Kind kind = Kind::kActive;
  std::string base, third, ing,
      past;          // active; passive: `past` is the participle; copula: `past` is the complement
  std::string tail;  // " to the {ground}"; {names} are filled from the tables
};

// "falls and bounces" is a predicate of two verbs.
struct Predicate {
  std::vector<Verb> verbs;
  double weight = 1;
  bool held_out = false;
};

enum class Tense { kPresent, kProgressive, kParticiple, kInfinitive, kPast };

// Error if there is no such table.
std::span<const Phrase> phrases(std::string_view table);
std::span<const Predicate> predicates(std::string_view table);

// "falls to the {ground} and bounces"; placeholders are still in it.
std::string conjugate(const Predicate& predicate, Tense tense, bool plural);

// Every phrase and every verb form of the tables that is held out of training captions, or that is not.
std::vector<std::string> lexicon_phrases(bool held_out);

}  // namespace orrery
