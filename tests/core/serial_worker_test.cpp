#include "core/serial_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "core/error.h"

namespace orrery {
namespace {

TEST(SerialWorker, TasksRunInOrderOnAnotherThread) {
  std::vector<int> done;
  std::thread::id worker_thread;
  SerialWorker worker(2, 1);
  for (int i = 0; i < 50; ++i)
    worker.push([&, i] {
      done.push_back(i);
      worker_thread = std::this_thread::get_id();
    });
  worker.finish();
  ASSERT_EQ(done.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(done[size_t(i)], i);
  EXPECT_NE(worker_thread, std::this_thread::get_id());
}

TEST(SerialWorker, PushWaitsWhileTheQueueIsFull) {
  std::atomic<bool> go = false;
  std::atomic<int> pushed = 0;
  SerialWorker worker(3, 1);
  std::thread producer([&] {
    for (int i = 0; i < 10; ++i) {
      worker.push([&] { go.wait(false); });
      ++pushed;
    }
  });
  while (pushed < 4) std::this_thread::yield();  // one in work, three wait
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(pushed, 4);
  go = true;
  go.notify_all();
  producer.join();
  worker.finish();
  EXPECT_EQ(pushed, 10);
}

TEST(SerialWorker, AnErrorReachesTheProducerAndDropsTheRest) {
  std::atomic<int> after = 0;
  SerialWorker worker(100, 1);
  worker.push([] { fail("the third frame is bad"); });
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) {
          worker.push([&] { ++after; });
          std::this_thread::yield();
        }
        worker.finish();
      },
      Error);
  EXPECT_EQ(after, 0);
}

}  // namespace
}  // namespace orrery
