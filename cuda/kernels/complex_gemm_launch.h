#pragma once

#include <cstdint>
#include <string>

#include "core/integers.h"
#include "core/status.h"
#include "cuda/kernels/complex_gemm.h"
#include "toolkit/launch.h"

namespace dnd::cuda {

constexpr unsigned row_blocks(int rows, int rows_of_block) {
  return static_cast<unsigned>((rows + rows_of_block - 1) / rows_of_block);
}

/// Blocks along y's tiles, its written columns and the frequencies, all in x: see product_block.
template <typename T>
Index3 complex_gemm_grid(const ComplexGemm<T>& a, int block_tiles, int block_outs) {
  const int64_t blocks = a.frequencies * row_blocks(a.tiles, block_tiles) * row_blocks(a.written_outs(), block_outs);
  if (blocks > INT32_MAX) {
    throw Error(ErrorCode::kInternal, "a complex product of " + std::to_string(blocks) + " blocks");
  }
  return {static_cast<unsigned>(blocks), 1, 1};
}

/// Error(kInternal) for tensors that the kernels could not address: a defect of the caller.
template <typename T>
void check(const ComplexGemm<T>& a) {
  const auto aligned = [](const void* tensor, const typename ComplexGemm<T>::Strides& strides, size_t element,
                          size_t bytes) {
    const size_t bits = reinterpret_cast<uintptr_t>(tensor) | static_cast<size_t>(strides.frequency) * element |
                        static_cast<size_t>(strides.component) * element;
    return bits % bytes == 0;
  };
  if (a.frequencies < 1 || a.tiles < 1 || a.outs < 1 || a.channel_pitch < 1 || a.channel_pitch % 8 != 0 ||
      a.output_pitch < a.outs || a.output_pitch % 4 != 0 || !aligned(a.x, a.x_strides, sizeof(T), 16) ||
      !aligned(a.weight, a.weight_strides, sizeof(T), 16) || !aligned(a.y, a.y_strides, sizeof(float), 8)) {
    throw Error(ErrorCode::kInternal, "a complex product of tensors that are empty or not aligned");
  }
}

template <typename T>
void launch_naive(runtime::Stream stream, const ComplexGemm<T>& a) {
  constexpr unsigned kThreads = 128;
  const int64_t numbers = a.frequencies * a.tiles * a.written_outs();
  launch(stream, "complex_gemm_naive", complex_gemm_naive_kernel<T>,
         {static_cast<unsigned>(divide_up(numbers, kThreads)), 1, 1}, kThreads, 0, a);
}

}  // namespace dnd::cuda
