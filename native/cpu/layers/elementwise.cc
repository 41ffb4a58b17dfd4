#include "cpu/isa/kernels.h"
#include "cpu/layers/layers.h"
#include "cpu/layers/parallel_elementwise.h"

namespace dnd::cpu {

void merge_paths(ThreadPool& pool, const Control& control, const float* a, const float* bias, int64_t rows,
                 int64_t columns, float* y) {
  const Kernels& isa = kernels();
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
    const int64_t offset = row * columns + begin;
    isa.merge_row(a + offset, y + offset, bias + begin, count, y + offset);
  });
}

void add_token_bias(ThreadPool& pool, const Control& control, const float* bias, const float* residual, int64_t rows,
                    int64_t columns, int64_t tokens, float* y) {
  parallel_elementwise(pool, control, rows, columns, [&](int64_t row, int64_t begin, int64_t count) {
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

void multiply(ThreadPool& pool, const Control& control, const float* a, const float* b, int64_t elements, float* y) {
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    for (int64_t i = begin; i < begin + count; ++i) y[i] = a[i] * b[i];
  });
}

}  // namespace dnd::cpu
