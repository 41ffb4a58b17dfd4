#include <vector>

#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/operations.h"
#include "cpu/training/row_blocks.h"

namespace dnd::cpu {
namespace {

/// Sums over columns, of each row, and over rows, of each column, from one pass over x and dy.
struct NormSums {
  NormSums(int64_t rows, int64_t columns)
      : blocks(rows, columns),
        of_rows(2 * rows * blocks.column_blocks()),
        dweight(blocks.row_blocks() * columns),
        dbias(blocks.row_blocks() * columns) {}

  const RowBlocks blocks;
  std::vector<double> of_rows;         ///< [row][block of columns][Σ g, Σ g · n]
  std::vector<double> dweight, dbias;  ///< [block of rows][column]
};

struct RowMeans {
  float g, gn;
};

RowMeans means_of(const NormSums& sums, int64_t row, int64_t columns) {
  double g = 0, gn = 0;
  for (int64_t block = 0; block < sums.blocks.column_blocks(); ++block) {
    const double* part_sums = sums.of_rows.data() + 2 * (row * sums.blocks.column_blocks() + block);
    g += part_sums[0];
    gn += part_sums[1];
  }
  return {static_cast<float>(g / static_cast<double>(columns)), static_cast<float>(gn / static_cast<double>(columns))};
}

}  // namespace

void layer_norm_gradient(ThreadPool& pool, const Control& control, const float* x, const float* mean_rstd,
                         const float* weight, const float* dy, const float* addend, int64_t rows, int64_t columns,
                         bool accumulate, float* dx, float* dweight, float* dbias) {
  if (rows == 0 || columns == 0) return;
  const TrainingKernels& isa = training_kernels();
  NormSums sums(rows, columns);
  pool.parallel_for(sums.blocks.tasks(), [&](int64_t task, int) {
    control.throw_if_cancelled();
    const Range here = sums.blocks.columns(task), of = sums.blocks.rows(task);
    const int64_t column_blocks = sums.blocks.column_blocks();
    const int64_t to = task / column_blocks * columns + here.begin;
    for (int64_t row = of.begin; row < of.end; ++row) {
      const int64_t offset = row * columns + here.begin;
      isa.norm_sums(x + offset, mean_rstd + 3 * row, weight + here.begin, dy + offset, here.size(),
                    sums.of_rows.data() + 2 * (row * column_blocks + task % column_blocks), sums.dweight.data() + to,
                    sums.dbias.data() + to);
    }
  });
  add_parts(sums.dweight.data(), sums.blocks.row_blocks(), columns, {0, columns}, accumulate, dweight);
  add_parts(sums.dbias.data(), sums.blocks.row_blocks(), columns, {0, columns}, accumulate, dbias);
  if (dx == nullptr) return;
  std::vector<RowMeans> means(rows);
  for (int64_t row = 0; row < rows; ++row) means[row] = means_of(sums, row, columns);
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    const int64_t offset = row * columns + begin;
    isa.norm_gradient(x + offset, mean_rstd + 3 * row, weight + begin, dy + offset,
                      addend == nullptr ? nullptr : addend + offset, count, means[row].g, means[row].gn, dx + offset);
  });
}

}  // namespace dnd::cpu
