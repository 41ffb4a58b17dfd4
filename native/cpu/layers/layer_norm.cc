#include <algorithm>
#include <cmath>
#include <vector>

#include "core/integers.h"
#include "cpu/isa/kernels.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {
namespace {

/// Rows are cut into blocks of at most this many columns, whatever the number of threads: the sums, and so the bytes,
/// depend on the number of columns alone. A block stays in the first-level cache between its two passes.
constexpr int64_t kBlockColumns = 4096;
constexpr int64_t kElementsPerTask = 1 << 14;

struct BlockStatistics {
  double mean;
  double squares;  ///< sum of squared differences from the mean
};

/// Mean and rstd of a row, and where its blocks begin.
class RowStatistics {
 public:
  RowStatistics(const float* x, int64_t columns, float eps)
      : x_(x), columns_(columns), blocks_(divide_up(columns, kBlockColumns)), eps_(eps) {}

  int64_t blocks() const { return blocks_; }
  int64_t begin(int64_t block) const { return part_begin(columns_, blocks_, block); }

  BlockStatistics of_block(int64_t row, int64_t block) const {
    BlockStatistics result;
    kernels().mean_and_squares(x_ + row * columns_ + begin(block), begin(block + 1) - begin(block), &result.mean,
                               &result.squares);
    return result;
  }

  /// Statistics of a whole row from those of its blocks (Chan, Golub & LeVeque 1983).
  BlockStatistics combine(const BlockStatistics* parts) const {
    BlockStatistics whole = parts[0];
    for (int64_t block = 1; block < blocks_; ++block) {
      const double before = static_cast<double>(begin(block)), after = static_cast<double>(begin(block + 1));
      const double difference = parts[block].mean - whole.mean;
      whole.squares += parts[block].squares + difference * difference * before * (after - before) / after;
      whole.mean += difference * (after - before) / after;
    }
    return whole;
  }

  float rstd(const BlockStatistics& whole) const {
    const double variance = whole.squares / static_cast<double>(columns_);
    return static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(eps_)));
  }

 private:
  const float* x_;
  int64_t columns_, blocks_;
  float eps_;
};

/// work(row, statistics of the whole row) on the thread pool, the rows' blocks spread over the threads where rows are
/// long: they may be few.
template <typename Work>
void for_rows(ThreadPool& pool, const Control& control, const RowStatistics& of, int64_t rows, int64_t columns,
              const Work& work) {
  const int64_t blocks = of.blocks();
  if (blocks == 1) {
    const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
    pool.parallel_for(divide_up(rows, rows_per_task), [&](int64_t task, int) {
      control.throw_if_cancelled();
      for (int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task); ++row) {
        work(row, 0, of.of_block(row, 0));
      }
    });
    return;
  }
  std::vector<BlockStatistics> parts(rows * blocks);
  pool.parallel_for(rows * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    parts[task] = of.of_block(task / blocks, task % blocks);
  });
  pool.parallel_for(rows * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t row = task / blocks;
    work(row, task % blocks, of.combine(&parts[row * blocks]));
  });
}

}  // namespace

void layer_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y) {
  if (rows == 0 || columns == 0) return;
  const RowStatistics of(x, columns, eps);
  for_rows(pool, control, of, rows, columns, [&](int64_t row, int64_t block, const BlockStatistics& whole) {
    const int64_t column = of.begin(block), offset = row * columns + column;
    kernels().normalise(x + offset, of.begin(block + 1) - column, whole.mean, of.rstd(whole), weight + column,
                        bias + column, y + offset);
  });
}

void norm_statistics(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns, float eps,
                     float* mean_rstd) {
  if (rows == 0 || columns == 0) return;
  const RowStatistics of(x, columns, eps);
  for_rows(pool, control, of, rows, columns, [&](int64_t row, int64_t block, const BlockStatistics& whole) {
    if (block > 0) return;
    float* to = mean_rstd + 3 * row;
    to[0] = static_cast<float>(whole.mean);
    to[1] = static_cast<float>(whole.mean - static_cast<double>(to[0]));
    to[2] = of.rstd(whole);
  });
}

void normalise(ThreadPool& pool, const Control& control, const float* x, const float* mean_rstd, int64_t rows,
               int64_t columns, const float* weight, const float* bias, float* y) {
  if (rows == 0 || columns == 0) return;
  const int64_t blocks = divide_up(columns, kBlockColumns);
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
  pool.parallel_for(divide_up(rows, rows_per_task) * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t first = task / blocks * rows_per_task;
    const int64_t begin = part_begin(columns, blocks, task % blocks);
    const int64_t count = part_begin(columns, blocks, task % blocks + 1) - begin;
    for (int64_t row = first; row < std::min(rows, first + rows_per_task); ++row) {
      const float* m = mean_rstd + 3 * row;
      const int64_t offset = row * columns + begin;
      kernels().normalise(x + offset, count, static_cast<double>(m[0]) + static_cast<double>(m[1]), m[2],
                          weight + begin, bias + begin, y + offset);
    }
  });
}

}  // namespace dnd::cpu
