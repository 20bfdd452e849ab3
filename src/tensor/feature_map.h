// A batch of images with channels innermost (NHWC), in bf16.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "tensor/bf16.h"

namespace orrery {

// 64-byte aligned: a cache line, an AVX-512 register.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const { return true; }
};
template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

struct FeatureMap {
  int batch = 0, height = 0, width = 0, channels = 0;
  AlignedVector<bf16> data;  // [batch][height][width][channels]
  void resize(int b, int h, int w, int c) {
    batch = b, height = h, width = w, channels = c;
    data.resize(std::size_t(b) * h * w * c);
  }
  void resize_like(const FeatureMap& other) { resize(other.batch, other.height, other.width, other.channels); }
  int64_t pixels() const { return int64_t(batch) * height * width; }
  int64_t size() const { return pixels() * channels; }
};

}  // namespace orrery
