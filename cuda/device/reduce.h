#pragma once

/// Sums and maxima over the threads of a warp or a block, in an order that depends on their number alone. All threads
/// call them together, and all receive the result.

#include <bit>
#include <cstdint>

#include "toolkit/device_code.h"

namespace dnd::cuda {

namespace reduce {

template <typename T>
__device__ __forceinline__ T exchanged(T value, unsigned mask) {
  if constexpr (sizeof(T) == 4) {
    return warp_shuffle_xor(value, mask);
  } else {
    struct Words {
      uint32_t low, high;
    };
    const Words words = std::bit_cast<Words>(value);
    return std::bit_cast<T>(Words{warp_shuffle_xor(words.low, mask), warp_shuffle_xor(words.high, mask)});
  }
}

struct Sum {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Largest {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

/// Over each group of `kLanes` neighbouring lanes, a power of two: a butterfly, so that all come to the same bits.
template <int kLanes, typename T, typename Operation>
__device__ __forceinline__ T over_lanes(T value, Operation operation) {
  DND_UNROLL
  for (unsigned mask = 1; mask < kLanes; mask *= 2) value = operation(value, exchanged(value, mask));
  return value;
}

template <typename T, typename Operation>
__device__ __forceinline__ T over_block(T value, T* shared, Operation operation) {
  const T of_warp = over_lanes<32>(value, operation);
  if (lane_index() == 0) shared[thread_index().x / 32] = of_warp;
  block_barrier();
  T whole = shared[0];
  for (unsigned warp = 1; warp < block_size().x / 32; ++warp) whole = operation(whole, shared[warp]);
  block_barrier();  // `shared` may be written again
  return whole;
}

}  // namespace reduce

template <int kLanes = 32, typename T>
__device__ __forceinline__ T warp_sum(T value) {
  return reduce::over_lanes<kLanes>(value, reduce::Sum());
}

template <int kLanes = 32, typename T>
__device__ __forceinline__ T warp_largest(T value) {
  return reduce::over_lanes<kLanes>(value, reduce::Largest());
}

/// `shared`: one element for each warp of the block, whose size is a multiple of 32.
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* shared) {
  return reduce::over_block(value, shared, reduce::Sum());
}

template <typename T>
__device__ __forceinline__ T block_largest(T value, T* shared) {
  return reduce::over_block(value, shared, reduce::Largest());
}

}  // namespace dnd::cuda
