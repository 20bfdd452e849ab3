// Three classes of error: ORRERY_ASSERT = our bug; Error/UsageError = bad input or environment, with a message
// that names the operation, the value and the next step; return values = expected outcomes.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace orrery {

// Bad input or environment: exit code 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The command line asks for something that cannot be: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace orrery

// Checked in every build: a wrong shape must never become a wrong picture.
#define ORRERY_ASSERT(expression) \
  ((expression) ? void(0) : ::orrery::assertion_failed(#expression, __FILE__, __LINE__))
