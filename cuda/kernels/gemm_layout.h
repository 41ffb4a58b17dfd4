#pragma once

#include <cstdint>

/// Index arithmetic of the matrix products: the layout of a stage of operands in shared memory, which part of it each
/// lane of a warp reads, where its sums belong. Everything here is constexpr and tested on the host.
///
/// Shared memory has 32 banks of 4 bytes, and 16-byte accesses of a warp are served eight lanes at a time: they take
/// no longer than necessary when the eight chunks of 16 bytes are in eight different columns of a 128-byte line.

namespace dnd::cuda {

inline constexpr int kChunkBytes = 16;
inline constexpr int kLineChunks = 8;
inline constexpr int kLineBytes = kLineChunks * kChunkBytes;

/// Where chunk `chunk` of line `line` is. Each group of eight lines holds its chunks in eight different orders, so
/// that the same chunk of eight lines one after the other is in eight different columns.
constexpr int line_offset(int line, int chunk) {
  return line * kLineBytes + (chunk ^ (line % kLineChunks)) * kChunkBytes;
}

/// A complex operand's line: four chunks of real parts, then four of imaginary parts, of the same channels.
inline constexpr int kComponentChunks = kLineChunks / 2;
constexpr int complex_offset(int line, int component, int chunk) {
  return line_offset(line, component * kComponentChunks + chunk);
}

/// Row (of 16) and chunk (of two, 8 halves each) that a lane names to load_matrix_x4 for the a operand of
/// multiply_add_16x8x16.
constexpr int left_fragment_row(int lane) { return lane % 16; }
constexpr int left_fragment_chunk(int lane) { return lane / 16; }

/// The same for the b operands of two neighbouring products, 16 columns: registers 0, 1 are the first one's.
constexpr int right_fragment_row(int lane) { return lane / 16 * 8 + lane % 8; }
constexpr int right_fragment_chunk(int lane) { return lane / 8 % 2; }

/// Products that take a stage of 32 channels as it comes: a lane loads channels 8q … 8q + 7, q = lane % 4, of its rows
/// and columns, and calls the first four of them columns 2q, 2q + 1, 2q + 8, 2q + 9 of a first a and b operand, the
/// others the same columns of a second. A sum over channels does not mind their order.
constexpr int lane_channel(int lane) { return lane % 4 * 8; }
constexpr int lane_line(int lane) { return lane / 4; }
/// Where chunk `chunk` (8 channels as halves) of line `line` is when two lines of 32 channels share 128 bytes. Eight
/// lanes read two whole lines, so that no order but the natural one is needed.
constexpr int half_line_offset(int line, int chunk) { return (line * 4 + chunk) * kChunkBytes; }

/// Row (of 16) and column (of 8) of a lane's four sums.
constexpr int sum_row(int lane, int index) { return lane / 4 + index / 2 * 8; }
constexpr int sum_column(int lane, int index) { return lane % 4 * 2 + index % 2; }

/// Which part of a batch of products a block computes. Blocks of the same columns and frequency come one after the
/// other: they read the same part of the right operand, which is the larger one, while it is in the level-2 cache.
struct ProductBlock {
  int64_t frequency;
  int row_block, column_block;
};
constexpr ProductBlock product_block(unsigned block, unsigned row_blocks, unsigned column_blocks) {
  const unsigned panel = block / row_blocks;
  return {panel / column_blocks, static_cast<int>(block % row_blocks), static_cast<int>(panel % column_blocks)};
}

}  // namespace dnd::cuda
