#pragma once

#include <algorithm>
#include <cstdint>

namespace dnd::cuda {

/// A piece of a token on its way into a transposed tensor: rows × columns of it in shared memory, read along its rows
/// and written along its columns.
struct RestoreTile {
  static constexpr int kMostRows = 32, kMostElements = 4096;

  int rows, columns;

  constexpr RestoreTile(int64_t rank, int64_t chunk)
      : rows(static_cast<int>(std::min<int64_t>(rank, kMostRows))),
        columns(static_cast<int>(std::min<int64_t>(chunk, kMostElements / rows / 32 * 32))) {}

  /// Floats between two rows: where the rows divide 32, the 32 elements that a warp takes out fall into 32 banks.
  constexpr int pitch() const { return (columns + 31) / 32 * 32 + std::max(1, 32 / rows); }
  constexpr int floats() const { return rows * pitch(); }
};

}  // namespace dnd::cuda
