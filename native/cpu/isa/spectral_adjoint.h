#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/spectral_tiles.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

/// The adjoint of spectral_weights.h: from the gradient of the spectra of k×k kernels to that of their taps; lanes are
/// output channels. Every sum over taps there is a sum over frequencies here, and the same symmetries are used.
namespace dnd::cpu::DND_ISA {

/// Sums over frequencies of what the middle tap, the cosines and the sines of j = 1 … kHalf are multiplied by.
template <int kHalf>
struct TapSums {
  Vector middle, cosine[kHalf + 1], sine[kHalf + 1];  // one more, so that none is empty

  /// A frequency, and points/2 − that, where the cosines of odd j and the sines of even j have the other sign.
  __attribute__((always_inline)) void add(Vector near_cosine, Vector far_cosine, Vector near_sine, Vector far_sine,
                                          const float* cosines, const float* sines) {
    const Vector even = near_cosine + far_cosine, odd = near_cosine - far_cosine;
    const Vector odd_sine = near_sine + far_sine, even_sine = near_sine - far_sine;
    middle += even;
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      cosine[j - 1] += (j % 2 == 0 ? even : odd) * cosines[j - 1];
      sine[j - 1] += (j % 2 == 0 ? even_sine : odd_sine) * sines[j - 1];
    }
  }

  /// A frequency and points/2 − that whose sines are zero.
  __attribute__((always_inline)) void add_cosines(Vector near, Vector far, const float* cosines) {
    const Vector even = near + far, odd = near - far;
    middle += even;
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) cosine[j - 1] += (j % 2 == 0 ? even : odd) * cosines[j - 1];
  }
};

/// Of a column of the spectrum, in the order of its 2k vectors: `first` has the middle's real part, the sums' real
/// parts and the differences' imaginary parts; `second` the others.
template <int kHalf>
struct RowSums {
  TapSums<kHalf> first, second;
};

/// Which of both are summed in one pass over the frequencies: as many as there are registers for.
enum class Summed { kBoth, kFirst, kSecond };

template <int kHalf>
constexpr bool sums_fit_registers() {
  return 4 * kHalf + 2 <= (kLanes == 16 ? 22 : 6);
}

/// A point of a slab, which is in a near cache. Its address is hidden from the compiler: made from that of the step's
/// first point each time, it costs one addition, and a pointer for every component of a step all the registers.
inline __attribute__((always_inline)) Point take_near(const SpectrumView<const float>& slab, int64_t point) {
  const float* from = slab.data + 3 * point * slab.component_stride;
  asm("" : "+r"(from));
  const Vector p1 = load(from), p2 = load(from + slab.component_stride), p3 = load(from + 2 * slab.component_stride);
  return {p1 - p2, p3 - p1 - p2};
}

/// The points of one step; `slab` is at the first.
template <int kHalf, bool kSymmetric, Summed kSummed>
inline __attribute__((always_inline)) void step_adjoint(const SpectrumView<const float>& slab, bool first, bool last,
                                                        const float* cosines, const float* sines,
                                                        RowSums<kHalf>& sums) {
  constexpr bool kOfFirst = kSummed != Summed::kSecond, kOfSecond = kSummed != Summed::kFirst;
  const Point zero = {Vector{}, Vector{}};
  if constexpr (kSymmetric) {  // two real sequences, of halved frequency 0 and points/2
    const Point near_zero = take_near(slab, 0), near_nyquist = take_near(slab, 1);
    const Point far_zero = last ? zero : take_near(slab, 2), far_nyquist = last ? zero : take_near(slab, 3);
    if (first) {  // the four frequencies that are their own conjugates
      if (kOfFirst) sums.first.add_cosines(near_zero.real * 0.5f, far_zero.real * 0.5f, cosines);
      if (kOfSecond) sums.second.add_cosines(near_nyquist.real * 0.5f, far_nyquist.real * 0.5f, cosines);
      return;
    }
    if (kOfFirst) {
      sums.first.add(near_zero.real, far_zero.real, near_nyquist.imaginary, far_nyquist.imaginary, cosines, sines);
    }
    if (kOfSecond) {
      sums.second.add(near_nyquist.real, far_nyquist.real, near_zero.imaginary, far_zero.imaginary, cosines, sines);
    }
  } else {
    if (first) {
      const Point near = take_near(slab, 0), far = take_near(slab, 1);
      if (kOfFirst) sums.first.add_cosines(near.real, far.real, cosines);
      if (kOfSecond) sums.second.add_cosines(near.imaginary, far.imaginary, cosines);
      return;
    }
    const Point plus = take_near(slab, 0), minus = take_near(slab, 1);
    const Point far_plus = last ? zero : take_near(slab, 2), far_minus = last ? zero : take_near(slab, 3);
    if (kOfFirst) {
      sums.first.add(plus.real + minus.real, far_plus.real + far_minus.real, minus.real - plus.real,
                     far_minus.real - far_plus.real, cosines, sines);
    }
    if (kOfSecond) {
      sums.second.add(plus.imaginary + minus.imaginary, far_plus.imaginary + far_minus.imaginary,
                      plus.imaginary - minus.imaginary, far_plus.imaginary - far_minus.imaginary, cosines, sines);
    }
  }
}

/// The places of a RowSums among the 2k vectors of a column: calls visit(sum, number of the vector).
template <int kHalf, Summed kSummed>
inline __attribute__((always_inline)) void for_each_sum(RowSums<kHalf>& sums, auto visit) {
  if constexpr (kSummed != Summed::kSecond) {
    visit(sums.first.middle, 0);
#pragma GCC unroll 8
    for (int j = 0; j < kHalf; ++j) visit(sums.first.cosine[j], 2 + j), visit(sums.first.sine[j], 2 + 3 * kHalf + j);
  }
  if constexpr (kSummed != Summed::kFirst) {
    visit(sums.second.middle, 1);
#pragma GCC unroll 8
    for (int j = 0; j < kHalf; ++j) {
      visit(sums.second.cosine[j], 2 + kHalf + j), visit(sums.second.sine[j], 2 + 2 * kHalf + j);
    }
  }
}

template <int kHalf, bool kSymmetric, Summed kSummed>
inline __attribute__((always_inline)) void column_adjoint(SpectrumView<const float> slab, TapTwiddles twiddles,
                                                          int64_t full_points, int64_t begin, int64_t end, float* row) {
  RowSums<kHalf> sums = {};
  if (begin > 0) for_each_sum<kHalf, kSummed>(sums, [row](Vector& sum, int at) { sum = load(row + at * kLanes); });
  int64_t f = begin;
  const auto take_step = [&](bool first, bool last) __attribute__((always_inline)) {
    step_adjoint<kHalf, kSymmetric, kSummed>(slab, first, last, twiddles.cosines + f * kHalf,
                                             twiddles.sines + f * kHalf, sums);
    slab.data += (first && !kSymmetric ? 2 : 4) * 3 * slab.component_stride;
    ++f;
  };
  if (f == 0) take_step(true, false);
  const int64_t whole = 4 * (end - 1) == full_points ? end - 1 : end;  // the last step may have two points only
  while (f < whole) take_step(false, false);
  if (f < end) take_step(false, true);
  for_each_sum<kHalf, kSummed>(sums, [row](Vector& sum, int at) { store(row + at * kLanes, sum); });
}

template <int kHalf, bool kSymmetric>
inline __attribute__((always_inline)) void all_columns_adjoint(SpectrumView<const float> slab, int64_t count,
                                                               TapTwiddles twiddles, int64_t full_points, int64_t begin,
                                                               int64_t end, float* rows) {
  for (int64_t i = 0; i < count; ++i, slab.data += kLanes, rows += (4 * kHalf + 2) * kLanes) {
    if constexpr (sums_fit_registers<kHalf>()) {
      column_adjoint<kHalf, kSymmetric, Summed::kBoth>(slab, twiddles, full_points, begin, end, rows);
    } else {
      column_adjoint<kHalf, kSymmetric, Summed::kFirst>(slab, twiddles, full_points, begin, end, rows);
      column_adjoint<kHalf, kSymmetric, Summed::kSecond>(slab, twiddles, full_points, begin, end, rows);
    }
  }
}

template <int kHalf>
void columns_adjoint(const float* slab, int64_t component_stride, int64_t count, TapTwiddles twiddles,
                     int64_t full_points, bool symmetric, int64_t begin, int64_t end, float* rows) {
  if (symmetric) {
    all_columns_adjoint<kHalf, true>({slab, component_stride}, count, twiddles, full_points, begin, end, rows);
  } else {
    all_columns_adjoint<kHalf, false>({slab, component_stride}, count, twiddles, full_points, begin, end, rows);
  }
}

/// Rows of taps along the halved axis from their complex values at every column: the middle tap, then of taps +j and −j
/// what they have in common (cosine) and by what they differ (sine). All rows in one pass over the columns.
template <int kHalf, int kRows>
inline __attribute__((always_inline)) void rows_adjoint(const float* const (&real)[kRows],
                                                        const float* const (&imaginary)[kRows], int64_t column_stride,
                                                        TapTwiddles twiddles, int64_t columns,
                                                        TapSums<kHalf> (&sums)[kRows]) {
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
    const Vector at_zero = load(real[r]), at_nyquist = load(imaginary[r]);
    sums[r].middle = at_zero + at_nyquist;
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      sums[r].cosine[j - 1] = j % 2 == 0 ? at_zero + at_nyquist : at_zero - at_nyquist;
      sums[r].sine[j - 1] = Vector{};
    }
  }
  int64_t low = 1;
  for (; 2 * low < columns; ++low) {
    const int64_t near = low * column_stride, far = (columns - low) * column_stride;
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      sums[r].add(load(real[r] + near), load(real[r] + far), load(imaginary[r] + near), load(imaginary[r] + far),
                  twiddles.cosines + low * kHalf, twiddles.sines + low * kHalf);
    }
  }
  if (2 * low > columns) return;
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
    sums[r].add(load(real[r] + low * column_stride), Vector{}, load(imaginary[r] + low * column_stride), Vector{},
                twiddles.cosines + low * kHalf, twiddles.sines + low * kHalf);
  }
}

/// The other way than load_taps.
inline __attribute__((always_inline)) void store_taps(const Vector* from, int64_t taps, int64_t out_stride,
                                                      int64_t outs, bool accumulate, float* gradient) {
  for (int64_t tap = 0; tap < taps; tap += kLanes) {
    const int64_t count = taps - tap < kLanes ? taps - tap : kLanes;
    if (count == 1) {  // as of every other kernel, whose k² is one more than a multiple of 16
      for (int64_t lane = 0; lane < outs; ++lane) {
        float* target = gradient + lane * out_stride + tap;
        *target = accumulate ? *target + from[tap][lane] : from[tap][lane];
      }
      continue;
    }
    Vector square[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = from[tap + i];
    transpose_square(square);
    if (outs == kLanes && count == kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) {
        float* target = gradient + lane * out_stride + tap;
        store(target, accumulate ? load(target) + square[lane] : square[lane]);
      }
    } else {
      for (int64_t lane = 0; lane < outs; ++lane) {
        float* target = gradient + lane * out_stride + tap;
        store_first(target, accumulate ? load_first(target, count) + square[lane] : square[lane], count);
      }
    }
  }
}

template <int kHalf>
void halve_adjoint(const float* rows, int64_t column_stride, int64_t channel_stride, int64_t channels,
                   TapTwiddles twiddles, int64_t columns, const TapTarget& taps) {
  constexpr int kTaps = (2 * kHalf + 1) * (2 * kHalf + 1);
  Vector lanes_of[kTaps + kLanes] = {};  // the last square of a transpose reads more than there are
  Vector* const centre = lanes_of + kHalf * (taps.halved_stride + taps.full_stride);
  const auto unfold = [&taps](Vector * middle, Vector middle_tap, const Vector* sums, const Vector* differences)
      __attribute__((always_inline)) {
    *middle = middle_tap;
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      middle[j * taps.halved_stride] = sums[j - 1] + differences[j - 1];
      middle[-j * taps.halved_stride] = sums[j - 1] - differences[j - 1];
    }
  };
  for (int64_t c = 0; c < channels; ++c, rows += channel_stride) {
    float* const target = taps.first + c * taps.channel_stride;
    for (int64_t lane = 0; lane < taps.outs; ++lane) {  // far away, as a rule: there when the taps are
      for (int64_t tap = 0; tap < kTaps; tap += 16) __builtin_prefetch(target + lane * taps.out_stride + tap, 1);
    }
    TapSums<kHalf> middle[1];
    rows_adjoint<kHalf, 1>({rows}, {rows + kLanes}, column_stride, twiddles, columns, middle);
    unfold(centre, middle[0].middle, middle[0].cosine, middle[0].sine);
    for (int j = 1; j <= kHalf; ++j) {
      // What rows +j and −j have in common, and by what they differ.
      const float* const at = rows + (1 + j) * kLanes;
      TapSums<kHalf> sums[2];
      rows_adjoint<kHalf, 2>({at, at + 2 * kHalf * kLanes}, {at + kHalf * kLanes, at + 3 * kHalf * kLanes},
                             column_stride, twiddles, columns, sums);
      const auto unfold_row = [&](Vector * row_middle, auto combined) __attribute__((always_inline)) {
        Vector cosine[kHalf + 1], sine[kHalf + 1];
#pragma GCC unroll 8
        for (int i = 0; i < kHalf; ++i) {
          cosine[i] = combined(sums[0].cosine[i], sums[1].cosine[i]);
          sine[i] = combined(sums[0].sine[i], sums[1].sine[i]);
        }
        unfold(row_middle, combined(sums[0].middle, sums[1].middle), cosine, sine);
      };
      unfold_row(centre + j * taps.full_stride, [](Vector common, Vector difference) { return common + difference; });
      unfold_row(centre - j * taps.full_stride, [](Vector common, Vector difference) { return common - difference; });
    }
    store_taps(lanes_of, kTaps, taps.out_stride, taps.outs, taps.accumulate, target);
  }
}

template <int kHalf = 0>
void add_weight_adjoints(SpectralKernels& kernels) {
  kernels.columns_adjoint[kHalf] = columns_adjoint<kHalf>;
  kernels.halve_adjoint[kHalf] = halve_adjoint<kHalf>;
  if constexpr (kHalf + 1 < kSpectralHalves) add_weight_adjoints<kHalf + 1>(kernels);
}

}  // namespace dnd::cpu::DND_ISA
