#include <vector>

#include "core/range.h"
#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/operations.h"
#include "cpu/training/row_blocks.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kBlock = 1 << 14;  ///< elements that one chain of sums covers

}  // namespace

void sum_rows(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns, bool accumulate,
              float* sums) {
  if (columns == 0) return;
  const TrainingKernels& isa = training_kernels();
  const RowBlocks blocks(std::max<int64_t>(1, rows), columns);
  std::vector<double> parts(blocks.row_blocks() * columns);
  if (rows > 0) {
    pool.parallel_for(blocks.tasks(), [&](int64_t task, int) {
      control.throw_if_cancelled();
      const Range here = blocks.columns(task), of = blocks.rows(task);
      double* part_sums = parts.data() + task / blocks.column_blocks() * columns + here.begin;
      for (int64_t row = of.begin; row < of.end; ++row)
        isa.add_row(x + row * columns + here.begin, here.size(), part_sums);
    });
  }
  add_parts(parts.data(), blocks.row_blocks(), columns, {0, columns}, accumulate, sums);
}

void sum_tokens(ThreadPool& pool, const Control& control, const float* x, int64_t batch, int64_t tokens,
                int64_t elements, bool accumulate, float* sums) {
  if (tokens == 0) return;
  const TrainingKernels& isa = training_kernels();
  const int64_t blocks = std::max<int64_t>(1, divide_up(elements, kBlock));
  std::vector<double> parts(batch * blocks * tokens);  // [task][block][token]
  const int64_t tokens_per_task = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, elements));
  const int64_t token_tasks = divide_up(tokens, tokens_per_task);
  pool.parallel_for(batch * token_tasks * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t block = task % blocks, group = task / blocks % token_tasks, plane = task / blocks / token_tasks;
    const Range here = part(elements, blocks, block);
    const int64_t first = group * tokens_per_task, end = std::min(tokens, first + tokens_per_task);
    for (int64_t token = first; token < end; ++token) {
      parts[(plane * blocks + block) * tokens + token] =
          isa.sum(x + (plane * tokens + token) * elements + here.begin, here.size());
    }
  });
  add_parts(parts.data(), batch * blocks, tokens, {0, tokens}, accumulate, sums);
}

void add(ThreadPool& pool, const Control& control, const float* x, int64_t elements, float* y) {
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    for (int64_t i = begin; i < begin + count; ++i) y[i] += x[i];
  });
}

double sum_squares(ThreadPool& pool, const Control& control, const float* x, int64_t elements) {
  const TrainingKernels& isa = training_kernels();
  std::vector<double> parts(divide_up(elements, kBlock));
  pool.parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t block, int) {
    control.throw_if_cancelled();
    parts[block] = isa.sum_squares(x + block * kBlock, std::min(kBlock, elements - block * kBlock));
  });
  double total = 0;
  for (const double part_sum : parts) total += part_sum;
  return total;
}

}  // namespace dnd::cpu
