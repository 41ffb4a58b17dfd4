#pragma once

#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

constexpr int kDoubleLanes = kLanes / 2;
typedef double DoubleVector __attribute__((vector_size(kVectorBytes)));
typedef float HalfVector __attribute__((vector_size(kVectorBytes / 2)));
typedef float UnalignedHalfVector __attribute__((vector_size(kVectorBytes / 2), aligned(4), may_alias));

inline __attribute__((always_inline)) DoubleVector load_doubles(const float* source) {
  return __builtin_convertvector(*reinterpret_cast<const UnalignedHalfVector*>(source), DoubleVector);
}

/// Σ transform(x[i]) in independent chains whose order depends on `count` alone.
template <typename Transform>
inline __attribute__((always_inline)) double sum_of(const float* x, int64_t count, Transform transform) {
  constexpr int kChains = 4;
  DoubleVector sums[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kDoubleLanes <= count; i += kChains * kDoubleLanes) {
#pragma GCC unroll 4
    for (int chain = 0; chain < kChains; ++chain) sums[chain] += transform(load_doubles(x + i + chain * kDoubleLanes));
  }
  for (; i + kDoubleLanes <= count; i += kDoubleLanes) sums[0] += transform(load_doubles(x + i));
  if (i < count) {
    for (int lane = 0; i < count; ++i, ++lane) sums[1][lane] += transform(DoubleVector{} + x[i])[0];
  }
  const DoubleVector folded = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double total = 0;
  for (int lane = 0; lane < kDoubleLanes; ++lane) total += folded[lane];
  return total;
}

inline void mean_and_squares(const float* x, int64_t count, double* mean, double* squares) {
  const double centre = sum_of(x, count, [](DoubleVector value) { return value; }) / static_cast<double>(count);
  *mean = centre;
  *squares = sum_of(x, count, [centre](DoubleVector value) { return (value - centre) * (value - centre); });
}

inline void normalise(const float* x, int64_t count, double mean, float rstd, const float* weight, const float* bias,
                      float* y) {
  int64_t i = 0;
  for (; i + kDoubleLanes <= count; i += kDoubleLanes) {
    const HalfVector centred = __builtin_convertvector(load_doubles(x + i) - mean, HalfVector);
    *reinterpret_cast<UnalignedHalfVector*>(y + i) =
        centred * rstd * *reinterpret_cast<const UnalignedHalfVector*>(weight + i) +
        *reinterpret_cast<const UnalignedHalfVector*>(bias + i);
  }
  for (; i < count; ++i) y[i] = static_cast<float>(x[i] - mean) * rstd * weight[i] + bias[i];
}

}  // namespace dnd::cpu::DND_ISA
