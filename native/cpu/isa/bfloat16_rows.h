#pragma once

#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind

#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/masked.h"
#include "cpu/isa/transpose.h"

/// The loops of Bfloat16Kernels.
namespace dnd::cpu::DND_ISA {

/// A broadcast of each pair of a comes with the product's instruction, out of memory.
template <int kRows, int kVectors>
void bfloat16_tile(int64_t pairs, const Bfloat16Pair* a, int64_t a_stride, const Bfloat16Pair* b, int64_t b_step,
                   float* c, int64_t c_stride, bool accumulate) {
  __m512 sums[kRows][kVectors] = {};
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = (__m512bh)_mm512_loadu_si512(b + v * kLanes);
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const __m512bh left = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r * a_stride + p]));
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], right[v], left);
    }
    b += b_step;
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* const target = c + r * c_stride + v * kLanes;
      _mm512_storeu_ps(target, accumulate ? _mm512_loadu_ps(target) + sums[r][v] : sums[r][v]);
    }
  }
}

/// The first 2 · kLanes numbers of x, `count` of them at most, the others zero.
inline __attribute__((always_inline)) __m512i rounded_pairs(const float* x, int64_t count) {
  if (count >= 2 * kLanes) return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + kLanes), _mm512_loadu_ps(x));
  const Vector low = load_first(x, count < kLanes ? count : kLanes);
  const Vector high = count > kLanes ? load_first(x + kLanes, count - kLanes) : Vector{};
  return (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

inline void round_row(const float* x, int64_t count, Bfloat16Pair* pairs) {
  for (int64_t i = 0; i < count; i += 2 * kLanes) {
    const int64_t here = (count - i + 1) / 2;  // pairs
    const __mmask16 written = here >= kLanes ? 0xffff : first_lanes(here);
    _mm512_mask_storeu_epi32(pairs + i / 2, written, rounded_pairs(x + i, count - i));
  }
}

inline void pack_rows(const float* source, int64_t lane_stride, int64_t lanes, int64_t depth, Bfloat16Pair* destination,
                      int64_t width) {
  for (int64_t first = 0; first < width; first += kLanes) {
    for (int64_t d = 0; d < depth; d += 2 * kLanes) {
      Vector square[kLanes];
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        square[lane] = first + lane < lanes ? (Vector)rounded_pairs(source + (first + lane) * lane_stride + d, depth - d)
                                            : Vector{};
      }
      transpose_square(square);
      const int64_t pairs = (depth - d + 1) / 2;
      for (int64_t p = 0; p < kLanes && p < pairs; ++p) {
        _mm512_storeu_si512(destination + (d / 2 + p) * width + first, (__m512i)square[p]);
      }
    }
  }
}

inline __attribute__((always_inline)) __m512i rounded_lanes(const float* x, int64_t count) {
  const Vector values = load_first(x, count < 0 ? 0 : count < kLanes ? count : kLanes);
  return _mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)_mm512_cvtneps_pbh((__m512)values));
}

inline void pack_columns(const float* source, int64_t depth_stride, int64_t lanes, int64_t depth,
                         Bfloat16Pair* destination, int64_t width) {
  for (int64_t d = 0; d < depth; d += 2) {
    for (int64_t first = 0; first < width; first += kLanes) {
      const float* const x = source + d * depth_stride + first;
      const __m512i even = rounded_lanes(x, lanes - first);
      const __m512i odd = d + 1 < depth ? rounded_lanes(x + depth_stride, lanes - first) : _mm512_setzero_si512();
      _mm512_storeu_si512(destination + d / 2 * width + first, _mm512_or_si512(even, _mm512_maskz_slli_epi32(0xffff, odd, 16)));
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
