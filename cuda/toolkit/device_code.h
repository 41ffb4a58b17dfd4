#pragma once

/// What kernels are written with (docs/cuda.md): qualifiers, indices, shared memory, barriers, shuffles. The emulator
/// has a header of the same name with the same functions.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/runtime/index.h"

// The host's own compiler reads headers of kernels for their arguments: it gets names, and no code.
#ifdef __CUDACC__

/// Before a loop that is to be unrolled entirely.
#define DND_UNROLL _Pragma("unroll")

namespace dnd::cuda {

__device__ __forceinline__ Index3 thread_index() { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
__device__ __forceinline__ Index3 block_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
__device__ __forceinline__ Index3 block_size() { return {blockDim.x, blockDim.y, blockDim.z}; }
__device__ __forceinline__ Index3 grid_size() { return {gridDim.x, gridDim.y, gridDim.z}; }

/// Of a one-dimensional block.
__device__ __forceinline__ unsigned lane_index() { return threadIdx.x % 32; }

extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];

/// The block's shared memory, as large as the launch requested, 16-byte aligned.
template <typename T>
__device__ __forceinline__ T* shared_memory() {
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

/// Every thread of the block calls it, also those with nothing else to do.
__device__ __forceinline__ void block_barrier() { __syncthreads(); }
/// All 32 threads of the warp call it, as every other warp operation.
__device__ __forceinline__ void warp_barrier() { __syncwarp(); }

/// The value that `lane` of the warp passes.
template <typename T>
__device__ __forceinline__ T warp_shuffle(T value, unsigned lane) {
  static_assert(sizeof(T) == 4);
  return __shfl_sync(0xffffffffu, value, lane);
}

/// The value that lane `lane_index() ^ mask` passes.
template <typename T>
__device__ __forceinline__ T warp_shuffle_xor(T value, unsigned mask) {
  static_assert(sizeof(T) == 4);
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

/// cos(πx) and sin(πx): they need no stack, as a reduction by π would.
__device__ __forceinline__ double cosine_pi(double x) { return cospi(x); }
__device__ __forceinline__ double sine_pi(double x) { return sinpi(x); }

}  // namespace dnd::cuda

#else

#define DND_UNROLL

namespace dnd::cuda {

Index3 thread_index();
Index3 block_index();
Index3 block_size();
Index3 grid_size();
unsigned lane_index();
template <typename T>
T* shared_memory();
void block_barrier();
void warp_barrier();
template <typename T>
T warp_shuffle(T value, unsigned lane);
template <typename T>
T warp_shuffle_xor(T value, unsigned mask);
double cosine_pi(double x);
double sine_pi(double x);

}  // namespace dnd::cuda

#endif
