#include "cpu/gemm/bfloat16_gemm.h"

#include <algorithm>

#include "core/integers.h"
#include "core/workspace.h"
#include "cpu/gemm/product.h"
#include "cpu/isa/stored_weight.h"

namespace dnd::cpu {
namespace {

int64_t pairs_of(int64_t depth) { return divide_up(depth, 2); }

/// Operands of Product in bfloat16.
class Bfloat16Operands {
 public:
  using Element = Bfloat16Pair;

  Bfloat16Operands(const float* a, int64_t a_stride)
      : a_(a), a_stride_(a_stride), kernels_(cpu::kernels()), bfloat16_(bfloat16_kernels(kernels_)) {}

  const Kernels& kernels() const { return kernels_; }
  static int64_t elements(int64_t depth) { return pairs_of(depth); }
  int64_t tile_elements() const { return kernels_.tile_rows * kRowPairs; }

  void pack_rows(int64_t row, int64_t rows, int64_t depth_begin, int64_t depth, Bfloat16Pair* packed) const {
    for (int64_t r = 0; r < rows; ++r) {
      bfloat16_.round_row(a_ + (row + r) * a_stride_ + depth_begin, depth, packed + r * kRowPairs);
    }
  }
  void multiply(int64_t rows, int64_t vectors, int64_t depth, const Bfloat16Pair* a, const Bfloat16Pair* b, float* c,
                int64_t c_stride, bool accumulate) const {
    bfloat16_.tile[rows - 1][vectors - 1](pairs_of(depth), a, kRowPairs, b, panel_columns(kernels_), c, c_stride,
                                          accumulate);
  }

 private:
  static_assert(kGemmDepth % 2 == 0);
  static constexpr int64_t kRowPairs = kGemmDepth / 2;

  const float* const a_;
  const int64_t a_stride_;
  const Kernels& kernels_;
  const Bfloat16Kernels& bfloat16_;
};

/// Columns [column, column + lanes) of b: where they are, or in memory of the calling thread until its next call.
MatrixView columns_in_float32(const WeightView& b, int64_t column, int64_t lanes, int64_t k) {
  const int64_t first = column * b.column_stride;
  if (b.data.type == kDndFloat32Weight) {
    return {static_cast<const float*>(b.data.values) + first, b.row_stride, b.column_stride};
  }
  const bool down = b.row_stride == 1;
  const int64_t runs = down ? lanes : k, length = down ? k : lanes, stride = down ? b.column_stride : b.row_stride;
  thread_local Workspace workspace;
  workspace.reserve(static_cast<size_t>(runs * length) * sizeof(float));
  for (int64_t run = 0; run < runs; ++run) widen(b.data, first + run * stride, length, workspace.floats() + run * length);
  return {workspace.floats(), down ? 1 : length, down ? length : 1};
}

}  // namespace

Bfloat16Matrix::Bfloat16Matrix(ThreadPool& pool, int64_t k, int64_t n, WeightView b) : k_(k), n_(n) {
  const Bfloat16Kernels& bfloat16 = bfloat16_kernels();
  const int64_t width = panel_columns(kernels()), panels = divide_up(n, width);
  memory_ = Memory(static_cast<size_t>(panels * width * pairs_of(k)) * sizeof(Bfloat16Pair));
  Bfloat16Pair* const packed = static_cast<Bfloat16Pair*>(memory_.data());
  pool.parallel_for(panels, [&](int64_t panel, int) {
    const int64_t column = panel * width, lanes = std::min(width, n - column);
    Bfloat16Pair* const destination = packed + column * pairs_of(k);
    const MatrixView source = columns_in_float32(b, column, lanes, k);
    if (b.row_stride == 1) {
      bfloat16.pack_rows(source.data, source.column_stride, lanes, k, destination, width);
    } else {
      bfloat16.pack_columns(source.data, source.row_stride, lanes, k, destination, width);
    }
  });
}

std::optional<Bfloat16Columns> Bfloat16Matrix::part(int64_t first, int64_t count) const {
  if (first % panel_columns(kernels()) != 0) return std::nullopt;
  return Bfloat16Columns{all().panels + first * pairs_of(k_), k_, count};
}

void gemm(ThreadPool& pool, const Control& control, int64_t m, const float* a, int64_t a_stride,
          const Bfloat16Columns& b, float* c, int64_t c_stride, const Epilogue& epilogue) {
  if (m == 0 || b.columns == 0) return;
  const Product<Bfloat16Operands> product(Bfloat16Operands(a, a_stride), m, b.rows, c, c_stride, epilogue);
  product.compute(pool, control, 0, b.columns, b.panels);
}

}  // namespace dnd::cpu
