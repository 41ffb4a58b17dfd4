#include <algorithm>
#include <cmath>

#include "core/integers.h"
#include "cpu/operations.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kPartialSums = 16;  ///< independent chains, so that the compiler may add them as vectors

/// Mean of transform(x[i]), in double: rows of the first layers have 10^5 elements.
template <typename Transform>
double mean_of(const float* x, int64_t columns, Transform transform) {
  double sums[kPartialSums] = {};
  int64_t i = 0;
  for (; i + kPartialSums <= columns; i += kPartialSums) {
    for (int64_t j = 0; j < kPartialSums; ++j) sums[j] += transform(x[i + j]);
  }
  for (; i < columns; ++i) sums[0] += transform(x[i]);
  double total = 0;
  for (double sum : sums) total += sum;
  return total / static_cast<double>(columns);
}

}  // namespace

void layer_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y) {
  constexpr int64_t kElementsPerTask = 1 << 16;
  const int64_t rows_per_task = std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(columns, 1));
  pool.parallel_for(divide_up(rows, rows_per_task), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task); ++row) {
      const float* from = x + row * columns;
      float* to = y + row * columns;
      const double mean = mean_of(from, columns, [](float value) { return static_cast<double>(value); });
      const double variance = mean_of(from, columns, [mean](float value) { return (value - mean) * (value - mean); });
      const double scale = 1.0 / std::sqrt(variance + static_cast<double>(eps));
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = static_cast<float>((from[i] - mean) * scale) * weight[i] + bias[i];
      }
    }
  });
}

}  // namespace dnd::cpu
