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
#elif defined(DND_NEON)
  uint32_t four;
  __builtin_memcpy(&four, source, sizeof(four));
  return reinterpret_cast<IntegerVector>(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
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
#elif defined(DND_NEON)
  const uint16x4_t halves = vmovn_u32(reinterpret_cast<uint32x4_t>(value));
  const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves))), 0);
  __builtin_memcpy(destination, &four, sizeof(four));
#else
  for (int lane = 0; lane < kLanes; ++lane) destination[lane] = static_cast<uint8_t>(value[lane]);
#endif
}

}  // namespace dnd::cpu::DND_ISA
