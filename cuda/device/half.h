#pragma once

#include <cstdint>

#include "toolkit/device_code.h"
#include "toolkit/half_bits.h"

namespace dnd::cuda {

/// A 16-bit float, stored only: arithmetic is done in float.
struct Half {
  uint16_t bits;
};

/// To nearest even; beyond 65504 infinity.
__host__ __device__ __forceinline__ Half to_half(float value) { return {half_bits(value)}; }

__host__ __device__ __forceinline__ float to_float(Half value) { return float_of_half_bits(value.bits); }

/// Two adjacent halves in memory, `low` first.
__host__ __device__ __forceinline__ uint32_t pack_halves(float low, float high) { return packed_half_bits(low, high); }

__host__ __device__ __forceinline__ float low_half(uint32_t halves) {
  return to_float({static_cast<uint16_t>(halves & 0xffff)});
}
__host__ __device__ __forceinline__ float high_half(uint32_t halves) {
  return to_float({static_cast<uint16_t>(halves >> 16)});
}

}  // namespace dnd::cuda
