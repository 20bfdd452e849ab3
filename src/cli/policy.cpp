#include "cli/policy.h"

#include <fnmatch.h>

#include <cctype>

#include "core/error.h"

namespace orrery {
namespace {

// Bytes above 127 belong to words: UTF-8 letters stay together.
std::vector<std::string> words_of(const std::string& text, bool keep_star) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || byte > 127 || (keep_star && c == '*')) words.back() += char(std::tolower(byte));
    else if (!words.back().empty()) words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool matches(const PolicyPattern& pattern, const std::vector<std::string>& prompt) {
  const std::vector<std::string> phrase = words_of(pattern.phrase, true);
  for (size_t start = 0; start + phrase.size() <= prompt.size(); ++start) {
    size_t i = 0;
    while (i < phrase.size() && fnmatch(phrase[i].c_str(), prompt[start + i].c_str(), 0) == 0) ++i;
    if (i == phrase.size()) return true;
  }
  return false;
}

PolicyPattern pattern_from(const Json& json, const std::string& name, const char* list) {
  PolicyPattern p;
  if (json.is_string()) p.phrase = json.get<std::string>();
  else if (json.is_object() && json.contains("pattern") && json.at("pattern").is_string())
    p.phrase = json.at("pattern").get<std::string>(), p.reason = json.value("reason", "");
  if (words_of(p.phrase, true).empty())
    fail(
        "policy {}: {} holds {}, which is no phrase; write \"two words\" or {{\"pattern\": ..., \"reason\": "
        "...}}",
        name, list, json.dump());
  return p;
}

}  // namespace

Policy parse_policy(const Json& json, const std::string& name) {
  if (!json.is_object()) fail("policy {}: not a JSON object", name);
  Policy policy;
  policy.name = name;
  try {
    for (const auto& [key, value] : json.items()) {
      if (key == "about") continue;
      else if (key == "allow" || key == "deny")
        for (const Json& item : value.get<std::vector<Json>>())
          (key == "allow" ? policy.allow : policy.deny).push_back(pattern_from(item, name, key.c_str()));
      else if (key == "max_seconds") policy.max_seconds = value.get<double>();
      else if (key == "max_clips") policy.max_clips = value.get<int64_t>();
      else
        fail("policy {}: unknown member '{}'; known are about, allow, deny, max_seconds, max_clips", name,
             key);
    }
  } catch (const Json::exception& error) {
    fail("policy {}: {}", name, error.what());
  }
  return policy;
}

Policy load_policy(const std::string& file) {
  if (file == "none") return {};
  const fs::path path = file.empty() ? find_data_file("policy.json") : fs::path(file);
  if (path.empty())
    fail("the shipped policy.json is missing; reinstall it, or give --policy FILE or --policy none");
  return parse_policy(read_json(path), path.string());
}

std::optional<std::string> refusal(const Policy& policy, const std::string& prompt, double seconds,
                                   int64_t clips) {
  if (policy.max_seconds && seconds > *policy.max_seconds)
    return fmt::format("{:.6g} s is longer than the {:.6g} s allowed", seconds, *policy.max_seconds);
  if (policy.max_clips && clips > *policy.max_clips)
    return fmt::format("{} clips are more than the {} allowed", clips, *policy.max_clips);
  const std::vector<std::string> words = words_of(prompt, false);
  for (const PolicyPattern& p : policy.deny)
    if (matches(p, words))
      return fmt::format("the prompt matches \"{}\"{}", p.phrase, p.reason.empty() ? "" : ": " + p.reason);
  if (policy.allow.empty()) return std::nullopt;
  for (const PolicyPattern& p : policy.allow)
    if (matches(p, words)) return std::nullopt;
  return "the prompt matches none of the phrases that are allowed";
}

void enforce(const Policy& policy, const std::string& prompt, double seconds, int64_t clips) {
  if (const auto reason = refusal(policy, prompt, seconds, clips))
    fail("refused by policy {}: {}", policy.name, *reason);
}

}  // namespace orrery
