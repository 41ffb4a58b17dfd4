#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/isa/language_kernels.h"
#include "cpu/isa/training_kernels.h"
#include "cpu/language/operations.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/row_blocks.h"

namespace dnd::cpu {
namespace {

double reciprocal_root(const float* x, int64_t columns, float eps) {
  const double squares = training_kernels().sum_squares(x, columns);
  return 1.0 / std::sqrt(squares / static_cast<double>(columns) + static_cast<double>(eps));
}

template <typename Work>
void for_rows(ThreadPool& pool, const Control& control, int64_t rows, int64_t columns, const Work& work) {
  if (rows == 0 || columns == 0) return;
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
  pool.parallel_for(divide_up(rows, rows_per_task), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task); ++row) work(row);
  });
}

}  // namespace

void rms_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
              const float* weight, float eps, float* y) {
  const LanguageKernels& isa = language_kernels();
  for_rows(pool, control, rows, columns, [&](int64_t row) {
    const float* from = x + row * columns;
    isa.scale_by_weight(from, reciprocal_root(from, columns, eps), weight, columns, y + row * columns);
  });
}

/// With r = 1 / √(mean(x²) + eps): dx = r · dy · weight − x · r³ · mean(x · dy · weight), dweight = Σ dy · x · r.
void rms_norm_gradient(ThreadPool& pool, const Control& control, const float* x, const float* weight, float eps,
                       const float* dy, const float* addend, int64_t rows, int64_t columns, bool accumulate, float* dx,
                       float* dweight) {
  const LanguageKernels& isa = language_kernels();
  std::vector<double> roots(dweight != nullptr ? rows : 0);
  if (dweight != nullptr) {
    for_rows(pool, control, rows, columns,
             [&](int64_t row) { roots[row] = reciprocal_root(x + row * columns, columns, eps); });
    // Before dx, which may be dy.
    const RowBlocks blocks(std::max<int64_t>(1, rows), columns);
    std::vector<double> parts(blocks.row_blocks() * columns);
    if (rows > 0) {
      pool.parallel_for(blocks.tasks(), [&](int64_t task, int) {
        control.throw_if_cancelled();
        const Range here = blocks.columns(task), of = blocks.rows(task);
        double* sums = parts.data() + task / blocks.column_blocks() * columns + here.begin;
        for (int64_t row = of.begin; row < of.end; ++row) {
          const int64_t offset = row * columns + here.begin;
          isa.add_products(x + offset, dy + offset, static_cast<float>(roots[row]), here.size(), sums);
        }
      });
    }
    add_parts(parts.data(), blocks.row_blocks(), columns, {0, columns}, accumulate, dweight);
  }
  for_rows(pool, control, rows, columns, [&](int64_t row) {
    const int64_t offset = row * columns;
    const double root = dweight != nullptr ? roots[row] : reciprocal_root(x + offset, columns, eps);
    const double product = isa.weighted_product(x + offset, dy + offset, weight, columns);
    const double share = root * root * root * product / static_cast<double>(columns);
    isa.rms_gradient(x + offset, dy + offset, weight, addend == nullptr ? nullptr : addend + offset,
                     root, share, columns, dx + offset);
  });
}

}  // namespace dnd::cpu
