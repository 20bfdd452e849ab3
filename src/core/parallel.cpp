#include "core/parallel.h"

#include <malloc.h>

#include <omp.h>

namespace orrery {

void set_num_threads(int n) { omp_set_num_threads(n); }
int num_threads() { return omp_get_max_threads(); }

void keep_heap() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace orrery
