#pragma once

#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

#if defined(DND_NEON)
/// sums[r][v] += right[v] · a[r]. NEON multiplies by one lane of a register: four rows of a come with one load.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void add_by_lanes(const float* a, const Vector (&right)[kVectors],
                                                        Vector (&sums)[kRows][kVectors]) {
  constexpr int kFours = kRows / 4 * 4;
#pragma GCC unroll 3
  for (int r = 0; r < kFours; r += 4) {
    const float32x4_t left = vld1q_f32(a + r);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = vfmaq_laneq_f32(sums[r][v], right[v], left, 0);
      sums[r + 1][v] = vfmaq_laneq_f32(sums[r + 1][v], right[v], left, 1);
      sums[r + 2][v] = vfmaq_laneq_f32(sums[r + 2][v], right[v], left, 2);
      sums[r + 3][v] = vfmaq_laneq_f32(sums[r + 3][v], right[v], left, 3);
    }
  }
#pragma GCC unroll 3
  for (int r = kFours; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[r][v] += right[v] * a[r];
  }
}
#endif

/// TileKernel of isa/kernels.h for a fixed number of rows and vectors: all sums stay in registers.
template <int kRows, int kVectors>
void tile(int64_t depth, const float* a, int64_t a_step, const float* b, int64_t b_step, float* c, int64_t c_stride,
          bool accumulate) {
  Vector sums[kRows][kVectors] = {};
  for (int64_t d = 0; d < depth; ++d) {
    Vector right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = load(b + v * kLanes);
#if defined(DND_NEON)
    add_by_lanes(a, right, sums);
#else
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[r][v] += right[v] * a[r];
    }
#endif
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
