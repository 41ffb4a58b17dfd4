#pragma once

#include <cstdint>
#include <string>

#include "core/integers.h"
#include "core/status.h"
#include "cuda/kernels/linear.h"
#include "toolkit/launch.h"

namespace dnd::cuda {

/// Fewer blocks than this leave much of a large device idle: smaller ones are used then. The results are the same.
inline constexpr int64_t kFewBlocks = 100;

/// Blocks of the same rows run together: these are read from memory once, and the weight stays in the level-2 cache.
struct LinearBlock {
  int64_t row_block;
  int column_block;
};
constexpr LinearBlock linear_block(unsigned block, int out, int block_outs) {
  const unsigned columns = static_cast<unsigned>((out + block_outs - 1) / block_outs);
  return {block / columns, static_cast<int>(block % columns)};
}

inline int64_t linear_blocks(const LinearLayer& layer, int block_rows, int block_outs) {
  return divide_up(layer.rows, block_rows) * divide_up(layer.out, block_outs);
}

inline Index3 linear_grid(const LinearLayer& layer, int block_rows, int block_outs) {
  const int64_t blocks = linear_blocks(layer, block_rows, block_outs);
  if (blocks > INT32_MAX) throw Error(ErrorCode::kInternal, "a linear layer of " + std::to_string(blocks) + " blocks");
  return {static_cast<unsigned>(blocks), 1, 1};
}

/// Whether rows of x can be copied 16 bytes at a time.
inline bool rows_aligned(const LinearLayer& layer) {
  return layer.in % 4 == 0 && reinterpret_cast<uintptr_t>(layer.x) % 16 == 0;
}

/// Error(kInternal): a defect of the caller.
inline void check(const LinearLayer& layer) {
  if (layer.rows < 1 || layer.in < 1 || layer.out < 1) {
    throw Error(ErrorCode::kInternal, "a linear layer of " + std::to_string(layer.rows) + " rows, " +
                                          std::to_string(layer.in) + " inputs, " + std::to_string(layer.out) +
                                          " outputs");
  }
}

}  // namespace dnd::cuda
