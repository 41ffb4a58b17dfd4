#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {

void merge_paths_keeping(ThreadPool& pool, const Control& control, const float* a, float* p, const float* bias,
                         int64_t rows, int64_t columns, float* s) {
  const TrainingKernels& isa = training_kernels();
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    const int64_t offset = row * columns + begin;
    isa.merge_row(a + offset, p + offset, bias + begin, count, s + offset);
  });
}

void split_paths(ThreadPool& pool, const Control& control, const float* ds, const float* t, int64_t elements, float* da,
                 float* dp) {
  const TrainingKernels& isa = training_kernels();
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    isa.split_row(ds + begin, t + begin, count, da + begin, dp + begin);
  });
}

}  // namespace dnd::cpu
