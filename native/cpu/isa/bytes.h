#pragma once

#include "cpu/isa/vector.h"

#if defined(__x86_64__)
#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// Bytes in memory as vectors of whole numbers; compilers convert them lane by lane.
namespace dnd::cpu::DND_ISA {

typedef int32_t IntegerVector __attribute__((vector_size(kVectorBytes)));

inline __attribute__((always_inline)) IntegerVector load_bytes(const uint8_t* source) {
#if defined(__AVX512F__)
  return reinterpret_cast<IntegerVector>(
      _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(source))));
#elif defined(__AVX2__)
  return reinterpret_cast<IntegerVector>(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(source))));
#else
  IntegerVector value;
  for (int lane = 0; lane < kLanes; ++lane) value[lane] = source[lane];
  return value;
#endif
}

/// Lanes from 0 to 255.
inline __attribute__((always_inline)) void store_bytes(uint8_t* destination, IntegerVector value) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(destination),
                   _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(value)));
#elif defined(__AVX2__)
  const __m256i lanes = reinterpret_cast<__m256i>(value);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(destination), _mm_packus_epi16(halves, halves));
#else
  for (int lane = 0; lane < kLanes; ++lane) destination[lane] = static_cast<uint8_t>(value[lane]);
#endif
}

}  // namespace dnd::cpu::DND_ISA
