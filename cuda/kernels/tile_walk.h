#pragma once

#include "cuda/device/element.h"
#include "cuda/device/unrolled.h"
#include "cuda/kernels/tile_frame.h"
#include "toolkit/device_code.h"

namespace dnd::cuda {

/// Calls visit(channel, cross) for the lines along the inner axis that are this thread's: channel < channels of the 16,
/// cross < cross_count. Neighbouring threads have neighbours of the axis that is contiguous in memory.
template <typename Visit>
__device__ __forceinline__ void walk_lines(const TileFrame& frame, int channels, int cross_count, Visit&& visit) {
  const int side = frame.channels_side_by_side ? channels : cross_count;
  const int width = side <= 16 ? 16 : 32;
  const int thread = static_cast<int>(thread_index().x), lane = thread % width;
  const int first = thread / width, step = static_cast<int>(block_size().x) / width;
  if (lane >= side) return;
  if (frame.channels_side_by_side) {
    for (int cross = first; cross < cross_count; cross += step) visit(lane, cross);
  } else {
    for (int line = first; line < kPanelChannels; line += step) {
      if (walked_channel(line) < channels) visit(walked_channel(line), lane);
    }
  }
}

/// Numbers of a line that a thread reads before it uses the first; even.
inline constexpr int kLineBatch = 16;

/// A line of a panel along the inner axis, as walk_lines visits them.
struct PanelWalk {
  char* panel;
  int first, step;  // in bytes

  __device__ __forceinline__ PanelWalk(float* panel, const TileFrame& frame, int cross, int channel)
      : panel(reinterpret_cast<char*>(panel)) {
    constexpr int kBytes = sizeof(float);
    first = kBytes * (frame.inner_is_halved ? panel_word(frame.pitch, cross, 0, channel)
                                            : panel_word(frame.pitch, 0, cross, channel));
    step = kBytes * (frame.inner_is_halved ? kPanelChannels : frame.pitch);
  }

  /// Point `begin` + kIndex, for an even `begin`: neighbours share what does not depend on kIndex.
  template <int kIndex>
  __device__ __forceinline__ float& at(int begin) const {
    constexpr int kBytes = sizeof(float);
    const int place = first ^ ((begin >> 1) + (kIndex >> 1)) * kBytes;
    return *reinterpret_cast<float*>(panel + place + (begin + kIndex) * step);
  }
};

}  // namespace dnd::cuda
