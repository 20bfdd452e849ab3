#include "core/parallel.h"

#include <malloc.h>
#include <omp.h>

#include <fstream>

namespace orrery {

void set_num_threads(int n) { omp_set_num_threads(n); }
int num_threads() { return omp_get_max_threads(); }

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

void keep_heap() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace orrery
