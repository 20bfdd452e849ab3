#include "core/serial_worker.h"

#include <utility>

#include "core/parallel.h"

namespace orrery {

SerialWorker::SerialWorker(size_t capacity, int threads) : capacity_(capacity), thread_([this, threads] { loop(threads); }) {}

SerialWorker::~SerialWorker() {
  try {
    finish();
  } catch (...) {
  }
}

void SerialWorker::push(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || queue_.size() < capacity_; });
  if (error_) std::rethrow_exception(error_);
  queue_.push_back(std::move(task));
  changed_.notify_all();
}

void SerialWorker::finish() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void SerialWorker::loop(int threads) {
  set_num_threads(threads);
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    changed_.notify_all();
    try {
      task();
    } catch (...) {
      std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      queue_.clear();
      closed_ = true;
      changed_.notify_all();
      return;
    }
  }
}

}  // namespace orrery
