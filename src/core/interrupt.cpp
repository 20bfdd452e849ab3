#include "core/interrupt.h"

#include <array>
#include <atomic>
#include <csignal>

#include "core/error.h"

namespace orrery {
namespace {

std::array<std::atomic<void (*)()>, 8> cleaners;

void clean_and_die(int signal_number) {
  for (const auto& cleaner : cleaners)
    if (void (*clean)() = cleaner.load()) clean();
  std::signal(signal_number, SIG_DFL);
  raise(signal_number);
}

}  // namespace

void at_interrupt(void (*clean)()) {
  [[maybe_unused]] static const bool installed = [] {
    std::signal(SIGINT, clean_and_die);
    std::signal(SIGTERM, clean_and_die);
    return true;
  }();
  for (auto& cleaner : cleaners) {
    void (*none)() = nullptr;
    if (cleaner.compare_exchange_strong(none, clean)) return;
  }
  ORRERY_ASSERT(false);
}

}  // namespace orrery
