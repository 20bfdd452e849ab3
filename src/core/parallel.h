// One thread pool: OpenMP's, shared with oneDNN.
#pragma once
#include <cstdint>
#include <string>

namespace orrery {

void set_num_threads(int n);  // n >= 1
int num_threads();
std::string cpu_name();  // "Intel(R) Xeon(R) Processor"

// Activations of a few MB come and go every layer: keep them in the heap instead of asking the kernel for zeroed pages
// each time (a tenth of a training step otherwise). Before the first large allocation.
void keep_heap();

// Tokens a partial sum of a gradient: fixed, so that the number of threads never changes a result.
inline constexpr int64_t kTokensABlock = 256;

// Calls body(i) for i in [0, n). The split over threads never changes a result: bodies write disjoint places.
template <class Body>
void parallel_for(int64_t n, Body&& body) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < n; ++i) body(i);
}

// The same with chunks handed out as threads become free: for bodies of unequal cost. A single body runs outside of any
// team, so that the loops inside of it may have the threads.
template <class Body>
void parallel_for_dynamic(int64_t n, Body&& body) {
  if (n == 1) return void(body(0));
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < n; ++i) body(i);
}

}  // namespace orrery
