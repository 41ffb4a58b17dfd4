#pragma once

#include <algorithm>
#include <cstdint>

#include "control.h"
#include "core/integers.h"
#include "core/thread_pool.h"

namespace dnd::cpu {

constexpr int64_t kElementsPerTask = 1 << 15;

/// Calls work(row, first column, columns) for every part of [rows, columns], on all threads; for elementwise
/// operations, whose results do not depend on how they are divided.
template <typename Work>
void parallel_elementwise(ThreadPool& pool, const Control& control, int64_t rows, int64_t columns, const Work& work) {
  if (rows == 0 || columns == 0) return;
  const int64_t parts = divide_up(columns, kElementsPerTask);
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
  const int64_t row_tasks = divide_up(rows, rows_per_task);
  pool.parallel_for(row_tasks * parts, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t first = task / parts * rows_per_task;
    const int64_t begin = part_begin(columns, parts, task % parts);
    const int64_t end = part_begin(columns, parts, task % parts + 1);
    for (int64_t row = first; row < std::min(rows, first + rows_per_task); ++row) work(row, begin, end - begin);
  });
}

}  // namespace dnd::cpu
