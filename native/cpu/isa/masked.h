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

#elif defined(DND_NEON)

inline __attribute__((always_inline)) Vector load_first(const float* source, int64_t count) {
  if (count >= 4) return vld1q_f32(source);
  const float32x2_t none = vdup_n_f32(0.0f);
  const float32x2_t low = count >= 2 ? vld1_f32(source) : count == 1 ? vld1_lane_f32(source, none, 0) : none;
  return vcombine_f32(low, count == 3 ? vld1_lane_f32(source + 2, none, 0) : none);
}
inline __attribute__((always_inline)) void store_first(float* destination, Vector value, int64_t count) {
  if (count >= 4) return vst1q_f32(destination, value);
  if (count >= 2) vst1_f32(destination, vget_low_f32(value));
  if (count == 1) vst1q_lane_f32(destination, value, 0);
  if (count == 3) vst1q_lane_f32(destination + 2, value, 2);
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
