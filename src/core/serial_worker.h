// Tasks one after the other on a thread of their own, behind a bounded queue, so that two stages of work overlap.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace orrery {

class SerialWorker {
 public:
  // capacity: tasks that may wait. threads: what parallel_for uses inside a task.
  SerialWorker(size_t capacity, int threads);
  ~SerialWorker();  // waits for the tasks pushed; their errors are lost
  SerialWorker(const SerialWorker&) = delete;
  SerialWorker& operator=(const SerialWorker&) = delete;

  // Waits while the queue is full. After a task has thrown, later tasks are dropped and its error is thrown here.
  void push(std::function<void()> task);
  void finish();  // waits for all tasks; throws the error of the one that failed

 private:
  void loop(int threads);
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::exception_ptr error_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace orrery
