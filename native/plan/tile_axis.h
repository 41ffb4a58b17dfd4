#pragma once

#include <algorithm>
#include <cstdint>

#include "core/integers.h"

namespace dnd {

/// One axis of a plane cut into tiles of `points` points, for a "same" convolution with `kernel` (odd) taps.
///
/// Overlap-save: a circular convolution of a tile is right where no tap reaches round its end, which leaves
/// points − kernel + 1 outputs; the next tile begins that many points further. An axis that fits with half a kernel to
/// spare is one tile, all of whose outputs are right: what wraps around is padding.
struct TileAxis {
  int64_t size;
  int64_t kernel;
  int64_t points;

  bool operator==(const TileAxis&) const = default;

  constexpr int64_t half() const { return kernel / 2; }
  constexpr bool whole() const { return size + half() <= points; }
  /// Outputs of a tile; at least 1 is needed for a tiling.
  constexpr int64_t valid() const { return whole() ? size : points - kernel + 1; }
  constexpr int64_t tiles() const { return divide_up(size, valid()); }

  /// The plane's point at a tile's point 0; negative in the padding.
  constexpr int64_t input_begin(int64_t tile) const { return whole() ? 0 : tile * valid() - half(); }
  constexpr int64_t output_begin(int64_t tile) const { return tile * valid(); }
  constexpr int64_t output_count(int64_t tile) const { return std::min(valid(), size - output_begin(tile)); }
  /// The tile's point that is its first output.
  constexpr int64_t output_point() const { return whole() ? 0 : half(); }
};

}  // namespace dnd
