#pragma once

/// Floats to the bits of halves and back. The emulator has a header of the same name with the same functions.

#include <cuda_fp16.h>

#include <cstdint>

#include "toolkit/device_code.h"

namespace dnd::cuda {

/// Of the nearest half, ties to even; beyond 65504 infinity.
__host__ __device__ __forceinline__ uint16_t half_bits(float value) { return __half_as_ushort(__float2half_rn(value)); }

__host__ __device__ __forceinline__ float float_of_half_bits(uint16_t bits) {
  return __half2float(__ushort_as_half(bits));
}

/// Of two halves side by side in memory, `low` first.
__host__ __device__ __forceinline__ uint32_t packed_half_bits(float low, float high) {
  const __half2 halves = __floats2half2_rn(low, high);
  return __half_as_ushort(__low2half(halves)) | static_cast<uint32_t>(__half_as_ushort(__high2half(halves))) << 16;
}

}  // namespace dnd::cuda
