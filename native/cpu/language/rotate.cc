#include <algorithm>

#include "core/integers.h"
#include "cpu/isa/language_kernels.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {

void rotate(ThreadPool& pool, const Control& control, const int32_t* positions, int64_t rows, int64_t heads,
            int64_t head_width, const float* table, bool inverse, float* x) {
  const LanguageKernels& isa = language_kernels();
  const int64_t half = head_width / 2;
  constexpr int64_t kRowsPerTask = 32;
  pool.parallel_for(divide_up(rows, kRowsPerTask), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) {
      const float* cosines = table + positions[row] * head_width;
      for (int64_t head = 0; head < heads; ++head) {
        isa.rotate(cosines, cosines + half, inverse ? -1.0f : 1.0f, half, x + (row * heads + head) * head_width);
      }
    }
  });
}

}  // namespace dnd::cpu
