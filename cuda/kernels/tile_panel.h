#pragma once

/// Where a tile's numbers are in a block's shared memory while it is transformed.
///
/// A panel holds [point of the full axis][point of the halved axis][16 channels] floats. Three kinds of warps read and
/// write it: 16 channels of two neighbouring lines, 16 channels of two neighbouring columns, and 32 neighbouring points
/// of either axis for one channel (what is gathered and scattered). None of them has bank conflicts: lines are an odd
/// number of 16 words long, so that neighbours are in different halves of the banks, and within its half a channel's
/// place depends on the points' numbers, halved.
namespace dnd::cuda {

inline constexpr int kPanelChannels = 16;
inline constexpr int kLargestCudaTransform = 32;

constexpr int panel_pitch(int points_halved) { return (points_halved + 1) * kPanelChannels; }

constexpr int panel_floats(int points_full, int points_halved) { return points_full * panel_pitch(points_halved); }

constexpr int panel_word(int pitch, int full, int halved, int channel) {
  return full * pitch + halved * kPanelChannels + (channel ^ (full >> 1 ^ halved >> 1));
}

/// Threads of a block that transforms a tile: one for each channel of each pair of lines, and of each column.
constexpr int panel_threads(int points_full, int points_halved) {
  const int longer = points_full > points_halved ? points_full : points_halved;
  return (longer / 2 * kPanelChannels + 31) / 32 * 32;
}
static_assert(panel_threads(kLargestCudaTransform, kLargestCudaTransform) == 256);

/// The channel of a half-warp's line: neighbours differ by 8, so that their words do, whichever of 16 points they are
/// at.
constexpr int walked_channel(int line) { return line / 2 + line % 2 * (kPanelChannels / 2); }

/// The first of the two lines that are transformed together, and the second: odd pairs begin with their odd line, so
/// that neighbouring pairs read different halves of the banks.
constexpr int pair_first(int pair) { return 2 * pair + (pair & 1); }
constexpr int pair_second(int pair) { return 2 * pair + 1 - (pair & 1); }

}  // namespace dnd::cuda
