#include <algorithm>

#include "core/integers.h"
#include "cpu/isa/kernels.h"
#include "cpu/operations.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

/// work(row, first column, columns) over pieces of [rows, columns] that are worth a task.
template <typename Work>
void for_pieces(ThreadPool& pool, const Control& control, int64_t rows, int64_t columns, const Work& work) {
  if (rows == 0 || columns == 0) return;
  const int64_t pieces = divide_up(columns, kElementsPerTask);
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
  const int64_t row_tasks = divide_up(rows, rows_per_task);
  pool.parallel_for(row_tasks * pieces, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t first = task / pieces * rows_per_task;
    const int64_t begin = part_begin(columns, pieces, task % pieces);
    const int64_t end = part_begin(columns, pieces, task % pieces + 1);
    for (int64_t row = first; row < std::min(rows, first + rows_per_task); ++row) work(row, begin, end - begin);
  });
}

}  // namespace

void merge_paths(ThreadPool& pool, const Control& control, const float* a, const float* bias, int64_t rows,
                 int64_t columns, float* y) {
  const Kernels& isa = kernels();
  for_pieces(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    const int64_t offset = row * columns + begin;
    isa.merge_row(a + offset, y + offset, bias + begin, count, y + offset);
  });
}

void add_token_bias(ThreadPool& pool, const Control& control, const float* bias, const float* residual, int64_t rows,
                    int64_t columns, int64_t tokens, float* y) {
  for_pieces(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    const float shift = bias[row % tokens];
    float* to = y + row * columns + begin;
    if (residual == nullptr) {
      for (int64_t i = 0; i < count; ++i) to[i] += shift;
    } else {
      const float* from = residual + row * columns + begin;
      for (int64_t i = 0; i < count; ++i) to[i] = to[i] + shift + from[i];
    }
  });
}

}  // namespace dnd::cpu
