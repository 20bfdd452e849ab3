// Each header compiles alone: whoever includes it need not know what to include before it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/parallel.h"
#include "tests/structure/source_tree.h"

namespace orrery {
namespace {

// ORRERY_CXX, ORRERY_INCLUDES ("dir:dir:..."): the compiler and the search path of this build. Searched last: one of
// them is /usr/include, which the compiler's own headers must come before.
std::string compile_command() {
  std::string command = ORRERY_CXX " -std=c++20 -fopenmp -fsyntax-only -Wall -Wextra -x c++";
  std::string directories = ORRERY_INCLUDES;
  for (size_t begin = 0; begin < directories.size();) {
    const size_t end = std::min(directories.find(':', begin), directories.size());
    if (end > begin) command += " -idirafter '" + directories.substr(begin, end - begin) + "'";
    begin = end + 1;
  }
  return command + " -I '" ORRERY_ROOT "' -I '" ORRERY_ROOT "/src'";
}

TEST(SlowHeaders, EachCompilesAlone) {
  std::vector<std::string> headers;
  for (const SourceFile& file : source_files())
    if (file.ends_with(".h") && !file.path.starts_with("tests/")) headers.push_back(file.path);
  ASSERT_GT(headers.size(), 50u);
  std::vector<int> status(headers.size());
  parallel_for_dynamic(int64_t(headers.size()), [&](int64_t i) {
    status[i] = std::system(("echo '#include \"" + headers[i] + "\"' | " + compile_command() + " -").c_str());
  });
  for (size_t i = 0; i < headers.size(); ++i) EXPECT_EQ(status[i], 0) << headers[i];
}

}  // namespace
}  // namespace orrery
