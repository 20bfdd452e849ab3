#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace orrery {

using Json = nlohmann::ordered_json;

// Error names `source` and the place of the first fault.
Json parse_json(const std::string& text, const std::string& source);
Json read_json(const std::filesystem::path& path);

}  // namespace orrery
