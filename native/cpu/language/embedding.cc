#include <algorithm>

#include "cpu/isa/language_kernels.h"
#include "cpu/isa/stored_weight.h"
#include "cpu/language/operations.h"
#include "cpu/layers/parallel_elementwise.h"

namespace dnd::cpu {

void embed_tokens(ThreadPool& pool, const Control& control, const int32_t* ids, int64_t rows, DndWeight table,
                  int64_t columns, float* y) {
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    widen(table, ids[row] * columns + begin, count, y + row * columns + begin);
  });
}

/// Divided over columns: a column's sum then has the order of the rows, whatever the number of threads.
void embed_tokens_gradient(ThreadPool& pool, const Control& control, const int32_t* ids, const float* dy, int64_t rows,
                           int64_t vocabulary, int64_t columns, bool accumulate, float* dtable) {
  if (!accumulate) {
    parallel_elementwise(pool, control, vocabulary, columns, [&](int64_t row, int64_t begin, int64_t count) {
      std::fill_n(dtable + row * columns + begin, count, 0.0f);
    });
  }
  const LanguageKernels& isa = language_kernels();
  constexpr int64_t kColumns = 64;
  pool.parallel_for(divide_up(columns, kColumns), [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t begin = task * kColumns, count = std::min(kColumns, columns - begin);
    for (int64_t row = 0; row < rows; ++row) {
      isa.add_scaled(dy + row * columns + begin, 1.0f, count, dtable + ids[row] * columns + begin);
    }
  });
}

void gather_rows(ThreadPool& pool, const Control& control, const float* x, const int32_t* index, int64_t rows,
                 int64_t columns, float* y) {
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    std::copy_n(x + index[row] * columns + begin, count, y + row * columns + begin);
  });
}

void scatter_rows(ThreadPool& pool, const Control& control, const float* x, const int32_t* index, int64_t rows,
                  int64_t columns, int64_t zeroed_rows, float* y) {
  parallel_elementwise(pool, control, zeroed_rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    std::fill_n(y + row * columns + begin, count, 0.0f);
  });
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    std::copy_n(x + row * columns + begin, count, y + index[row] * columns + begin);
  });
}

}  // namespace dnd::cpu
