#pragma once

/// The wrappers of cuda/toolkit/ptx.h, which says what they do, on the emulated device.

#include <cmath>
#include <cstdint>

#include "toolkit/device_code.h"

namespace dnd::cuda {

inline void load_matrix_x4(uint32_t (&registers)[4], const void* shared_row) {
  emulator::load_matrices(registers, 4, shared_row, false);
}

inline void load_matrix_x2(uint32_t (&registers)[2], const void* shared_row) {
  emulator::load_matrices(registers, 2, shared_row, false);
}

inline void load_matrix_x4_transposed(uint32_t (&registers)[4], const void* shared_row) {
  emulator::load_matrices(registers, 4, shared_row, true);
}

inline void load_matrix_x2_transposed(uint32_t (&registers)[2], const void* shared_row) {
  emulator::load_matrices(registers, 2, shared_row, true);
}

inline void multiply_add_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulator::multiply_add_16x8x16(d, a, b);
}

inline void copy_async_16(void* shared, const void* global, bool inside) {
  emulator::copy_async_16(shared, global, inside);
}

inline void copy_async_commit() { emulator::copy_async_commit(); }

template <int groups>
inline void copy_async_wait() {
  emulator::copy_async_wait(groups);
}

inline float exponential2(float x) { return x < -126.0f ? 0.0f : std::exp2(x); }

inline float reciprocal(float x) { return std::abs(x) > 0x1p126f ? 0.0f : 1.0f / x; }

}  // namespace dnd::cuda
