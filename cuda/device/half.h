#pragma once

#include <cstdint>

#include "cuda/device/code.h"

#ifdef DND_CUDA_EMULATED
#include "test/cuda/emulator/half_bits.h"
#else
#include <cuda_fp16.h>
#endif

namespace dnd::cuda {

/// A 16-bit float, stored only: arithmetic is done in float.
struct Half {
  uint16_t bits;
};

/// To nearest even; beyond 65504 infinity.
__host__ __device__ __forceinline__ Half to_half(float value) {
#ifdef DND_CUDA_EMULATED
  return {emulator::half_bits(value)};
#else
  return {__half_as_ushort(__float2half_rn(value))};
#endif
}

__host__ __device__ __forceinline__ float to_float(Half value) {
#ifdef DND_CUDA_EMULATED
  return emulator::float_of_half_bits(value.bits);
#else
  return __half2float(__ushort_as_half(value.bits));
#endif
}

/// Two halves side by side as they lie in memory, `low` first.
__host__ __device__ __forceinline__ uint32_t pack_halves(float low, float high) {
#ifdef DND_CUDA_EMULATED
  return to_half(low).bits | uint32_t{to_half(high).bits} << 16;
#else
  const __half2 halves = __floats2half2_rn(low, high);
  return __half_as_ushort(__low2half(halves)) | static_cast<uint32_t>(__half_as_ushort(__high2half(halves))) << 16;
#endif
}

__host__ __device__ __forceinline__ float low_half(uint32_t halves) {
  return to_float({static_cast<uint16_t>(halves & 0xffff)});
}
__host__ __device__ __forceinline__ float high_half(uint32_t halves) {
  return to_float({static_cast<uint16_t>(halves >> 16)});
}

}  // namespace dnd::cuda
