#pragma once

#include "cpu/isa/language_kernels.h"
#include "cpu/isa/stored_values.h"
#include "cpu/isa/training_rows.h"
#include "cpu/isa/transpose.h"

/// The rows of LanguageKernels.
namespace dnd::cpu::DND_ISA {

/// In double precision, as the factor of a row is: rounded to float, it would change all of the row alike.
template <class Value>
inline __attribute__((always_inline)) void store_rounded(int64_t count, float* y, const Value& value_at) {
  int64_t i = 0;
  for (; i + kDoubleLanes <= count; i += kDoubleLanes) {
    const DoubleVector value = value_at(i, [](const float* source) { return load_doubles(source); });
    const HalfVector rounded = __builtin_convertvector(value, HalfVector);
    *reinterpret_cast<UnalignedHalfVector*>(y + i) = rounded;
  }
  for (; i < count; ++i) {
    y[i] = static_cast<float>(value_at(i, [](const float* source) { return static_cast<double>(*source); }));
  }
}

inline void scale_by_weight(const float* x, double scale, const float* weight, int64_t count, float* y) {
  store_rounded(count, y, [&](int64_t i, auto read) { return read(x + i) * scale * read(weight + i); });
}

inline double weighted_product(const float* x, const float* dy, const float* weight, int64_t count) {
  DoubleVector sums = {};
  int64_t i = 0;
  for (; i + kDoubleLanes <= count; i += kDoubleLanes) {
    sums += load_doubles(x + i) * (load_doubles(dy + i) * load_doubles(weight + i));
  }
  double total = total_of(sums);
  for (; i < count; ++i) total += static_cast<double>(x[i]) * (static_cast<double>(dy[i]) * weight[i]);
  return total;
}

inline void rms_gradient(const float* x, const float* dy, const float* weight, const float* addend, double scale,
                         double share, int64_t count, float* dx) {
  const auto gradient = [&](int64_t i, auto read) __attribute__((always_inline)) {
    return read(dy + i) * read(weight + i) * scale - read(x + i) * share;
  };
  if (addend == nullptr) return store_rounded(count, dx, gradient);
  store_rounded(count, dx, [&](int64_t i, auto read) { return gradient(i, read) + read(addend + i); });
}

inline void add_products(const float* x, const float* dy, float scale, int64_t count, double* sums) {
  for (int64_t i = 0; i < count; ++i) {
    sums[i] += static_cast<double>(x[i]) * static_cast<double>(dy[i]) * static_cast<double>(scale);
  }
}

inline __attribute__((always_inline)) Vector sigmoid(Vector x) { return 1.0f / (exponential(-x) + 1.0f); }

inline void swiglu(const float* gate, const float* up, int64_t count, float* y) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector g = load_up_to(gate + i, here);
    store_up_to(y + i, g * sigmoid(g) * load_up_to(up + i, here), here);
  });
}

inline void swiglu_gradient(const float* gate, const float* up, const float* dy, int64_t count, float* dgate,
                            float* dup) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector g = load_up_to(gate + i, here), u = load_up_to(up + i, here), d = load_up_to(dy + i, here);
    const Vector s = sigmoid(g);
    store_up_to(dgate + i, d * u * (s * (g * (1.0f - s) + 1.0f)), here);
    store_up_to(dup + i, d * (g * s), here);
  });
}

inline void rotate_pairs(const float* cosines, const float* sines, float sign, int64_t half, float* x) {
  for_vectors(half, [&](int64_t i, int64_t here) {
    const Vector c = load_up_to(cosines + i, here), s = load_up_to(sines + i, here) * sign;
    const Vector first = load_up_to(x + i, here), second = load_up_to(x + half + i, here);
    store_up_to(x + i, first * c - second * s, here);
    store_up_to(x + half + i, second * c + first * s, here);
  });
}

/// A vector's lanes, each in the place of the one kStep away.
template <int kStep>
struct Swapped {
  static constexpr int of(int lane) { return lane ^ kStep; }
};

/// In pairs: a sum of few products, such as a score of a narrow head, would otherwise take most of its time here.
inline __attribute__((always_inline)) float total_of_floats(Vector sums) {
  if constexpr (kLanes > 8) sums += shuffled<Swapped<8>>(sums, sums);
  if constexpr (kLanes > 4) sums += shuffled<Swapped<4>>(sums, sums);
  sums += shuffled<Swapped<2>>(sums, sums);
  return sums[0] + sums[1];
}

/// One chain for each sum, whatever the size of the block, so that a sum does not depend on it; the rows and outputs of
/// the block are what keeps the units busy.
template <DndWeightType kType, int kRows, int kOuts>
inline void dot_block(const float* x, int64_t x_stride, const typename Stored<kType>::Element* weight,
                      int64_t weight_stride, int64_t in, float* sums, int64_t sum_stride) {
  Vector total[kRows][kOuts] = {};
  const auto add = [&](int64_t i, auto read_x, auto read_weight) __attribute__((always_inline)) {
    Vector w[kOuts];
#pragma GCC unroll 8
    for (int out = 0; out < kOuts; ++out) w[out] = read_weight(weight + out * weight_stride + i);
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
      const Vector values = read_x(x + row * x_stride + i);
#pragma GCC unroll 8
      for (int out = 0; out < kOuts; ++out) total[row][out] += values * w[out];
    }
  };
  int64_t i = 0;
  using Values = Stored<kType>;
  using Element = typename Values::Element;
  for (; i + kLanes <= in; i += kLanes) {
    add(i, [](const float* source) { return load(source); }, [](const Element* source) { return Values::load(source); });
  }
  if (i < in) {
    add(i, [&](const float* source) { return load_first(source, in - i); },
        [&](const Element* source) { return Values::load_first(source, in - i); });
  }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int out = 0; out < kOuts; ++out) sums[row * sum_stride + out] = total_of_floats(total[row][out]);
  }
}

template <DndWeightType kType, int kRows, int kOuts>
inline void dot_rows(const float* x, int64_t x_stride, const typename Stored<kType>::Element* weight,
                     int64_t weight_stride, int64_t outs, int64_t in, float* sums, int64_t stride) {
  int64_t out = 0;
  for (; out + kOuts <= outs; out += kOuts) {
    dot_block<kType, kRows, kOuts>(x, x_stride, weight + out * weight_stride, weight_stride, in, sums + out, stride);
  }
  for (; out < outs; ++out) {
    dot_block<kType, kRows, 1>(x, x_stride, weight + out * weight_stride, weight_stride, in, sums + out, stride);
  }
}

template <DndWeightType kType>
inline void dot(const float* x, int64_t x_stride, int64_t rows, const void* weight, int64_t weight_stride, int64_t outs,
                int64_t in, float* sums, int64_t sum_stride) {
  const auto* const stored = static_cast<const typename Stored<kType>::Element*>(weight);
  switch (rows) {
    case 1: return dot_rows<kType, 1, 8>(x, x_stride, stored, weight_stride, outs, in, sums, sum_stride);
    case 2: return dot_rows<kType, 2, 4>(x, x_stride, stored, weight_stride, outs, in, sums, sum_stride);
    case 3: return dot_rows<kType, 3, 4>(x, x_stride, stored, weight_stride, outs, in, sums, sum_stride);
    default: return dot_rows<kType, 4, 3>(x, x_stride, stored, weight_stride, outs, in, sums, sum_stride);
  }
}

/// kVectors · kLanes columns, their sums in registers; the last vector may have fewer.
template <int kVectors>
inline void weighted_columns(const float* factors, int64_t factor_stride, int64_t rows, const float* x,
                             int64_t x_stride, int64_t last, bool accumulate, float* y) {
  Vector sums[kVectors] = {};
  if (accumulate) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[v] = load_up_to(y + v * kLanes, v + 1 < kVectors ? kLanes : last);
  }
  if (last == kLanes) {
    for (int64_t row = 0; row < rows; ++row) {
      const float factor = factors[row * factor_stride];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[v] += load(x + row * x_stride + v * kLanes) * factor;
    }
  } else {
    for (int64_t row = 0; row < rows; ++row) {
      const float factor = factors[row * factor_stride];
#pragma GCC unroll 8
      for (int v = 0; v + 1 < kVectors; ++v) sums[v] += load(x + row * x_stride + v * kLanes) * factor;
      sums[kVectors - 1] += load_first(x + row * x_stride + (kVectors - 1) * kLanes, last) * factor;
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) store_up_to(y + v * kLanes, sums[v], v + 1 < kVectors ? kLanes : last);
}

inline void weighted_rows(const float* factors, int64_t factor_stride, int64_t rows, const float* x, int64_t x_stride,
                          int64_t count, bool accumulate, float* y) {
  constexpr int kMost = 8;
  int64_t i = 0;
  for (; i + kMost * kLanes <= count; i += kMost * kLanes) {
    weighted_columns<kMost>(factors, factor_stride, rows, x + i, x_stride, kLanes, accumulate, y + i);
  }
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    weighted_columns<2>(factors, factor_stride, rows, x + i, x_stride, kLanes, accumulate, y + i);
  }
  for (; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    weighted_columns<1>(factors, factor_stride, rows, x + i, x_stride, here, accumulate, y + i);
  }
}

/// kOuts columns of factors, kVectors vectors of x; the last vector may have fewer elements.
template <int kOuts, int kVectors>
inline void sum_products_block(const float* factors, int64_t factor_stride, int64_t rows, const float* x,
                               int64_t x_stride, int64_t last, float* y, int64_t y_stride) {
  Vector sums[kOuts][kVectors] = {};
  for (int64_t row = 0; row < rows; ++row) {
    Vector values[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      values[v] = load_up_to(x + row * x_stride + v * kLanes, v + 1 < kVectors ? kLanes : last);
    }
#pragma GCC unroll 4
    for (int out = 0; out < kOuts; ++out) {
      const float factor = factors[row * factor_stride + out];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[out][v] += values[v] * factor;
    }
  }
#pragma GCC unroll 4
  for (int out = 0; out < kOuts; ++out) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      store_up_to(y + out * y_stride + v * kLanes, sums[out][v], v + 1 < kVectors ? kLanes : last);
    }
  }
}

template <int kOuts>
inline void sum_products_columns(const float* factors, int64_t factor_stride, int64_t rows, const float* x,
                                 int64_t x_stride, int64_t count, float* y, int64_t y_stride) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    sum_products_block<kOuts, 2>(factors, factor_stride, rows, x + i, x_stride, kLanes, y + i, y_stride);
  }
  for (; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    sum_products_block<kOuts, 1>(factors, factor_stride, rows, x + i, x_stride, here, y + i, y_stride);
  }
}

inline void sum_products(const float* factors, int64_t factor_stride, int64_t outs, int64_t rows, const float* x,
                         int64_t x_stride, int64_t count, float* y, int64_t y_stride) {
  int64_t out = 0;
  for (; out + 4 <= outs; out += 4) {
    sum_products_columns<4>(factors + out, factor_stride, rows, x, x_stride, count, y + out * y_stride, y_stride);
  }
  for (; out < outs; ++out) {
    sum_products_columns<1>(factors + out, factor_stride, rows, x, x_stride, count, y + out * y_stride, y_stride);
  }
}

inline void add_scaled(const float* x, float factor, int64_t count, float* y) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    store_up_to(y + i, load_up_to(x + i, here) * factor + load_up_to(y + i, here), here);
  });
}

inline float largest(const float* x, int64_t count) {
  Vector most = Vector{} + x[0];
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) most = larger(load(x + i), most);
  float result = x[0];
  for (int lane = 0; lane < kLanes; ++lane) result = most[lane] > result ? most[lane] : result;
  for (; i < count; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

inline double exponentials(const float* x, float shift, int64_t count, float* y) {
  DoubleVector sums = {};
  double total = 0;
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector value = exponential_of_negative(load_up_to(x + i, here) - shift);
    if (y != nullptr) store_up_to(y + i, value, here);
    if (here == kLanes) {
      float lanes[kLanes];
      store(lanes, value);
      sums += load_doubles(lanes) + load_doubles(lanes + kDoubleLanes);
    } else {
      for (int64_t lane = 0; lane < here; ++lane) total += static_cast<double>(value[lane]);
    }
  });
  return total + total_of(sums);
}

inline void score_gradient(const float* p, float product, float scale, int64_t count, float* ds) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    store_up_to(ds + i, load_up_to(p + i, here) * (load_up_to(ds + i, here) - product) * scale, here);
  });
}

inline void scale_row(float factor, int64_t count, float* x) {
  for_vectors(count, [&](int64_t i, int64_t here) { store_up_to(x + i, load_up_to(x + i, here) * factor, here); });
}

}  // namespace dnd::cpu::DND_ISA
