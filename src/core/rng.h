// Counter-based random numbers: a value depends on (seed, stream, index) alone, never on who drew before
// on another thread. Mixing: SplitMix64 finaliser (Steele et al. 2014) over a Weyl sequence keyed by the stream.
#pragma once
#include <cstdint>
#include <string_view>

namespace orrery {

uint64_t mix64(uint64_t x);
// FNV-1a, then mixed: names of streams, ids of clips.
uint64_t hash64(std::string_view text);

class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0) : key_(mix64(seed ^ mix64(stream + 0x632be59bd9b4e019ull))) {}
  uint64_t next() { return mix64(key_ + ++counter_ * 0x9e3779b97f4a7c15ull); }
  // [0, 1)
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
  // {0, ..., n-1}; n > 0
  int below(int n) { return int((unsigned __int128)next() * unsigned(n) >> 64); }
  bool chance(double p) { return uniform() < p; }
  double normal();  // mean 0, variance 1 (Box-Muller)
  uint64_t counter() const { return counter_; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

}  // namespace orrery
