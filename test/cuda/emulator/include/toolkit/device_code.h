#pragma once

/// The functions of cuda/toolkit/device_code.h, which says what they do, for kernels that g++ compiles; what they and
/// ptx.h call is in block.cc, warp.cc and copies.cc.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/roots_of_unity.h"
#include "cuda/runtime/index.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define DND_UNROLL

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }

namespace dnd::cuda {

namespace emulator {

/// Index of the running thread.
struct Position {
  Index3 block, grid;
  unsigned thread = 0, block_threads = 0;
  void* shared = nullptr;
};
extern Position position;

void block_barrier();
void warp_barrier();
uint32_t warp_shuffle(uint32_t value, unsigned lane);
void load_matrices(uint32_t* registers, int matrices, const void* shared_row, bool transposed);
void multiply_add_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void copy_async_16(void* shared, const void* global, bool inside);
void copy_async_commit();
void copy_async_wait(unsigned groups);

}  // namespace emulator

inline Index3 thread_index() { return {emulator::position.thread, 0, 0}; }
inline Index3 block_index() { return emulator::position.block; }
inline Index3 block_size() { return {emulator::position.block_threads, 1, 1}; }
inline Index3 grid_size() { return emulator::position.grid; }
inline unsigned lane_index() { return emulator::position.thread % 32; }

template <typename T>
T* shared_memory() {
  return static_cast<T*>(emulator::position.shared);
}

inline void block_barrier() { emulator::block_barrier(); }
inline void warp_barrier() { emulator::warp_barrier(); }

template <typename T>
T warp_shuffle(T value, unsigned lane) {
  static_assert(sizeof(T) == 4);
  return std::bit_cast<T>(emulator::warp_shuffle(std::bit_cast<uint32_t>(value), lane % 32));
}

template <typename T>
T warp_shuffle_xor(T value, unsigned mask) {
  return warp_shuffle(value, lane_index() ^ mask);
}

inline double cosine_pi(double x) { return std::cos(roots::kPi * x); }
inline double sine_pi(double x) { return std::sin(roots::kPi * x); }

}  // namespace dnd::cuda
