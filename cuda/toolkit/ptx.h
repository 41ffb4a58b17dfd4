#pragma once

/// The instructions that have no name in C++, for sm_80 and later. The emulator has a header of the same name with
/// bodies of the same semantics. All 32 threads of a warp call the matrix operations together.

#include <cstdint>

#include "toolkit/device_code.h"

namespace dnd::cuda {

namespace ptx {
__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}
}  // namespace ptx

/// Loads four 8×8 matrices of 16-bit elements from shared memory. Lane l names row l % 8 of matrix l / 8, 16 bytes at a
/// 16-byte boundary; register m of lane l then holds elements 2(l % 4), 2(l % 4) + 1 of row l / 4 of matrix m.
__device__ __forceinline__ void load_matrix_x4(uint32_t (&registers)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(ptx::shared_address(shared_row))
               : "memory");
}

/// As above of two matrices, whose rows lanes 0 … 15 name.
__device__ __forceinline__ void load_matrix_x2(uint32_t (&registers)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(registers[0]), "=r"(registers[1])
               : "r"(ptx::shared_address(shared_row))
               : "memory");
}

/// As load_matrix_x4, each matrix transposed: register m of lane l holds rows 2(l % 4), 2(l % 4) + 1 of column l / 4.
__device__ __forceinline__ void load_matrix_x4_transposed(uint32_t (&registers)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(ptx::shared_address(shared_row))
               : "memory");
}

__device__ __forceinline__ void load_matrix_x2_transposed(uint32_t (&registers)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(registers[0]), "=r"(registers[1])
               : "r"(ptx::shared_address(shared_row))
               : "memory");
}

/// d [16, 8] += a [16, 16] · b [16, 8], halves in and float sums. With g = lane / 4 and t = lane % 4 a lane holds
/// a[0 … 3]: rows g, g + 8, g, g + 8 at columns 2t, 2t, 2t + 8, 2t + 8 and the next; b[0, 1]: column g at rows 2t, 2t +
/// 8 and the next; d[0 … 3]: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ __forceinline__ void multiply_add_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Starts a copy of 16 bytes from global to shared memory, both 16-byte aligned; zeros where not `inside`, and then
/// nothing is read. The level-2 cache fetches the whole 128 bytes around them. The bytes are there for this thread
/// after the copy_async_wait of its group, for others after a barrier behind that.
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool inside) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
               :
               : "r"(ptx::shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(inside ? 16 : 0)
               : "memory");
}

/// Closes the thread's group of copies started since the last one; it may be empty.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most the last `groups` closed groups of this thread are under way.
template <int groups>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory");
}

/// 2^x to about 22 bits; 0 where that is below the normal floats.
__device__ __forceinline__ float exponential2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

/// 1 / x to about 23 bits; 0 where that is below the normal floats.
__device__ __forceinline__ float reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

}  // namespace dnd::cuda
