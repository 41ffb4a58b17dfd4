#include "cpu/gemm/gemm.h"

#include <algorithm>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/gemm/pack.h"
#include "cpu/isa/kernels.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kPackedFloats = int64_t{8} << 20;  ///< of b at a time: 32 MB
constexpr int64_t kRowTiles = 8;                     ///< of a block of rows: its packed part of a stays in L2
constexpr int64_t kGroupPanels = 32;                 ///< most panels of b that one task goes through

/// One product, cut into blocks of rows (packed by whoever works on them) and panels of columns (packed once).
class Product {
 public:
  Product(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float* c, int64_t c_stride,
          const Epilogue& epilogue)
      : m_(m), n_(n), k_(k), a_(a), b_(b), c_(c), c_stride_(c_stride), epilogue_(epilogue), kernels_(kernels()) {}

  int64_t panel_columns() const { return kernels_.lanes * kMaxTileVectors; }
  int64_t block_rows() const { return kernels_.tile_rows * kRowTiles; }
  int64_t columns_at_once() const {
    return std::max<int64_t>(1, kPackedFloats / std::max<int64_t>(k_, 1) / panel_columns()) * panel_columns();
  }
  /// Floats for one block of rows: a's part of kGemmDepth, and the last panel's sums when c has no room for them.
  int64_t block_floats() const { return block_rows() * (kGemmDepth + panel_columns()); }

  /// Columns [column, column + panel_columns()) of b, all of k.
  void pack_columns(int64_t column, float* packed) const {
    pack_panel(b_.data + column * b_.column_stride, b_.column_stride, b_.row_stride,
               std::min(panel_columns(), n_ - column), k_, packed, panel_columns());
  }

  /// c for rows [row, row_end) and columns [column, column_end); `packed` holds these columns' panels.
  void compute(int64_t row, int64_t row_end, int64_t column, int64_t column_end, const float* packed,
               float* block) const {
    float* edge = block + block_rows() * kGemmDepth;
    const int64_t tile_rows = kernels_.tile_rows;
    for (int64_t depth_begin = 0; depth_begin < k_; depth_begin += kGemmDepth) {
      const int64_t depth = std::min(kGemmDepth, k_ - depth_begin);
      for (int64_t r = row; r < row_end; r += tile_rows) {
        pack_panel(a_.data + r * a_.row_stride + depth_begin * a_.column_stride, a_.row_stride, a_.column_stride,
                   std::min(tile_rows, row_end - r), depth, block + (r - row) * depth, tile_rows);
      }
      for (int64_t left = column; left < column_end; left += panel_columns()) {
        const int64_t columns = std::min(panel_columns(), column_end - left);
        const int64_t vectors = divide_up(columns, kernels_.lanes);
        const bool whole = columns == vectors * kernels_.lanes;
        const float* panel = packed + (left - column) * k_ + depth_begin * panel_columns();
        for (int64_t r = row; r < row_end; r += tile_rows) {
          const TileKernel tile = kernels_.tile[std::min(tile_rows, row_end - r) - 1][vectors - 1];
          float* target = whole ? c_ + r * c_stride_ + left : edge + (r - row) * panel_columns();
          tile(depth, block + (r - row) * depth, tile_rows, panel, panel_columns(), target,
               whole ? c_stride_ : panel_columns(), depth_begin > 0);
        }
        if (!whole && depth_begin + depth == k_) {
          for (int64_t r = row; r < row_end; ++r) {
            std::copy_n(edge + (r - row) * panel_columns(), columns, c_ + r * c_stride_ + left);
          }
        }
      }
    }
    finish(row, row_end, column, column_end);
  }

 private:
  void finish(int64_t row, int64_t row_end, int64_t column, int64_t column_end) const {
    for (int64_t r = row; r < row_end; ++r) {
      float* target = c_ + r * c_stride_ + column;
      if (k_ == 0) std::fill_n(target, column_end - column, 0.0f);
      if (epilogue_.bias == nullptr && epilogue_.activation == kDndNoActivation && epilogue_.residual == nullptr) continue;
      kernels_.finish_row(
          target, column_end - column, epilogue_.bias == nullptr ? nullptr : epilogue_.bias + column,
          epilogue_.activation,
          epilogue_.residual == nullptr ? nullptr : epilogue_.residual + r * epilogue_.residual_stride + column);
    }
  }

  const int64_t m_, n_, k_;
  const MatrixView a_, b_;
  float* const c_;
  const int64_t c_stride_;
  const Epilogue epilogue_;
  const Kernels& kernels_;
};

}  // namespace

void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
          float* c, int64_t c_stride, const Epilogue& epilogue) {
  if (m == 0 || n == 0) return;
  const Product product(m, n, k, a, b, c, c_stride, epilogue);
  const int64_t panel_columns = product.panel_columns();
  const int64_t chunk_columns = std::min(product.columns_at_once(), round_up(n, panel_columns));
  const Memory packed(chunk_columns * k * sizeof(float));
  const Memory blocks(pool.threads() * product.block_floats() * sizeof(float));

  for (int64_t chunk = 0; chunk < n; chunk += chunk_columns) {
    const int64_t chunk_end = std::min(n, chunk + chunk_columns);
    const int64_t panels = divide_up(chunk_end - chunk, panel_columns);
    pool.parallel_for(panels, [&](int64_t panel, int) {
      control.throw_if_cancelled();
      product.pack_columns(chunk + panel * panel_columns, packed.floats() + panel * panel_columns * k);
    });

    // Few rows: cut the columns finer instead, so that every thread has work.
    const int64_t row_blocks = divide_up(m, product.block_rows());
    const int64_t groups_wanted = std::max(divide_up(panels, kGroupPanels), divide_up(4 * pool.threads(), row_blocks));
    const int64_t groups = std::min(groups_wanted, panels);
    pool.parallel_for(row_blocks * groups, [&](int64_t task, int thread) {
      control.throw_if_cancelled();
      const int64_t row = part_begin(m, row_blocks, task / groups);
      const int64_t row_end = part_begin(m, row_blocks, task / groups + 1);
      const int64_t panel = part_begin(panels, groups, task % groups);
      const int64_t column = chunk + panel * panel_columns;
      const int64_t column_end =
          std::min(chunk_end, chunk + part_begin(panels, groups, task % groups + 1) * panel_columns);
      product.compute(row, row_end, column, column_end, packed.floats() + panel * panel_columns * k,
                      blocks.floats() + thread * product.block_floats());
      control.advance(static_cast<double>(row_end - row) * (column_end - column) * k);
    });
  }
}

struct GemmWorkspace::Buffers {
  Memory packed, block;

  static float* grown(Memory& memory, int64_t floats) {
    const size_t bytes = floats * sizeof(float);
    if (memory.bytes() < bytes) memory = Memory(bytes);
    return memory.floats();
  }
};

GemmWorkspace::GemmWorkspace() : buffers_(std::make_unique<Buffers>()) {}
GemmWorkspace::~GemmWorkspace() = default;
GemmWorkspace::GemmWorkspace(GemmWorkspace&&) noexcept = default;

void gemm_serial(GemmWorkspace& workspace, int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float* c,
                 int64_t c_stride, const Epilogue& epilogue) {
  if (m == 0 || n == 0) return;
  const Product product(m, n, k, a, b, c, c_stride, epilogue);
  const int64_t panel_columns = product.panel_columns();
  const int64_t chunk_columns = std::min(product.columns_at_once(), round_up(n, panel_columns));
  float* packed = GemmWorkspace::Buffers::grown(workspace.buffers_->packed, chunk_columns * k);
  float* block = GemmWorkspace::Buffers::grown(workspace.buffers_->block, product.block_floats());
  for (int64_t chunk = 0; chunk < n; chunk += chunk_columns) {
    const int64_t chunk_end = std::min(n, chunk + chunk_columns);
    for (int64_t column = chunk; column < chunk_end; column += panel_columns) {
      product.pack_columns(column, packed + (column - chunk) * k);
    }
    for (int64_t row = 0; row < m; row += product.block_rows()) {
      product.compute(row, std::min(m, row + product.block_rows()), chunk, chunk_end, packed, block);
    }
  }
}

}  // namespace dnd::cpu
