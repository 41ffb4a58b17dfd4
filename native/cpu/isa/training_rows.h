#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/normalise.h"
#include "cpu/isa/training_kernels.h"
#include "cpu/isa/vector_math.h"

/// The rows of TrainingKernels that paths, loss and sums are made of.
namespace dnd::cpu::DND_ISA {

/// work(first element, elements of this vector) over `count` elements; all but the last vector are full.
template <typename Work>
inline __attribute__((always_inline)) void for_vectors(int64_t count, const Work& work) {
  for (int64_t i = 0; i < count; i += kLanes) work(i, count - i < kLanes ? count - i : int64_t{kLanes});
}

inline __attribute__((always_inline)) Vector load_up_to(const float* source, int64_t count) {
  return count == kLanes ? load(source) : load_first(source, count);
}

inline __attribute__((always_inline)) void store_up_to(float* destination, Vector value, int64_t count) {
  if (count == kLanes) {
    store(destination, value);
  } else {
    store_first(destination, value, count);
  }
}

inline __attribute__((always_inline)) HalfVector load_half(const float* source) {
  return *reinterpret_cast<const UnalignedHalfVector*>(source);
}

/// The first `count` < kDoubleLanes floats, zeros behind them.
inline __attribute__((always_inline)) HalfVector load_some_half(const float* source, int64_t count) {
  HalfVector value = {};
  for (int64_t lane = 0; lane < count; ++lane) value[lane] = source[lane];
  return value;
}

inline __attribute__((always_inline)) DoubleVector in_double(HalfVector value) {
  return __builtin_convertvector(value, DoubleVector);
}

inline __attribute__((always_inline)) double total_of(DoubleVector sums) {
  double total = 0;
  for (int lane = 0; lane < kDoubleLanes; ++lane) total += sums[lane];
  return total;
}

inline void merge_row_keeping(const float* a, float* p, const float* bias, int64_t count, float* s) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector t = hyperbolic_tangent(load_up_to(p + i, here));
    const Vector merged = (load_up_to(a + i, here) + t + load_up_to(bias + i, here)) / 3.0f;
    store_up_to(p + i, t, here);
    store_up_to(s + i, merged, here);
  });
}

inline void split_row(const float* ds, const float* t, int64_t count, float* da, float* dp) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector third = load_up_to(ds + i, here) / 3.0f, tangent = load_up_to(t + i, here);
    store_up_to(da + i, third, here);
    store_up_to(dp + i, third * ((1.0f - tangent) * (1.0f + tangent)), here);
  });
}

inline double sum(const float* x, int64_t count) {
  return sum_of(x, count, [](DoubleVector value) { return value; });
}

inline double sum_squares(const float* x, int64_t count) {
  return sum_of(x, count, [](DoubleVector value) { return value * value; });
}

inline void add_row(const float* x, int64_t count, double* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(x[i]);
}

inline void loss_sums(const float* y, const float* target, int64_t count, LossSums* sums) {
  DoubleVector valid = {}, squares = {}, output_squares = {}, target_squares = {}, product = {};
  const auto add = [&](HalfVector output, HalfVector wanted, HalfVector ones) {
    const auto there = wanted == wanted;
    const DoubleVector of_y = in_double(there ? output : HalfVector{});
    const DoubleVector of_target = in_double(there ? wanted : HalfVector{});
    const DoubleVector difference = of_y - of_target;
    valid += in_double(there ? ones : HalfVector{});
    squares += difference * difference;
    output_squares += of_y * of_y;
    target_squares += of_target * of_target;
    product += of_y * of_target;
  };
  int64_t i = 0;
  for (; i + kDoubleLanes <= count; i += kDoubleLanes)
    add(load_half(y + i), load_half(target + i), HalfVector{} + 1.0f);
  const int64_t rest = count - i;
  HalfVector ones = {};
  for (int64_t lane = 0; lane < rest; ++lane) ones[lane] = 1.0f;
  if (rest > 0) add(load_some_half(y + i, rest), load_some_half(target + i, rest), ones);
  *sums = {total_of(valid), total_of(squares), total_of(output_squares), total_of(target_squares), total_of(product)};
}

inline void loss_gradient(const float* y, const float* target, int64_t count, float factor, float* dy) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector wanted = load_up_to(target + i, here);
    const Vector difference = (load_up_to(y + i, here) - wanted) * factor;
    store_up_to(dy + i, wanted == wanted ? difference : Vector{}, here);
  });
}

}  // namespace dnd::cpu::DND_ISA
