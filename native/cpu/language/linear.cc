#include <algorithm>

#include "core/integers.h"
#include "cpu/gemm/gemm.h"
#include "cpu/isa/language_kernels.h"
#include "cpu/isa/stored_weight.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {

/// Divided over outputs: each thread reads its weights once for all rows, in blocks that stay in its first-level cache
/// while further rows are taken.
void linear_few_rows(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t in,
                     DndWeight weight, const float* bias, int64_t out, const float* residual, float* y) {
  if (rows == 0 || out == 0) return;
  const DotKernel dot = language_kernels().dot[weight.type];
  constexpr int64_t kBlockFloats = 6144, kWeightsPerTask = 1 << 16;
  const int64_t block = std::clamp<int64_t>(kBlockFloats / std::max<int64_t>(in, 1) / 24 * 24, 24, 240);
  const int64_t wanted = divide_up(out * in, kWeightsPerTask), blocks = divide_up(out, block);
  const int64_t tasks = std::clamp<int64_t>(wanted, 1, blocks);
  pool.parallel_for(tasks, [&](int64_t task, int) {
    const int64_t end = std::min(out, part_begin(blocks, tasks, task + 1) * block);
    for (int64_t first = part_begin(blocks, tasks, task) * block; first < end; first += block) {
      control.throw_if_cancelled();
      const int64_t outs = std::min(block, end - first);
      for (int64_t row = 0; row < rows; row += kMaxDotRows) {
        const int64_t here = std::min<int64_t>(kMaxDotRows, rows - row);
        float sums[kMaxDotRows * 240];
        dot(x + row * in, in, here, part_from(weight, first * in).values, in, outs, in, sums, outs);
        for (int64_t r = 0; r < here; ++r) {
          float* const target = y + (row + r) * out + first;
          const float* const added = residual == nullptr ? nullptr : residual + (row + r) * out + first;
          for (int64_t i = 0; i < outs; ++i) {
            const float sum = bias == nullptr ? sums[r * outs + i] : sums[r * outs + i] + bias[first + i];
            target[i] = added == nullptr ? sum : sum + added[i];
          }
        }
      }
      control.advance(static_cast<double>(rows) * static_cast<double>(outs) * static_cast<double>(in));
    }
  });
}

void linear_input_gradient(ThreadPool& pool, const Control& control, const float* dy, int64_t rows, int64_t in,
                           int64_t out, DndWeight weight, const float* addend, float* dx) {
  Epilogue adding;
  if (addend != nullptr) adding = {.residual = addend, .residual_stride = in};
  gemm(pool, control, rows, in, out, {dy, out, 1}, WeightView{weight, in, 1}, dx, in, adding);
}

}  // namespace dnd::cpu
