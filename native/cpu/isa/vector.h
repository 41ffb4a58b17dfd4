#pragma once

#include <cstdint>

#if defined(DND_NEON)
#include <arm_neon.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// The vector type of the instruction set that this file is compiled for.
namespace dnd::cpu::DND_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kTileRows = 14;  // 28 sums, 2 vectors of b: 30 of 32 registers; a comes from memory
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kTileRows = 6;  // 12 sums, 2 vectors of b, 1 of a: 15 of 16 registers
#elif defined(DND_NEON)
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 12;  // 24 sums, 2 vectors of b, 3 of a: 29 of 32 registers
#else
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 6;
#endif

constexpr int kLanes = kVectorBytes / 4;

typedef float Vector __attribute__((vector_size(kVectorBytes)));
typedef float UnalignedVector __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));

inline __attribute__((always_inline)) Vector load(const float* source) {
  return *reinterpret_cast<const UnalignedVector*>(source);
}

inline __attribute__((always_inline)) void store(float* destination, Vector value) {
  *reinterpret_cast<UnalignedVector*>(destination) = value;
}

/// Up to kLanes floats; the other lanes are 0.
inline __attribute__((always_inline)) Vector load_some(const float* source, int64_t count) {
  Vector value = {};
  for (int64_t lane = 0; lane < count; ++lane) value[lane] = source[lane];
  return value;
}

inline __attribute__((always_inline)) void store_some(float* destination, Vector value, int64_t count) {
  for (int64_t lane = 0; lane < count; ++lane) destination[lane] = value[lane];
}

}  // namespace dnd::cpu::DND_ISA
