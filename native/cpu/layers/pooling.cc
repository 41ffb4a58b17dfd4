#include <algorithm>

#include "core/integers.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {

void mean_pool(ThreadPool& pool, const Control& control, const float* x, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t columns, float* y) {
  constexpr int64_t kColumnsPerTask = 64;
  const int64_t pieces = divide_up(columns, kColumnsPerTask);
  pool.parallel_for(sequences * pieces, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t sequence = task / pieces;
    const int64_t begin = part_begin(columns, pieces, task % pieces);
    const int64_t count = part_begin(columns, pieces, task % pieces + 1) - begin;
    double sums[kColumnsPerTask] = {};
    int64_t real = 0;
    for (int64_t row = offsets[sequence]; row < offsets[sequence + 1]; ++row) {
      if (mask[row] == 0) continue;
      for (int64_t i = 0; i < count; ++i) sums[i] += x[row * columns + begin + i];
      ++real;
    }
    float* target = y + sequence * columns + begin;
    const double divisor = static_cast<double>(std::max<int64_t>(real, 1));
    for (int64_t i = 0; i < count; ++i) target[i] = static_cast<float>(sums[i] / divisor);
  });
}

}  // namespace dnd::cpu
