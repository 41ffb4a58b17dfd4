#pragma once

#include <algorithm>
#include <cstdint>

#include "core/range.h"

namespace dnd::cpu {

/// How sums over the rows of [rows, columns] are cut: blocks of columns, and, where those are few, blocks of rows whose
/// sums are added up afterwards. Depends on the shape alone, so that the sums do.
class RowBlocks {
 public:
  RowBlocks(int64_t rows, int64_t columns)
      : rows_(rows),
        columns_(columns),
        column_blocks_(divide_up(columns, kBlockColumns)),
        row_blocks_(std::clamp<int64_t>(kTasks / column_blocks_, 1, divide_up(rows, kFewestRows))) {}

  int64_t tasks() const { return row_blocks_ * column_blocks_; }
  int64_t row_blocks() const { return row_blocks_; }
  int64_t column_blocks() const { return column_blocks_; }
  Range rows(int64_t task) const { return part(rows_, row_blocks_, task / column_blocks_); }
  Range columns(int64_t task) const { return part(columns_, column_blocks_, task % column_blocks_); }

 private:
  static constexpr int64_t kBlockColumns = 512;  ///< two sums of each in double: half a first-level cache at most
  static constexpr int64_t kFewestRows = 16;
  static constexpr int64_t kTasks = 64;

  int64_t rows_, columns_, column_blocks_, row_blocks_;
};

/// sums[i] (+)= the sum of parts[block · columns + i] over blocks, for the columns of a range.
inline void add_parts(const double* parts, int64_t blocks, int64_t columns, Range range, bool accumulate, float* sums) {
  for (int64_t i = range.begin; i < range.end; ++i) {
    double total = accumulate ? static_cast<double>(sums[i]) : 0.0;
    for (int64_t block = 0; block < blocks; ++block) total += parts[block * columns + i];
    sums[i] = static_cast<float>(total);
  }
}

}  // namespace dnd::cpu
