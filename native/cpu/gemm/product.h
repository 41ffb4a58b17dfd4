#pragma once

#include <algorithm>
#include <cstdint>

#include "control.h"
#include "core/integers.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "cpu/gemm/gemm.h"
#include "cpu/isa/kernels.h"

namespace dnd::cpu {

constexpr int64_t kRowTiles = 16;          ///< of a block of rows: its packed part of a stays in L2
constexpr int64_t kGroupColumns = 4096;    ///< most columns of a task: a is packed once for each group

inline int64_t panel_columns(const Kernels& kernels) { return kernels.lanes * kMaxTileVectors; }

/// A product with a matrix b whose columns are packed in panels, cut into blocks of rows, which the thread that works on
/// them packs. `Operands` is how both are packed and multiplied:
///
///   Element                            of both, packed
///   elements(depth)                    of a column of b, packed, of so many numbers
///   kernels()                          the panels' width, the tiles' rows
///   tile_elements()                    of a tile's part of a, kGemmDepth deep
///   pack_rows(row, rows, depth_begin, depth, Element* packed)      a tile's part of a
///   multiply(rows, vectors, depth, a, b, c, c_stride, accumulate)  of packed parts, depth deep
template <class Operands>
class Product {
 public:
  using Element = typename Operands::Element;

  Product(const Operands& operands, int64_t m, int64_t k, float* c, int64_t c_stride, const Epilogue& epilogue)
      : operands_(operands), kernels_(operands.kernels()), m_(m), k_(k), c_(c), c_stride_(c_stride), epilogue_(epilogue) {}

  /// Columns [first, end) of c, at least one, from their packed panels.
  void compute(ThreadPool& pool, const Control& control, int64_t first, int64_t end, const Element* packed) const {
    thread_local Workspace scratch;
    const int64_t task_bytes = round_up(task_packed_bytes() + block_rows() * kGroupColumns * int64_t{sizeof(float)}, 64);
    scratch.reserve(static_cast<size_t>(pool.threads() * task_bytes));
    char* const parts = reinterpret_cast<char*>(scratch.floats());  // the pool's threads have others

    // Few rows: cut the columns finer instead, so that every thread has work.
    const int64_t width = panel_columns(kernels_), panels = divide_up(end - first, width);
    const int64_t tiles = divide_up(m_, kernels_.tile_rows), row_blocks = divide_up(tiles, kRowTiles);
    const int64_t groups = std::min(
        panels, std::max(divide_up(panels, kGroupColumns / width), divide_up(4 * pool.threads(), row_blocks)));
    pool.parallel_for(row_blocks * groups, [&](int64_t task, int thread) {
      control.throw_if_cancelled();
      const int64_t row = part_begin(tiles, row_blocks, task / groups) * kernels_.tile_rows;
      const int64_t row_end = std::min(m_, part_begin(tiles, row_blocks, task / groups + 1) * kernels_.tile_rows);
      const int64_t panel = part_begin(panels, groups, task % groups);
      const int64_t column = first + panel * width;
      const int64_t column_end = std::min(end, first + part_begin(panels, groups, task % groups + 1) * width);
      compute_part(row, row_end, column, column_end, packed + panel * width * operands_.elements(k_),
                   parts + thread * task_bytes);
      control.advance(static_cast<double>(row_end - row) * (column_end - column) * k_);
    });
  }

 private:
  int64_t block_rows() const { return kernels_.tile_rows * kRowTiles; }
  int64_t task_packed_bytes() const {
    return round_up(kRowTiles * operands_.tile_elements() * int64_t{sizeof(Element)}, 64);
  }

  /// Rows [row, row_end), at most block_rows(), and columns [column, column_end), at most kGroupColumns; `packed` holds
  /// these columns' panels.
  void compute_part(int64_t row, int64_t row_end, int64_t column, int64_t column_end, const Element* packed,
                    char* scratch) const {
    const int64_t rows = row_end - row, tile_rows = kernels_.tile_rows, width = panel_columns(kernels_);
    Element* const a = reinterpret_cast<Element*>(scratch);
    float* const sums = reinterpret_cast<float*>(scratch + task_packed_bytes());  // [panel][row][column of the panel]
    if (k_ == 0) std::fill_n(sums, round_up(column_end - column, width) * rows, 0.0f);
    for (int64_t depth_begin = 0; depth_begin < k_; depth_begin += kGemmDepth) {
      const int64_t depth = std::min(kGemmDepth, k_ - depth_begin);
      for (int64_t r = 0; r < rows; r += tile_rows) {
        operands_.pack_rows(row + r, std::min(tile_rows, rows - r), depth_begin, depth,
                            a + r / tile_rows * operands_.tile_elements());
      }
      for (int64_t left = column; left < column_end; left += width) {
        const int64_t vectors = divide_up(std::min(width, column_end - left), kernels_.lanes);
        const Element* const panel =
            packed + (left - column) * operands_.elements(k_) + operands_.elements(depth_begin) * width;
        for (int64_t r = 0; r < rows; r += tile_rows) {
          operands_.multiply(std::min(tile_rows, rows - r), vectors, depth,
                             a + r / tile_rows * operands_.tile_elements(), panel,
                             sums + (left - column) * rows + r * width, width, depth_begin > 0);
        }
      }
    }
    for (int64_t r = 0; r < rows; ++r) finish(row + r, column, column_end, sums + r * width, rows);
  }

  /// Moves a finished row from the sums, [panel][row][column of the panel], to c.
  void finish(int64_t row, int64_t column, int64_t column_end, const float* sums, int64_t rows) const {
    const float* bias = epilogue_.bias == nullptr ? nullptr : epilogue_.bias + column;
    const float* residual =
        epilogue_.residual == nullptr ? nullptr : epilogue_.residual + row * epilogue_.residual_stride + column;
    kernels_.finish_row(sums, rows * panel_columns(kernels_), c_ + row * c_stride_ + column, column_end - column, bias,
                        epilogue_.activation, residual);
  }

  const Operands operands_;
  const Kernels& kernels_;
  const int64_t m_, k_;
  float* const c_;
  const int64_t c_stride_;
  const Epilogue epilogue_;
};

}  // namespace dnd::cpu
