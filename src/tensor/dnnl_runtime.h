// The one oneDNN engine and stream, and a cache of primitives by shape: creating one costs 0.4 to 4 ms,
// running a cached one a few microseconds of overhead.
#pragma once
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace orrery {

dnnl::engine& dnnl_engine();
dnnl::stream& dnnl_stream();  // one a thread

// True where bf16 GEMMs and convolutions run natively (AVX-512 or better); elsewhere f32 is used.
bool cpu_has_bf16();
// "AMX", "AVX-512 bf16", "AVX-512", "AVX2", ...
std::string instruction_set();
std::string dnnl_version_text();  // "2.6.3"

// One tensor in the orders that kernels want: made once an order, from memory of layout `plain`.
class PackedCopies {
 public:
  dnnl::memory get(const dnnl::memory::desc& order, const dnnl::memory::desc& plain, const void* data);

 private:
  std::mutex mutex_;
  std::vector<dnnl::memory> copies_;  // few: an order a family of kernels
};

// Which of oneDNN's implementations were chosen so far.
class NameSet {
 public:
  void add(std::string name);
  std::vector<std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

// Cache keyed by a shape tuple. Entry is built once by `make`. Make one a thread: a primitive keeps scratch memory, and
// two threads that run it at once spoil each other's.
template <class Key, class Entry>
class PrimitiveCache {
 public:
  template <class Make>
  Entry& get(const Key& key, Make&& make) {
    auto it = entries_.find(key);
    if (it == entries_.end()) it = entries_.emplace(key, std::make_unique<Entry>(make())).first;
    return *it->second;
  }

 private:
  std::map<Key, std::unique_ptr<Entry>> entries_;
};

}  // namespace orrery
