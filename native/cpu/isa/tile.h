#pragma once

#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

/// TileKernel of isa/kernels.h for a fixed number of rows and vectors: all sums stay in registers.
template <int kRows, int kVectors>
void tile(int64_t depth, const float* a, int64_t a_step, const float* b, int64_t b_step, float* c, int64_t c_stride,
          bool accumulate) {
  Vector sums[kRows][kVectors] = {};
  for (int64_t d = 0; d < depth; ++d) {
    Vector right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[r][v] += right[v] * a[r];
    }
    a += a_step;
    b += b_step;
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* target = c + r * c_stride + v * kLanes;
      store(target, accumulate ? load(target) + sums[r][v] : sums[r][v]);
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
