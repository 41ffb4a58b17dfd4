#pragma once

#include "cpu/isa/kernels.h"
#include "cpu/isa/vector.h"
#include "cpu/isa/vector_math.h"

namespace dnd::cpu::DND_ISA {

inline void exponentiate_columns(float* scores, int64_t rows, float* sums) {
  constexpr int kVectors = kMaxTileVectors;
  constexpr int kChains = 4;  // a single chain of maxima would wait for itself
  constexpr int64_t kStride = kVectors * kLanes;
  Vector largest[kChains][kVectors];
#pragma GCC unroll 4
  for (int chain = 0; chain < kChains; ++chain) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) largest[chain][v] = load(scores + v * kLanes);
  }
  int64_t row = 1;
  for (; row + kChains <= rows; row += kChains) {
#pragma GCC unroll 4
    for (int chain = 0; chain < kChains; ++chain) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        largest[chain][v] = larger(load(scores + (row + chain) * kStride + v * kLanes), largest[chain][v]);
      }
    }
  }
  for (; row < rows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) largest[0][v] = larger(load(scores + row * kStride + v * kLanes), largest[0][v]);
  }
  Vector shift[kVectors], total[kVectors] = {};
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    shift[v] = larger(larger(largest[0][v], largest[1][v]), larger(largest[2][v], largest[3][v]));
  }
  for (row = 0; row < rows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* target = scores + row * kStride + v * kLanes;
      const Vector value = exponential_of_negative(load(target) - shift[v]);
      store(target, value);
      total[v] += value;
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) store(sums + v * kLanes, total[v]);
}

}  // namespace dnd::cpu::DND_ISA
