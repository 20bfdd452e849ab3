// Rules on the text of the sources: sizes, paths, leftovers.
#include <gtest/gtest.h>

#include "tests/structure/source_tree.h"

namespace orrery {
namespace {

TEST(SourceText, NoFileIsLongerThanSixHundredLines) {
  for (const SourceFile& file : source_files())
    if (file.is_cpp() || file.ends_with(".py") || file.ends_with("CMakeLists.txt")) {
      EXPECT_LE(file.lines.size(), 600u) << file.path;
    }
}

// A function begins at a line without indentation that ends with "{" and ends at "}" in the first column.
TEST(SourceText, NoFunctionIsLongerThanSixtyLines) {
  const std::vector<std::string> others = {
      "namespace", "struct",           "class",        "enum", "union", "extern", "constexpr",
      "const",     "inline constexpr", "static const", "}",    "#",     "//"};
  const auto begins_function = [&](const std::string& line) {
    return line.ends_with("{") && line[0] != ' ' &&
           std::none_of(others.begin(), others.end(),
                        [&](const std::string& other) { return line.starts_with(other); });
  };
  for (const SourceFile& file : source_files()) {
    if (!file.ends_with(".cpp")) continue;
    size_t begin = 0;
    bool inside = false;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string& line = file.lines[i];
      if (!inside && begins_function(line)) inside = true, begin = i;
      if (!inside || line != "}") continue;
      EXPECT_LE(i - begin, 60u) << file.path << ":" << begin + 1;
      inside = false;
    }
  }
}

TEST(SourceText, NoPathOfOneMachine) {
  // Put together here, so that this file passes.
  const std::vector<std::string> starts = {
      "/ho"
      "me/",
      "/ro"
      "ot/",
      "/wo"
      "rk/",
      "/Us"
      "ers/",
      "/tm"
      "p/"};
  for (const SourceFile& file : source_files())
    for (size_t i = 0; i < file.lines.size(); ++i)
      for (const std::string& start : starts) {
        const size_t at = file.lines[i].find(start);
        // A part of an address, or of a relative path, is something else.
        const bool absolute =
            at != std::string::npos &&
            (at == 0 || !(std::isalnum(file.lines[i][at - 1]) || file.lines[i][at - 1] == '.'));
        EXPECT_FALSE(absolute) << file.path << ":" << i + 1 << ": " << file.lines[i];
      }
}

TEST(SourceText, NothingIsLeftForLater) {
  const std::vector<std::string> marks = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X:",
      "HA"
      "CK:"};
  for (const SourceFile& file : source_files())
    for (size_t i = 0; i < file.lines.size(); ++i)
      for (const std::string& mark : marks)
        if (file.is_cpp()) {
          EXPECT_EQ(file.lines[i].find(mark), std::string::npos) << file.path << ":" << i + 1;
        }
}

TEST(SourceText, EveryHeaderIsGuardedOnce) {
  for (const SourceFile& file : source_files())
    if (file.ends_with(".h")) {
      EXPECT_EQ(std::count(file.lines.begin(), file.lines.end(), "#pragma once"), 1) << file.path;
    }
}

TEST(SourceText, LinesEndCleanly) {
  for (const SourceFile& file : source_files())
    for (size_t i = 0; i < file.lines.size(); ++i)
      if (file.is_cpp() && !file.lines[i].empty()) {
        EXPECT_NE(file.lines[i].back(), ' ') << file.path << ":" << i + 1;
        EXPECT_NE(file.lines[i].back(), '\r') << file.path << ":" << i + 1;
        EXPECT_EQ(file.lines[i].find('\t'), std::string::npos) << file.path << ":" << i + 1;
      }
}

}  // namespace
}  // namespace orrery
