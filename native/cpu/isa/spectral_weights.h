#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/stored_values.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

/// Spectra of k×k kernels; lanes are output channels. A tile has far more points than a kernel has taps, so the sums
/// are written out (as dense transforms with k terms) instead of running an FFT over zeros. Each symmetry is used: taps
/// +j and −j share cosine and sine (folding), and so do frequencies f, −f, points/2 − f and points/2 + f, for which the
/// terms of odd j only change their sign.
namespace dnd::cpu::DND_ISA {

/// Σ over j = 1 … half, odd and even j apart: sums[j − 1] · factors[j − 1].
struct OddEven {
  Vector odd, even;
};

template <int kHalf>
inline __attribute__((always_inline)) OddEven weighted(const Vector* values, const float* factors, Vector start) {
  OddEven sum = {Vector{}, start};
#pragma GCC unroll 8
  for (int j = 1; j <= kHalf; ++j) {
    Vector& target = j % 2 == 0 ? sum.even : sum.odd;
    target += values[j - 1] * factors[j - 1];
  }
  return sum;
}

/// For each row of taps along the full axis: its middle tap along the halved axis, then for j = 1 … half the sums
/// x[+j] + x[−j], then the differences x[+j] − x[−j].
template <int kHalf>
inline __attribute__((always_inline)) void fold(const Vector* taps, int64_t halved_stride, int64_t full_stride,
                                                Vector* folded) {
  constexpr int kTaps = 2 * kHalf + 1;
  for (int row = 0; row < kTaps; ++row, folded += kTaps) {
    const Vector* middle = taps + row * full_stride + kHalf * halved_stride;
    folded[0] = *middle;
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      const Vector plus = middle[j * halved_stride], minus = middle[-j * halved_stride];
      folded[j] = plus + minus;
      folded[kHalf + j] = plus - minus;
    }
  }
}

/// The taps of one input channel, lanes being output channels: `taps` values from each of `outs` ≤ kLanes places,
/// `out_stride` apart, the first at `element` of the weight.
template <DndWeightType kType>
void load_taps(const void* weight, int64_t element, int64_t out_stride, int64_t outs, int64_t taps, Vector* to) {
  using Weights = Stored<kType>;
  const auto* first = static_cast<const typename Weights::Element*>(weight) + element;
  // The last square overlaps the one before it, so that only kernels of fewer taps than lanes are read in part.
  for (int64_t tap = 0; tap < taps; tap += kLanes) {
    const int64_t begin = tap + kLanes <= taps || taps < kLanes ? tap : taps - kLanes;
    Vector square[kLanes];
    if (outs == kLanes && taps >= kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) square[lane] = Weights::load(first + lane * out_stride + begin);
    } else {
      const int64_t count = taps < kLanes ? taps : kLanes;
      for (int lane = 0; lane < kLanes; ++lane) {
        square[lane] = lane < outs ? Weights::load_first(first + lane * out_stride + begin, count) : Vector{};
      }
    }
    transpose_square(square);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) to[begin + i] = square[i];
  }
}

/// Not expanded in place: one for each type does for every size of kernels.
inline __attribute__((noinline)) void load_stored_taps(const TapView& view, int64_t element, int64_t taps, Vector* to) {
  switch (view.type) {
    case kDndFloat32Weight: return load_taps<kDndFloat32Weight>(view.first, element, view.out_stride, view.outs, taps, to);
    case kDndFloat16Weight: return load_taps<kDndFloat16Weight>(view.first, element, view.out_stride, view.outs, taps, to);
    case kDndBfloat16Weight: return load_taps<kDndBfloat16Weight>(view.first, element, view.out_stride, view.outs, taps, to);
  }
}

struct Complex {
  Vector real, imaginary;
};

/// What a row of taps becomes at one or two frequencies of the halved axis.
struct RowPair {
  Complex low, high;
};

/// The folded row at a frequency and at points/2 − that.
template <int kHalf>
inline __attribute__((always_inline)) RowPair row_at(const Vector* folded, const float* cosines, const float* sines) {
  const OddEven even = weighted<kHalf>(folded + 1, cosines, folded[0]);
  const OddEven odd = weighted<kHalf>(folded + 1 + kHalf, sines, Vector{});
  return {{even.even + even.odd, odd.odd + odd.even}, {even.even - even.odd, odd.odd - odd.even}};
}

/// Frequencies 0 and points/2, which are real, as the real and the imaginary part of one.
template <int kHalf>
inline __attribute__((always_inline)) Complex symmetric_row(const Vector* folded) {
  Vector even = folded[0], odd = {};
#pragma GCC unroll 8
  for (int j = 1; j <= kHalf; ++j) (j % 2 == 0 ? even : odd) += folded[j];
  return {even + odd, even - odd};
}

/// Rows +j and −j, folded, to their places in the 2k vectors of a column.
template <int kHalf>
inline __attribute__((always_inline)) void store_pair(int j, Complex plus, Complex minus, float* target) {
  store(target + (1 + j) * kLanes, plus.real + minus.real);
  store(target + (1 + kHalf + j) * kLanes, plus.imaginary + minus.imaginary);
  store(target + (1 + 2 * kHalf + j) * kLanes, plus.real - minus.real);
  store(target + (1 + 3 * kHalf + j) * kLanes, plus.imaginary - minus.imaginary);
}

inline __attribute__((always_inline)) void store_middle(Complex middle, float* target) {
  store(target, middle.real);
  store(target + kLanes, middle.imaginary);
}

/// One halved frequency, and points/2 − that unless `high` is null. Rows go in pairs, so that none waits in a register.
template <int kHalf>
inline __attribute__((always_inline)) void rows(const Vector* folded, const float* cosines, const float* sines,
                                                float* low, float* high) {
  constexpr int kTaps = 2 * kHalf + 1;
  const auto row = [&](int index) { return row_at<kHalf>(folded + index * kTaps, cosines, sines); };
  const RowPair middle = row(kHalf);
  store_middle(middle.low, low);
  if (high != nullptr) store_middle(middle.high, high);
  for (int j = 1; j <= kHalf; ++j) {
    const RowPair plus = row(kHalf + j), minus = row(kHalf - j);
    store_pair<kHalf>(j, plus.low, minus.low, low);
    if (high != nullptr) store_pair<kHalf>(j, plus.high, minus.high, high);
  }
}

template <int kHalf>
inline __attribute__((always_inline)) void symmetric_rows(const Vector* folded, float* both) {
  constexpr int kTaps = 2 * kHalf + 1;
  const auto row = [&](int index) { return symmetric_row<kHalf>(folded + index * kTaps); };
  store_middle(row(kHalf), both);
  for (int j = 1; j <= kHalf; ++j) store_pair<kHalf>(j, row(kHalf + j), row(kHalf - j), both);
}

template <int kHalf>
void halve(const TapView& taps, int64_t channels, TapTwiddles twiddles, int64_t columns, float* rows_of,
           int64_t column_stride, int64_t channel_stride) {
  constexpr int kTaps = (2 * kHalf + 1) * (2 * kHalf + 1);
  Vector lanes_of[kTaps + kLanes], folded[kTaps];
  const Vector* first_tap = lanes_of + (taps.full_stride < 0 ? kTaps - 1 : 0);
  for (int64_t c = 0; c < channels; ++c, rows_of += channel_stride) {
    load_stored_taps(taps, c * taps.channel_stride, kTaps, lanes_of);
    fold<kHalf>(first_tap, taps.halved_stride, taps.full_stride, folded);
    symmetric_rows<kHalf>(folded, rows_of);
    for (int64_t low = 1; 2 * low <= columns; ++low) {
      const int64_t high = columns - low;
      rows<kHalf>(folded, twiddles.cosines + low * kHalf, twiddles.sines + low * kHalf, rows_of + low * column_stride,
                  high == low ? nullptr : rows_of + high * column_stride);
    }
  }
}

inline __attribute__((always_inline)) void put_point(float* slab, int64_t component_stride, Vector real,
                                                     Vector imaginary) {
  store(slab, real);
  store(slab + component_stride, imaginary);
  store(slab + 2 * component_stride, real + imaginary);
}

/// The four points of one step, or the first two (f = 0), or the first and the second (f = full/4).
template <int kHalf, bool kSymmetric>
inline __attribute__((always_inline)) void step(const Vector (&row)[4 * kHalf + 2], const float* cosines,
                                                const float* sines, bool first, bool last, float* slab,
                                                int64_t component_stride) {
  const OddEven even_r = weighted<kHalf>(row + 2, cosines, row[0]);
  const OddEven even_i = weighted<kHalf>(row + 2 + kHalf, cosines, row[1]);
  // i·sin turns imaginary differences into real parts and real ones into imaginary parts.
  const OddEven odd_r = weighted<kHalf>(row + 2 + 3 * kHalf, sines, Vector{});
  const OddEven odd_i = weighted<kHalf>(row + 2 + 2 * kHalf, sines, Vector{});
  const int64_t point = 3 * component_stride;
  // Frequency f, and full/2 − f, where the cosines' odd terms and the sines' even terms change their sign.
  const Vector cr = even_r.even + even_r.odd, ci = even_i.even + even_i.odd;
  const Vector sr = odd_r.odd + odd_r.even, si = odd_i.odd + odd_i.even;
  const Vector far_cr = even_r.even - even_r.odd, far_ci = even_i.even - even_i.odd;
  const Vector far_sr = odd_r.odd - odd_r.even, far_si = odd_i.odd - odd_i.even;
  if constexpr (kSymmetric) {  // two real sequences, of halved frequency 0 and points/2
    put_point(slab, component_stride, cr, si);
    put_point(slab + point, component_stride, ci, sr);
    if (last) return;
    put_point(slab + 2 * point, component_stride, far_cr, far_si);
    put_point(slab + 3 * point, component_stride, far_ci, far_sr);
  } else {
    put_point(slab, component_stride, cr - sr, ci + si);
    if (first) {
      put_point(slab + point, component_stride, far_cr - far_sr, far_ci + far_si);
      return;
    }
    put_point(slab + point, component_stride, cr + sr, ci - si);
    if (last) return;
    put_point(slab + 2 * point, component_stride, far_cr - far_sr, far_ci + far_si);
    put_point(slab + 3 * point, component_stride, far_cr + far_sr, far_ci - far_si);
  }
}

template <int kHalf, bool kSymmetric>
inline __attribute__((always_inline)) void all_columns(const float* rows, int64_t count, TapTwiddles twiddles,
                                                       int64_t full_points, int64_t begin, int64_t end, float* slab,
                                                       int64_t component_stride) {
  for (int64_t i = 0; i < count; ++i) {
    Vector row[4 * kHalf + 2];
#pragma GCC unroll 32
    for (int j = 0; j < 4 * kHalf + 2; ++j) row[j] = load(rows + (i * (4 * kHalf + 2) + j) * kLanes);
    float* target = slab + i * kLanes;
    for (int64_t f = begin; f < end; ++f) {
      step<kHalf, kSymmetric>(row, twiddles.cosines + f * kHalf, twiddles.sines + f * kHalf, f == 0,
                              4 * f == full_points, target, component_stride);
      target += (f == 0 && !kSymmetric ? 2 : 4) * 3 * component_stride;
    }
  }
}

template <int kHalf>
void columns(const float* rows, int64_t count, TapTwiddles twiddles, int64_t full_points, bool symmetric, int64_t begin,
             int64_t end, float* slab, int64_t component_stride) {
  if (symmetric) {
    all_columns<kHalf, true>(rows, count, twiddles, full_points, begin, end, slab, component_stride);
  } else {
    all_columns<kHalf, false>(rows, count, twiddles, full_points, begin, end, slab, component_stride);
  }
}

template <int kHalf = 0>
void add_weight_transforms(SpectralKernels& kernels) {
  kernels.halve[kHalf] = halve<kHalf>;
  kernels.columns[kHalf] = columns<kHalf>;
  if constexpr (kHalf + 1 < kSpectralHalves) add_weight_transforms<kHalf + 1>(kernels);
}

}  // namespace dnd::cpu::DND_ISA
