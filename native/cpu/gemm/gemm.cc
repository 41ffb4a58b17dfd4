#include "cpu/gemm/gemm.h"

#include <algorithm>

#include "core/integers.h"
#include "core/workspace.h"
#include "cpu/gemm/pack.h"
#include "cpu/gemm/product.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/stored_weight.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kPackedFloats = int64_t{16} << 20;  ///< of b at a time: 64 MB

/// Operands of Product in float32.
class FloatOperands {
 public:
  using Element = float;

  explicit FloatOperands(MatrixView a) : a_(a), kernels_(cpu::kernels()) {}

  const Kernels& kernels() const { return kernels_; }
  static int64_t elements(int64_t depth) { return depth; }
  int64_t tile_elements() const { return packed_rows() * kGemmDepth; }

  void pack_rows(int64_t row, int64_t rows, int64_t depth_begin, int64_t depth, float* packed) const {
    pack_panel(kernels_, a_.data + row * a_.row_stride + depth_begin * a_.column_stride, a_.row_stride,
               a_.column_stride, rows, depth, packed, packed_rows());
  }
  void multiply(int64_t rows, int64_t vectors, int64_t depth, const float* a, const float* b, float* c,
                int64_t c_stride, bool accumulate) const {
    kernels_.tile[rows - 1][vectors - 1](depth, a, packed_rows(), b, panel_columns(kernels_), c, c_stride, accumulate);
  }

 private:
  int64_t packed_rows() const { return round_up(kernels_.tile_rows, kernels_.lanes); }

  const MatrixView a_;
  const Kernels& kernels_;
};

/// Columns of b, from `column` on, as a panel of `width`: k deep.
void pack_columns(const Kernels& kernels, const MatrixView& b, int64_t column, int64_t lanes, int64_t k, float* packed,
                  int64_t width) {
  pack_panel(kernels, b.data + column * b.column_stride, b.column_stride, b.row_stride, lanes, k, packed, width);
}

/// In half precision: by way of a block in float32, unless a row's part of the panel is contiguous.
void pack_columns(const Kernels& kernels, const WeightView& b, int64_t column, int64_t lanes, int64_t k, float* packed,
                  int64_t width) {
  if (b.data.type == kDndFloat32Weight) {
    const MatrixView floats = {static_cast<const float*>(b.data.values), b.row_stride, b.column_stride};
    return pack_columns(kernels, floats, column, lanes, k, packed, width);
  }
  if (b.row_stride != 1) {
    for (int64_t d = 0; d < k; ++d) {
      widen(b.data, d * b.row_stride + column, lanes, packed + d * width);
      std::fill(packed + d * width + lanes, packed + (d + 1) * width, 0.0f);
    }
    return;
  }
  thread_local Workspace workspace;
  workspace.reserve(static_cast<size_t>(lanes * kGemmDepth) * sizeof(float));
  for (int64_t begin = 0; begin < k; begin += kGemmDepth) {
    const int64_t depth = std::min(kGemmDepth, k - begin);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      widen(b.data, (column + lane) * b.column_stride + begin, depth, workspace.floats() + lane * depth);
    }
    pack_panel(kernels, workspace.floats(), depth, 1, lanes, depth, packed + begin * width, width);
  }
}

/// b is packed, once for all rows, some columns at a time.
template <class View>
void multiply(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, const View& b,
              float* c, int64_t c_stride, const Epilogue& epilogue) {
  if (m == 0 || n == 0) return;
  const FloatOperands operands(a);
  const Product<FloatOperands> product(operands, m, k, c, c_stride, epilogue);
  const int64_t width = panel_columns(operands.kernels());
  const int64_t at_once = std::max<int64_t>(1, kPackedFloats / std::max<int64_t>(k, 1) / width) * width;
  const int64_t chunk_columns = std::min(at_once, round_up(n, width));
  thread_local Workspace workspace;
  workspace.reserve(static_cast<size_t>(chunk_columns * k) * sizeof(float));

  float* const packed = workspace.floats();  // the pool's threads have others
  for (int64_t chunk = 0; chunk < n; chunk += chunk_columns) {
    const int64_t chunk_end = std::min(n, chunk + chunk_columns);
    pool.parallel_for(divide_up(chunk_end - chunk, width), [&](int64_t panel, int) {
      control.throw_if_cancelled();
      const int64_t column = chunk + panel * width;
      pack_columns(operands.kernels(), b, column, std::min(width, n - column), k, packed + panel * width * k, width);
    });
    product.compute(pool, control, chunk, chunk_end, packed);
  }
}

}  // namespace

void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
          float* c, int64_t c_stride, const Epilogue& epilogue) {
  multiply(pool, control, m, n, k, a, b, c, c_stride, epilogue);
}

void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, WeightView b,
          float* c, int64_t c_stride, const Epilogue& epilogue) {
  multiply(pool, control, m, n, k, a, b, c, c_stride, epilogue);
}

}  // namespace dnd::cpu
