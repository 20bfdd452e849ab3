#include "core/json.h"

#include "core/files.h"
#include "core/json_fields.h"

namespace orrery {

Json parse_json(const std::string& text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail("{}: not valid JSON at byte {}: {}", source, error.byte, error.what());
  } catch (const Json::exception& error) {  // a number that no double holds
    fail("{}: not valid JSON: {}", source, error.what());
  }
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_text(path), path.string()); }

void refuse_unknown(const Json& json, const std::set<std::string>& known, const char* config, const char* where) {
  const std::string in = *where ? fmt::format(" in {}", where) : "";
  if (!json.is_object()) fail("{}: not a JSON object{}", config, in);
  for (const auto& [name, value] : json.items())
    if (!known.count(name)) fail("{}: unknown field {}{}", config, name, in);
}

}  // namespace orrery
