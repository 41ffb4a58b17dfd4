#pragma once

#include <cstdint>
#include <optional>

#include "plan/spectral_plan.h"

namespace dnd {

/// One axis of a plane in tiles of `points`; nothing where they have no outputs, or are larger than it takes.
/// `sizes`: those that there are transforms for, ascending or not.
template <typename Sizes>
std::optional<TileAxis> tile_axis(int64_t size, int64_t kernel, int64_t points, const Sizes& sizes) {
  const TileAxis axis = {size, kernel, points};
  if (!axis.whole() && points < kernel) return std::nullopt;
  // A larger tile than the one that holds the whole axis only adds padding.
  for (int64_t smaller : sizes) {
    if (smaller < points && TileAxis{size, kernel, smaller}.whole()) return std::nullopt;
  }
  return axis;
}

/// Calls visit(halved, full, halved_is_i) for every way to tile a plane, either axis halved.
template <typename Sizes, typename Visit>
void for_each_tiling(const ConvolutionShape& shape, const Sizes& sizes, const Visit& visit) {
  for (bool halved_is_i : {true, false}) {
    const int64_t halved_size = halved_is_i ? shape.size_i : shape.size_j;
    const int64_t full_size = halved_is_i ? shape.size_j : shape.size_i;
    for (int64_t halved_points : sizes) {
      const auto halved = tile_axis(halved_size, shape.kernel, halved_points, sizes);
      if (!halved) continue;
      for (int64_t full_points : sizes) {
        const auto full = tile_axis(full_size, shape.kernel, full_points, sizes);
        if (full) visit(*halved, *full, halved_is_i);
      }
    }
  }
}

}  // namespace dnd
