// Configs as JSON: one list of fields gives writing, reading, and the check for names that mean nothing.
#pragma once
#include <set>
#include <string>

#include "core/error.h"
#include "core/json.h"

namespace orrery {

// The field, where it is there, into value. Error names config, field and what is wrong with it.
template <class T>
void read_field(const Json& json, const char* config, const char* name, T& value) {
  if (!json.contains(name)) return;
  try {
    json.at(name).get_to(value);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: {}: {}", config, name, error.what());
  }
}

// Error: json is no object, or has a field that is not known. where: the part of the config, for its message.
void refuse_unknown(const Json& json, const std::set<std::string>& known, const char* config, const char* where = "");

}  // namespace orrery
