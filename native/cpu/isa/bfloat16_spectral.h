#pragma once

#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind

#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/isa/spectral_product.h"
#include "cpu/isa/spectral_weights.h"

/// The loops of Bfloat16SpectralKernels.
namespace dnd::cpu::DND_ISA {

inline __attribute__((always_inline)) void store_rounded(Bfloat16Pair* to, Vector values) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh((__m512)values));
}

inline void round_spectrum(const float* spectrum, int64_t points, Bfloat16Pair* to, int64_t component_stride) {
  for (int64_t point = 0; point < points; ++point, spectrum += 2 * kLanes, to += 3 * component_stride) {
    const Vector real = load(spectrum), imaginary = load(spectrum + kLanes);
    store_rounded(to, real);
    store_rounded(to + component_stride, imaginary);
    store_rounded(to + 2 * component_stride, real + imaginary);
  }
}

/// Words 0 … 15 and 16 … 31 in turn: pairs of two vectors that were rounded one behind the other.
inline __attribute__((always_inline)) __m512i pair_order() {
  alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_load_si512(kOrder);
}

/// One kernel of taps along the full axis, as `halve` leaves it.
template <int kHalf>
struct FoldedRow {
  static constexpr int kVectors = 4 * kHalf + 2;
  Vector at[kVectors];
};

template <int kHalf>
inline __attribute__((always_inline)) void load_row(const float* from, bool there, FoldedRow<kHalf>& row) {
#pragma GCC unroll 32
  for (int j = 0; j < FoldedRow<kHalf>::kVectors; ++j) row.at[j] = there ? load(from + j * kLanes) : Vector{};
}

template <int kHalf, bool kSymmetric>
inline __attribute__((always_inline)) void all_column_pairs(const float* rows, int64_t depth, int64_t vectors,
                                                            TapTwiddles twiddles, int64_t full_points, int64_t begin,
                                                            int64_t end, Bfloat16Pair* slab, int64_t component_stride) {
  constexpr int64_t kRowFloats = FoldedRow<kHalf>::kVectors * kLanes;
  constexpr int kMostComponents = 3 * 4;  // of the points of a step
  const __m512i order = pair_order();
  for (int64_t panel = 0; panel < vectors; panel += kPanelVectors) {
    const int64_t breadth = vectors - panel < kPanelVectors ? vectors - panel : kPanelVectors;
    for (int64_t d = 0; d < depth; d += 2) {
      for (int64_t v = 0; v < breadth; ++v, slab += kLanes) {
        FoldedRow<kHalf> even, odd;
        const float* const from = rows + (d * breadth + v) * kRowFloats;
        load_row(from, true, even);
        load_row(from + breadth * kRowFloats, d + 1 < depth, odd);
        Bfloat16Pair* target = slab;
        for (int64_t f = begin; f < end; ++f) {
          alignas(64) float points[2][kMostComponents * kLanes];
          const float *const cosines = twiddles.cosines + f * kHalf, *const sines = twiddles.sines + f * kHalf;
          const bool first = f == 0, last = 4 * f == full_points;
          step<kHalf, kSymmetric>(even.at, cosines, sines, first, last, points[0], kLanes);
          step<kHalf, kSymmetric>(odd.at, cosines, sines, first, last, points[1], kLanes);
          const int64_t components = last || (first && !kSymmetric) ? kMostComponents / 2 : kMostComponents;
          for (int64_t c = 0; c < components; ++c, target += component_stride) {
            const __m512bh both = _mm512_cvtne2ps_pbh((__m512)load(points[1] + c * kLanes),
                                                      (__m512)load(points[0] + c * kLanes));
            _mm512_storeu_si512(target, _mm512_permutexvar_epi16(order, (__m512i)both));
          }
        }
      }
    }
    rows += depth * breadth * kRowFloats;
  }
}

template <int kHalf>
void column_pairs(const float* rows, int64_t depth, int64_t vectors, TapTwiddles twiddles, int64_t full_points,
                  bool symmetric, int64_t begin, int64_t end, Bfloat16Pair* slab, int64_t component_stride) {
  if (symmetric) {
    all_column_pairs<kHalf, true>(rows, depth, vectors, twiddles, full_points, begin, end, slab, component_stride);
  } else {
    all_column_pairs<kHalf, false>(rows, depth, vectors, twiddles, full_points, begin, end, slab, component_stride);
  }
}

/// Pairs as operands of `product`.
struct PairOperands {
  using Element = Bfloat16Pair;
  using Lanes = __m512bh;

  static __attribute__((always_inline)) Lanes load(const Bfloat16Pair* from) {
    return (__m512bh)_mm512_loadu_si512(from);
  }
  static __attribute__((always_inline)) void multiply(Vector& sum, Lanes w, Bfloat16Pair x) {
    sum = (Vector)_mm512_dpbf16_ps((__m512)sum, w, (__m512bh)_mm512_set1_epi32(static_cast<int>(x)));
  }
};

template <int kHalf = 0>
void add_column_pairs(Bfloat16SpectralKernels& kernels) {
  kernels.columns[kHalf] = column_pairs<kHalf>;
  if constexpr (kHalf + 1 < kSpectralHalves) add_column_pairs<kHalf + 1>(kernels);
}

}  // namespace dnd::cpu::DND_ISA
