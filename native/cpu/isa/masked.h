#pragma once

#include "cpu/isa/vector.h"

#if defined(__AVX2__)
#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// Loads and stores of the first lanes of a vector, for any count from 0: memory behind them is not touched.
namespace dnd::cpu::DND_ISA {

#if defined(__AVX512F__)

inline __attribute__((always_inline)) __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>((1u << count) - 1u);
}
inline __attribute__((always_inline)) Vector load_first(const float* source, int64_t count) {
  return _mm512_maskz_loadu_ps(first_lanes(count), source);
}
inline __attribute__((always_inline)) void store_first(float* destination, Vector value, int64_t count) {
  _mm512_mask_storeu_ps(destination, first_lanes(count), value);
}

#elif defined(__AVX2__)

inline __attribute__((always_inline)) __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __attribute__((always_inline)) Vector load_first(const float* source, int64_t count) {
  return _mm256_maskload_ps(source, first_lanes(count));
}
inline __attribute__((always_inline)) void store_first(float* destination, Vector value, int64_t count) {
  _mm256_maskstore_ps(destination, first_lanes(count), value);
}

#else

inline __attribute__((always_inline)) Vector load_first(const float* source, int64_t count) {
  return load_some(source, count);
}
inline __attribute__((always_inline)) void store_first(float* destination, Vector value, int64_t count) {
  store_some(destination, value, count);
}

#endif

}  // namespace dnd::cpu::DND_ISA
