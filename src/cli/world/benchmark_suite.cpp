#include "cli/world/benchmark_suite.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "cli/batch_jobs.h"
#include "core/error.h"
#include "core/files.h"
#include "world/families.h"

extern const char* const kShippedSuite;  // samples/benchmark_suite.json, put into the program by CMake

namespace orrery {
namespace {

constexpr uint64_t kMaxSuiteBytes = 16 << 20;
constexpr double kMinSeconds = 0.5, kMaxScenarioSeconds = 60;

std::string text_of(const Json& entry, const char* key, const std::string& otherwise) {
  if (!entry.contains(key)) return otherwise;
  if (!entry.at(key).is_string()) fail("{} is no text", key);
  return entry.at(key).get<std::string>();
}

std::string required(const Json& entry, const char* key) {
  const std::string text = text_of(entry, key, "");
  if (text.empty()) fail("{} is missing", key);
  return text;
}

double number_of(const Json& entry, const char* key, double otherwise, double low, double high) {
  if (!entry.contains(key)) return otherwise;
  const double value = entry.at(key).is_number() ? entry.at(key).get<double>() : NAN;
  if (!(value >= low && value <= high))
    fail("{} {} is outside of {} to {}", key, entry.at(key).dump(), low, high);
  return value;
}

int index_of(const std::string& name, std::span<const std::string_view> names, const char* what) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) fail("{} '{}' is none of {}", what, name, fmt::join(names, ", "));
  return int(at - names.begin());
}

std::vector<physics_eval::ExpectedObject> objects_of(const Json& entry, const char* key) {
  std::vector<physics_eval::ExpectedObject> out;
  if (!entry.contains(key)) return out;
  if (!entry.at(key).is_array()) fail("{} is no list", key);
  for (const Json& o : entry.at(key)) {
    physics_eval::ExpectedObject object;
    if (o.contains("shape")) object.shape = Shape(index_of(required(o, "shape"), kShapeNames, "shape"));
    if (o.contains("color")) object.color = index_of(required(o, "color"), kColorNames, "color");
    out.push_back(object);
  }
  if (out.size() > size_t(kMaxObjects)) fail("{}: {} objects; at most {}", key, out.size(), kMaxObjects);
  return out;
}

void check_keys(const Json& entry, const std::set<std::string>& known) {
  if (!entry.is_object()) fail("it is no object");
  for (const auto& [key, value] : entry.items())
    if (!known.contains(key)) fail("unknown key {}; there are {}", key, fmt::join(known, ", "));
}

// What scenarios and pairs have in common.
Scenario common_of(const Json& entry) {
  Scenario s;
  s.id = required(entry, "id");
  if (safe_stem(s.id) != s.id) fail("id '{}' is no file name: letters, digits, '.', '_' and '-'", s.id);
  s.prompt = required(entry, "prompt");
  s.family = text_of(entry, "family", "");
  if (!s.family.empty() && !is_family(s.family))
    fail("family '{}' is none of {}", s.family, fmt::join(family_names(), ", "));
  const double seconds = number_of(entry, "seconds", s.seconds, kMinSeconds, kMaxScenarioSeconds);
  s.seconds = chunks_for(seconds) * kFramesPerChunk / kFramesPerSecond;
  s.objects = objects_of(entry, "objects");
  return s;
}

Scenario scenario_of(const Json& entry) {
  check_keys(entry, {"id", "law", "prompt", "family", "seconds", "expect", "judged_by", "objects"});
  Scenario s = common_of(entry);
  s.law = required(entry, "law");
  const std::string expect = text_of(entry, "expect", "motion");
  if (expect != "motion" && expect != "rest") fail("expect '{}' is neither motion nor rest", expect);
  s.expect = expect == "rest" ? Expect::kRest : Expect::kMotion;
  if (entry.contains("judged_by")) {
    if (!entry.at("judged_by").is_array()) fail("judged_by is no list");
    for (const Json& law : entry.at("judged_by")) {
      if (!law.is_string()) fail("judged_by: {} is no text", law.dump());
      s.judged_by.push_back(law.get<std::string>());
    }
  }
  return s;
}

PromptPair pair_of(const Json& entry) {
  check_keys(entry, {"id", "relation", "gravity", "prompt", "changed", "family", "seconds", "objects",
                     "changed_objects"});
  PromptPair p;
  p.base = common_of(entry);
  p.id = p.base.id;
  p.changed = p.base;
  p.base.id += "-base", p.changed.id += "-changed";
  p.changed.prompt = required(entry, "changed");
  if (entry.contains("changed_objects")) p.changed.objects = objects_of(entry, "changed_objects");
  const std::string relation = required(entry, "relation");
  const std::string_view names[] = {"mirrored", "recoloured", "gravity"};
  p.relation = Relation(index_of(relation, names, "relation"));
  p.gravity = number_of(entry, "gravity", 1, 0.01, 100);
  if (p.relation == Relation::kGravity && std::abs(std::log(p.gravity)) < 0.1)
    fail("gravity: how many times it changes is missing, for example 0.165");
  return p;
}

class Reader {
 public:
  explicit Reader(std::string source) : source_(std::move(source)) {}
  // `take` reads one entry of the list; its error gets the entry's place.
  template <class Take>
  void read_list(const Json& document, const char* key, Take&& take) {
    if (!document.contains(key)) return;
    if (!document.at(key).is_array())
      return errors_.push_back(fmt::format("{}: {} is no list", source_, key));
    int number = 0;
    for (const Json& entry : document.at(key)) {
      ++number;
      try {
        const std::string id = take(entry);
        if (!ids_.insert(id).second) fail("id '{}' is there twice", id);
      } catch (const std::exception& error) {
        errors_.push_back(fmt::format("{}: {} {}: {}", source_, key, number, error.what()));
      }
    }
  }
  void finish() const {
    if (!errors_.empty()) throw UsageError(fmt::format("{}", fmt::join(errors_, "\norrery: ")));
  }

 private:
  std::string source_;
  std::set<std::string> ids_;
  std::vector<std::string> errors_;
};

}  // namespace

const char* relation_name(Relation relation) {
  static const char* const names[] = {"mirrored", "recoloured", "gravity"};
  return names[int(relation)];
}

std::vector<std::string> Suite::laws() const {
  std::vector<std::string> out;
  for (const Scenario& s : scenarios)
    if (std::find(out.begin(), out.end(), s.law) == out.end()) out.push_back(s.law);
  return out;
}

Suite parse_suite(const std::string& text, const std::string& source) {
  const Json document = parse_json(text, source);
  if (!document.is_object())
    fail_usage("{}: not a suite; `orrery benchmark --print-suite` shows one", source);
  Suite suite;
  suite.source = source;
  suite.sha256 = sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  Reader reader(source);
  try {
    suite.name = text_of(document, "suite", "unnamed");
    suite.version = int(number_of(document, "version", 0, 0, 1e6));
  } catch (const std::exception& error) {
    fail_usage("{}: {}", source, error.what());
  }
  reader.read_list(document, "scenarios", [&](const Json& entry) {
    suite.scenarios.push_back(scenario_of(entry));
    return suite.scenarios.back().id;
  });
  reader.read_list(document, "metamorphic", [&](const Json& entry) {
    suite.pairs.push_back(pair_of(entry));
    return suite.pairs.back().id;
  });
  reader.finish();
  if (suite.scenarios.empty())
    fail_usage("{}: no scenarios; `orrery benchmark --print-suite` shows a suite", source);
  return suite;
}

Suite load_suite(const std::string& path) {
  return path.empty() ? parse_suite(shipped_suite(), "the shipped suite")
                      : parse_suite(read_text(path, kMaxSuiteBytes), path);
}

const std::string& shipped_suite() {
  static const std::string text = kShippedSuite;
  return text;
}

void narrow(Suite& suite, int scenarios, const std::vector<std::string>& laws) {
  const std::vector<std::string> known = suite.laws();
  for (const std::string& law : laws)
    if (std::find(known.begin(), known.end(), law) == known.end())
      fail_usage("--laws: '{}' is none of {}", law, fmt::join(known, ", "));
  std::map<std::string, int> taken;
  std::erase_if(suite.scenarios, [&](const Scenario& s) {
    if (!laws.empty() && std::find(laws.begin(), laws.end(), s.law) == laws.end()) return true;
    return ++taken[s.law] > scenarios && scenarios > 0;
  });
}

}  // namespace orrery
