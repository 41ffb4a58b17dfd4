#include <algorithm>
#include <cmath>
#include <vector>

#include "core/integers.h"
#include "cpu/isa/kernels.h"
#include "cpu/operations.h"

namespace dnd::cpu {
namespace {

/// Rows are cut into blocks of at most this many columns, whatever the number of threads: the sums, and so the bytes,
/// depend on the number of columns alone. A block stays in the first-level cache between its two passes.
constexpr int64_t kBlockColumns = 4096;
constexpr int64_t kElementsPerTask = 1 << 14;

struct Moments {
  double mean;
  double squares;  ///< sum of squared differences from the mean
};

class Rows {
 public:
  Rows(const float* x, int64_t columns, const float* weight, const float* bias, float eps, float* y)
      : x_(x),
        columns_(columns),
        blocks_(divide_up(columns, kBlockColumns)),
        weight_(weight),
        bias_(bias),
        eps_(eps),
        y_(y) {}

  int64_t blocks() const { return blocks_; }

  Moments moments(int64_t row, int64_t block) const {
    Moments result;
    kernels_.moments(x_ + row * columns_ + begin(block), begin(block + 1) - begin(block), &result.mean,
                     &result.squares);
    return result;
  }

  /// The moments of a whole row from those of its blocks (Chan, Golub & LeVeque 1983).
  Moments combine(const Moments* parts) const {
    Moments whole = parts[0];
    for (int64_t block = 1; block < blocks_; ++block) {
      const double before = static_cast<double>(begin(block)), after = static_cast<double>(begin(block + 1));
      const double difference = parts[block].mean - whole.mean;
      whole.squares += parts[block].squares + difference * difference * before * (after - before) / after;
      whole.mean += difference * (after - before) / after;
    }
    return whole;
  }

  void normalise(int64_t row, int64_t block, const Moments& whole) const {
    const double variance = whole.squares / static_cast<double>(columns_);
    const int64_t column = begin(block), offset = row * columns_ + column;
    kernels_.normalise(x_ + offset, begin(block + 1) - column, whole.mean,
                       static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(eps_))), weight_ + column,
                       bias_ + column, y_ + offset);
  }

 private:
  int64_t begin(int64_t block) const { return part_begin(columns_, blocks_, block); }

  const float* x_;
  int64_t columns_, blocks_;
  const float *weight_, *bias_;
  float eps_;
  float* y_;
  const Kernels& kernels_ = kernels();
};

}  // namespace

void layer_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y) {
  if (rows == 0 || columns == 0) return;
  const Rows work(x, columns, weight, bias, eps, y);
  const int64_t blocks = work.blocks();
  if (blocks == 1) {
    const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / columns);
    pool.parallel_for(divide_up(rows, rows_per_task), [&](int64_t task, int) {
      control.throw_if_cancelled();
      for (int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task); ++row) {
        work.normalise(row, 0, work.moments(row, 0));
      }
    });
    return;
  }
  // Long rows may be few: their blocks are spread over the threads, first for the moments, then to normalise.
  std::vector<Moments> parts(rows * blocks);
  pool.parallel_for(rows * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    parts[task] = work.moments(task / blocks, task % blocks);
  });
  pool.parallel_for(rows * blocks, [&](int64_t task, int) {
    control.throw_if_cancelled();
    const int64_t row = task / blocks;
    work.normalise(row, task % blocks, work.combine(&parts[row * blocks]));
  });
}

}  // namespace dnd::cpu
