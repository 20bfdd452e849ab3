// The prompts of the world-model benchmark: a JSON file, the shipped one or the user's (schema:
// physics_eval/README.md).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "physics_eval/adherence.h"

namespace orrery {

enum class Expect { kMotion, kRest };

struct Scenario {
  std::string id, law, prompt;
  std::string family;  // of the simulator's reference scenes; empty: the references leave it out
  double seconds = 3;  // of whole chunks
  Expect expect = Expect::kMotion;
  std::vector<std::string> judged_by;  // laws of physics_eval, the worst counts; empty: the clip's score
  std::vector<physics_eval::ExpectedObject> objects;  // empty: adherence is not judged
};

enum class Relation { kMirrored, kRecoloured, kGravity };
const char* relation_name(Relation relation);

// Two prompts whose clips must differ in one way and agree in all others: needs no ground truth.
struct PromptPair {
  std::string id;
  Relation relation = Relation::kMirrored;
  double gravity = 1;  // kGravity: what it is multiplied by
  Scenario base, changed;
};

struct Suite {
  std::string name, source, sha256;  // source: the file
  int version = 0;
  std::vector<Scenario> scenarios;
  std::vector<PromptPair> pairs;
  std::vector<std::string> laws() const;  // in the file's order
};

// UsageError with every fault of the file, each with its place.
Suite parse_suite(const std::string& text, const std::string& source);
Suite load_suite(const std::string& path);  // empty: the shipped one
const std::string& shipped_suite();         // as text: --print-suite

// The first `scenarios` of each law (0: all), of these laws only (empty: all; UsageError for an unknown one).
void narrow(Suite& suite, int scenarios, const std::vector<std::string>& laws);

}  // namespace orrery
