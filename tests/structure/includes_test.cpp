// Who may include whom: the table of ARCHITECTURE.md, held against every #include.
#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "tests/structure/source_tree.h"

namespace orrery {
namespace {

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"core", {}},
    {"tensor", {"core"}},
    {"nn", {"tensor", "core"}},
    {"models", {"nn", "tensor", "core"}},
    {"world", {"core"}},
    {"codecs", {"core"}},
    {"data", {"world", "codecs", "models", "core"}},
    {"train", {"data", "world", "models", "nn", "tensor", "core"}},
    {"generate", {"models", "nn", "tensor", "core"}},
    {"physics_eval", {"core"}},
};
const std::set<std::string> kMayIncludeAnything = {"serve", "cli", "tests", "bench", "samples"};

// Libraries that only one folder may touch: a swap of the library stays inside it.
const std::map<std::string, std::set<std::string>> kOwners = {
    {"box2d/", {"world"}},        {"opencv2/", {"physics_eval"}},
    {"libav", {"codecs"}},        {"libsw", {"codecs"}},
    {"png.h", {"codecs"}},        {"dnnl", {"tensor"}},
    {"Eigen/", {"physics_eval", "cli"}}, {"CLI/", {"cli"}},
    {"openssl/", {"core"}},
};

// "src/nn/linear.h" -> "nn", "models/x.h" -> "models".
std::string folder_of(const std::string& path) {
  const std::string inner = path.starts_with("src/") ? path.substr(4) : path;
  return inner.substr(0, inner.find('/'));
}

struct Include {
  std::string name;
  bool quoted;
};

// # include "name" or <name>, at the start of a line.
std::optional<Include> include_in(const std::string& line) {
  size_t at = line.find_first_not_of(' ');
  if (at == std::string::npos || line[at] != '#') return std::nullopt;
  at = line.find_first_not_of(' ', at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return std::nullopt;
  at = line.find_first_of("\"<", at);
  if (at == std::string::npos) return std::nullopt;
  const bool quoted = line[at] == '"';
  const size_t end = line.find(quoted ? '"' : '>', at + 1);
  if (end == std::string::npos) return std::nullopt;
  return Include{line.substr(at + 1, end - at - 1), quoted};
}

// What is wrong with one include of one file; empty: nothing.
std::string fault(const std::string& path, const Include& include) {
  const std::string from = folder_of(path);
  const bool free = kMayIncludeAnything.count(from) > 0;
  for (const auto& [prefix, owners] : kOwners)
    if (include.name.starts_with(prefix) && !free && !owners.count(from))
      return include.name + " is not for " + from;
  if (!include.quoted || free) return "";
  const auto rule = kMayInclude.find(from);
  if (rule == kMayInclude.end()) return "folder " + from + " is not in the table";
  const std::string to = folder_of(include.name);
  if (to == from || rule->second.count(to)) return "";
  return from + " may not include " + include.name;
}

TEST(Includes, TheCheckItselfFindsFaults) {
  EXPECT_EQ(fault("src/nn/linear.cpp", {"tensor/matmul.h", true}), "");
  EXPECT_EQ(fault("src/nn/linear.cpp", {"nn/linear.h", true}), "");
  EXPECT_EQ(fault("src/cli/render.cpp", {"world/simulate.h", true}), "");
  EXPECT_NE(fault("src/tensor/matmul.cpp", {"nn/linear.h", true}), "");
  EXPECT_NE(fault("physics_eval/laws.cpp", {"world/simulate.h", true}), "");
  EXPECT_NE(fault("src/generate/pipeline.cpp", {"box2d/box2d.h", false}), "");
  EXPECT_NE(fault("src/nn/linear.cpp", {"linear.h", true}), "");
  EXPECT_NE(fault("src/new/file.cpp", {"core/json.h", true}), "");
  EXPECT_EQ(include_in("  #  include \"core/json.h\"  // why")->name, "core/json.h");
  EXPECT_FALSE(include_in("// #include \"core/json.h\"").has_value());
}

TEST(Includes, FollowTheTable) {
  int checked = 0;
  for (const SourceFile& file : source_files()) {
    if (!file.is_cpp()) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const auto include = include_in(file.lines[i]);
      if (!include) continue;
      ++checked;
      EXPECT_EQ(fault(file.path, *include), "") << file.path << ":" << i + 1;
    }
  }
  EXPECT_GT(checked, 300);
}

// Tests and benchmarks may include what lies beside them; everybody else names the folder.
TEST(Includes, QuotedPathsExist) {
  const fs::path root = ORRERY_ROOT;
  for (const SourceFile& file : source_files()) {
    if (!file.is_cpp()) continue;
    for (const std::string& line : file.lines) {
      const auto include = include_in(line);
      if (include && include->quoted) {
        const fs::path beside = kMayIncludeAnything.count(folder_of(file.path))
                                    ? (root / file.path).parent_path() / include->name
                                    : root / include->name;
        EXPECT_TRUE(fs::exists(root / include->name) || fs::exists(root / "src" / include->name) ||
                    fs::exists(beside))
            << file.path << ": " << include->name;
      }
    }
  }
}

// Words of a cell: "`src/tensor`, `src/nn`" or "tensor, core" -> {tensor, nn} or {tensor, core}.
std::set<std::string> names_in(const std::string& cell) {
  std::set<std::string> names;
  std::string word;
  for (char c : cell + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/') {
      word += c;
    } else if (!word.empty()) {
      names.insert(word.starts_with("src/") ? word.substr(4) : word);
      word.clear();
    }
  }
  return names;
}

TEST(Includes, ArchitecturePageShowsThisTable) {
  std::map<std::string, std::set<std::string>> shown;
  for (const std::string& line : read_lines(fs::path(ORRERY_ROOT) / "ARCHITECTURE.md")) {
    const size_t middle = line.find('|', 1),
                 end = middle == std::string::npos ? middle : line.find('|', middle + 1);
    if (!line.starts_with("| `") || end == std::string::npos) continue;
    for (const std::string& folder : names_in(line.substr(1, middle - 1)))
      shown[folder] = names_in(line.substr(middle + 1, end - middle - 1));
  }
  for (const auto& [folder, targets] : kMayInclude) EXPECT_EQ(shown[folder], targets) << folder;
}

// What renders must not know the simulator, whatever the table says of its neighbours.
TEST(Includes, NothingThatGeneratesOrScoresReachesTheSimulator) {
  std::map<std::string, std::set<std::string>> reaches = kMayInclude;
  for (bool grew = true; grew;) {
    grew = false;
    for (auto& [folder, targets] : reaches)
      for (const std::string& middle : std::set<std::string>(targets))
        for (const std::string& far : reaches[middle]) grew |= targets.insert(far).second;
  }
  for (const char* folder : {"core", "tensor", "nn", "models", "generate", "codecs", "physics_eval"})
    for (const char* simulator : {"world", "data", "train"})
      EXPECT_FALSE(reaches[folder].count(simulator)) << folder << " reaches " << simulator;
}

}  // namespace
}  // namespace orrery
