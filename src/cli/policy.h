// What this installation refuses to make: a short JSON, applied before any compute.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/json.h"

namespace orrery {

// A phrase of words; `*` in a word stands for any letters. It matches where its words stand one after the
// other in a prompt's words (letters and digits, lower case; everything else separates).
struct PolicyPattern {
  std::string phrase, reason;
};

struct Policy {
  std::string name;                        // of the file, for messages
  std::vector<PolicyPattern> allow, deny;  // allow empty: everything that is not denied
  std::optional<double> max_seconds;
  std::optional<int64_t> max_clips;  // of one command
};

// {"about": TEXT, "allow": [PHRASE, ...], "deny": [{"pattern": PHRASE, "reason": TEXT}, ...], "max_seconds":
// S, "max_clips": N}; every member may be absent. Error names file and member: unknown, of another type, an
// empty phrase.
Policy parse_policy(const Json& json, const std::string& name);
// file: "" the shipped one, "none" nothing is refused.
Policy load_policy(const std::string& file);

// Why it may not be made; none: it may. seconds, clips: of this request.
std::optional<std::string> refusal(const Policy& policy, const std::string& prompt, double seconds,
                                   int64_t clips);
// Error with the reason.
void enforce(const Policy& policy, const std::string& prompt, double seconds, int64_t clips = 1);

}  // namespace orrery
