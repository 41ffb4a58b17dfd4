#pragma once

#include "cuda/device/code.h"
#include "cuda/kernels/tile_frame.h"

namespace dnd::cuda {

/// Calls visit(channel, cross) for the lines along the inner axis that are this thread's: channel < channels of the 16,
/// cross < cross_count. Neighbouring threads have neighbours of the axis that lies side by side in memory.
template <typename Visit>
__device__ __forceinline__ void walk_lines(const TileFrame& frame, int channels, int cross_count, Visit&& visit) {
  const int side = frame.channels_side_by_side ? channels : cross_count;
  const int other = frame.channels_side_by_side ? cross_count : channels;
  const int width = side <= 16 ? 16 : 32;
  const int thread = static_cast<int>(thread_index().x), lane = thread % width;
  if (lane >= side) return;
  for (int i = thread / width; i < other; i += static_cast<int>(block_size().x) / width) {
    if (frame.channels_side_by_side) {
      visit(lane, i);
    } else {
      visit(i, lane);
    }
  }
}

/// Numbers that a thread reads before it uses the first.
inline constexpr int kLineBatch = 8;

}  // namespace dnd::cuda
