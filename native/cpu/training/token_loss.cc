#include <vector>

#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {
namespace {

/// Of one task: its tokens' sums in their order.
DndTokenSums add_up(const LossSums* of_tokens, int64_t tokens, const float* importance) {
  DndTokenSums sums{};
  for (int64_t token = 0; token < tokens; ++token) {
    const LossSums& of = of_tokens[token];
    sums.valid += of.valid;
    // A token without any target element does not count, whatever its importance.
    if (of.valid > 0) sums.weighted_squares += (importance == nullptr ? 1.0 : importance[token]) * of.squares;
    sums.output_squares += of.output_squares;
    sums.target_squares += of.target_squares;
    sums.product += of.product;
  }
  return sums;
}

}  // namespace

void token_loss(ThreadPool& pool, const Control& control, const float* y, const float* target, const float* importance,
                int64_t batch, int64_t tokens, int64_t elements, double weight, float* dy, DndTokenSums* sums) {
  const TrainingKernels& isa = training_kernels();
  const int64_t rows = batch * tokens;
  std::vector<LossSums> of_rows(rows);
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, elements));
  pool.parallel_for(divide_up(rows, rows_per_task), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task); ++row) {
      isa.loss_sums(y + row * elements, target + row * elements, elements, &of_rows[row]);
    }
  });
  double valid = 0;
  for (int64_t task = 0; task < batch; ++task) {
    sums[task] = add_up(of_rows.data() + task * tokens, tokens, importance);
    valid += sums[task].valid;
  }
  if (dy == nullptr) return;
  const double common = valid > 0 ? 2.0 * weight / valid : 0.0;
  parallel_elementwise(pool, control, rows, elements, [&](int64_t row, int64_t begin, int64_t count) {
    const double factor = importance == nullptr ? common : common * importance[row % tokens];
    const int64_t offset = row * elements + begin;
    isa.loss_gradient(y + offset, target + offset, count, static_cast<float>(factor), dy + offset);
  });
}

}  // namespace dnd::cpu
