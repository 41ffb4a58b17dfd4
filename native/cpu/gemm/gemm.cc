#include "cpu/gemm/gemm.h"

#include <algorithm>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/gemm/pack.h"
#include "cpu/isa/kernels.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kPackedFloats = int64_t{16} << 20;  ///< of b at a time: 64 MB
constexpr int64_t kRowTiles = 16;                     ///< of a block of rows: its packed part of a stays in L2
constexpr int64_t kGroupColumns = 4096;               ///< most columns of a task: a is packed once for each group

/// One product, cut into blocks of rows (packed by the thread that works on them) and panels of columns (packed once).
class Product {
 public:
  Product(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float* c, int64_t c_stride,
          const Epilogue& epilogue)
      : m_(m), n_(n), k_(k), a_(a), b_(b), c_(c), c_stride_(c_stride), epilogue_(epilogue), kernels_(kernels()) {}

  int64_t panel_columns() const { return kernels_.lanes * kMaxTileVectors; }
  int64_t tile_rows() const { return kernels_.tile_rows; }
  int64_t block_rows() const { return kernels_.tile_rows * kRowTiles; }
  int64_t packed_rows() const { return round_up(kernels_.tile_rows, kernels_.lanes); }  ///< size of a tile's part of a
  int64_t columns_at_once() const {
    return std::max<int64_t>(1, kPackedFloats / std::max<int64_t>(k_, 1) / panel_columns()) * panel_columns();
  }
  int64_t group_panels() const { return kGroupColumns / panel_columns(); }
  /// Floats of a task's workspace: its part of a, kGemmDepth deep, and its sums.
  int64_t task_floats() const { return kRowTiles * packed_rows() * kGemmDepth + block_rows() * kGroupColumns; }

  /// Columns [column, column + panel_columns()) of b, all of k.
  void pack_columns(int64_t column, float* packed) const {
    pack_panel(kernels_, b_.data + column * b_.column_stride, b_.column_stride, b_.row_stride,
               std::min(panel_columns(), n_ - column), k_, packed, panel_columns());
  }

  /// c for rows [row, row_end), at most block_rows(), and columns [column, column_end), at most kGroupColumns;
  /// `packed` holds these columns' panels, `scratch` has space for task_floats().
  void compute(int64_t row, int64_t row_end, int64_t column, int64_t column_end, const float* packed,
               float* scratch) const {
    const int64_t rows = row_end - row, tile_rows = kernels_.tile_rows;
    float* sums = scratch + kRowTiles * packed_rows() * kGemmDepth;  // [panel][row][column of the panel]
    if (k_ == 0) std::fill_n(sums, round_up(column_end - column, panel_columns()) * rows, 0.0f);
    for (int64_t depth_begin = 0; depth_begin < k_; depth_begin += kGemmDepth) {
      const int64_t depth = std::min(kGemmDepth, k_ - depth_begin);
      for (int64_t r = 0; r < rows; r += tile_rows) {
        pack_panel(kernels_, a_.data + (row + r) * a_.row_stride + depth_begin * a_.column_stride, a_.row_stride,
                   a_.column_stride, std::min(tile_rows, rows - r), depth,
                   scratch + r / tile_rows * packed_rows() * depth, packed_rows());
      }
      for (int64_t left = column; left < column_end; left += panel_columns()) {
        const int64_t vectors = divide_up(std::min(panel_columns(), column_end - left), kernels_.lanes);
        const float* panel = packed + (left - column) * k_ + depth_begin * panel_columns();
        for (int64_t r = 0; r < rows; r += tile_rows) {
          kernels_.tile[std::min(tile_rows, rows - r) - 1][vectors - 1](
              depth, scratch + r / tile_rows * packed_rows() * depth, packed_rows(), panel, panel_columns(),
              sums + (left - column) * rows + r * panel_columns(), panel_columns(), depth_begin > 0);
        }
      }
    }
    for (int64_t r = 0; r < rows; ++r) finish(row + r, column, column_end, sums + r * panel_columns(), rows);
  }

 private:
  /// Moves a finished row from the sums, [panel][row][column of the panel], to c.
  void finish(int64_t row, int64_t column, int64_t column_end, const float* sums, int64_t rows) const {
    const float* bias = epilogue_.bias == nullptr ? nullptr : epilogue_.bias + column;
    const float* residual =
        epilogue_.residual == nullptr ? nullptr : epilogue_.residual + row * epilogue_.residual_stride + column;
    kernels_.finish_row(sums, rows * panel_columns(), c_ + row * c_stride_ + column, column_end - column, bias,
                        epilogue_.activation, residual);
  }

  const int64_t m_, n_, k_;
  const MatrixView a_, b_;
  float* const c_;
  const int64_t c_stride_;
  const Epilogue epilogue_;
  const Kernels& kernels_;
};

/// Memory that the products of one thread, which does one job, have one after the other: mapping it anew for each takes
/// a tenth of the time of a language model's training. It lasts as long as the thread.
class Workspace {
 public:
  void reserve(size_t bytes) {
    if (memory_.bytes() >= bytes) return;
    memory_ = Memory();
    memory_ = Memory(bytes);
  }
  float* floats() const { return memory_.floats(); }

 private:
  Memory memory_;
};

}  // namespace

void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
          float* c, int64_t c_stride, const Epilogue& epilogue) {
  if (m == 0 || n == 0) return;
  const Product product(m, n, k, a, b, c, c_stride, epilogue);
  const int64_t panel_columns = product.panel_columns();
  const int64_t chunk_columns = std::min(product.columns_at_once(), round_up(n, panel_columns));
  thread_local Workspace packed, scratch;
  packed.reserve(static_cast<size_t>(chunk_columns * k) * sizeof(float));
  scratch.reserve(static_cast<size_t>(pool.threads() * product.task_floats()) * sizeof(float));

  float *const packed_b = packed.floats(), *const parts = scratch.floats();  // the pool's threads have others
  for (int64_t chunk = 0; chunk < n; chunk += chunk_columns) {
    const int64_t chunk_end = std::min(n, chunk + chunk_columns);
    const int64_t panels = divide_up(chunk_end - chunk, panel_columns);
    pool.parallel_for(panels, [&](int64_t panel, int) {
      control.throw_if_cancelled();
      product.pack_columns(chunk + panel * panel_columns, packed_b + panel * panel_columns * k);
    });

    // Few rows: cut the columns finer instead, so that every thread has work.
    const int64_t tiles = divide_up(m, product.tile_rows()), row_blocks = divide_up(tiles, kRowTiles);
    const int64_t groups = std::min(
        panels, std::max(divide_up(panels, product.group_panels()), divide_up(4 * pool.threads(), row_blocks)));
    pool.parallel_for(row_blocks * groups, [&](int64_t task, int thread) {
      control.throw_if_cancelled();
      const int64_t row = part_begin(tiles, row_blocks, task / groups) * product.tile_rows();
      const int64_t row_end = std::min(m, part_begin(tiles, row_blocks, task / groups + 1) * product.tile_rows());
      const int64_t panel = part_begin(panels, groups, task % groups);
      const int64_t column = chunk + panel * panel_columns;
      const int64_t column_end =
          std::min(chunk_end, chunk + part_begin(panels, groups, task % groups + 1) * panel_columns);
      product.compute(row, row_end, column, column_end, packed_b + panel * panel_columns * k,
                      parts + thread * product.task_floats());
      control.advance(static_cast<double>(row_end - row) * (column_end - column) * k);
    });
  }
}

}  // namespace dnd::cpu
