#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace orrery {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s does not hold; please report it\n", file, line, expression);
  std::abort();
}

}  // namespace orrery
