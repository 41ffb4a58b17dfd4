#pragma once

#include <cstdint>

namespace dnd::cuda::emulator {

/// splitmix64: fast, and good enough to shuffle with.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
  }

  /// 0 … bound − 1.
  unsigned below(unsigned bound) { return static_cast<unsigned>((next() >> 32) * bound >> 32); }

 private:
  uint64_t state_;
};

}  // namespace dnd::cuda::emulator
