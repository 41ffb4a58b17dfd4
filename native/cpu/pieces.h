#pragma once

#include <algorithm>
#include <cstdint>

#include "core/integers.h"
#include "core/thread_pool.h"
#include "cpu/control.h"

namespace dnd::cpu {

constexpr int64_t kElementsPerTask = 1 << 15;

/// work(row, first column, columns) over pieces of [rows, columns] that are worth a task; for elementwise operations,
/// whose results do not depend on how they are cut.
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

}  // namespace dnd::cpu
