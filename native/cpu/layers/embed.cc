#include <algorithm>

#include "core/integers.h"
#include "cpu/isa/stored_weight.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {

void embed(ThreadPool& pool, const Control& control, const int32_t* ids, const int32_t* positions, int64_t rows,
           DndWeight word, const float* position, const float* type, int64_t columns, float* y) {
  constexpr int64_t kRowsPerTask = 32;
  pool.parallel_for(divide_up(rows, kRowsPerTask), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) {
      const float* position_row = position + positions[row] * columns;
      float* target = y + row * columns;
      widen(word, ids[row] * columns, columns, target);
      for (int64_t i = 0; i < columns; ++i) target[i] = target[i] + position_row[i] + type[i];
    }
  });
}

}  // namespace dnd::cpu
