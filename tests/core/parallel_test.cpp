#include "core/parallel.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

namespace orrery {
namespace {

TEST(Parallel, ASingleBodyLeavesTheThreadsToTheLoopsInsideOfIt) {
  const int before = num_threads();
  set_num_threads(2);
  std::set<std::thread::id> seen;
  std::mutex mutex;
  parallel_for_dynamic(1, [&](int64_t) {
    parallel_for(2, [&](int64_t) {  // static: a body for each thread
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  });
  set_num_threads(before);
  EXPECT_EQ(seen.size(), 2u);
}

}  // namespace
}  // namespace orrery
