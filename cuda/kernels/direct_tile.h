#pragma once

#include <algorithm>
#include <cstdint>

#include "core/integers.h"
#include "plan/geometry.h"

namespace dnd::cuda {

/// Taps of one axis that are inside the plane for at least one of some neighbouring points.
struct TapRange {
  int64_t begin, end;
  constexpr int64_t size() const { return end - begin; }
};

/// For the points `begin` … `begin + count` of an axis of `size`, those beyond it left out; begin < size.
constexpr TapRange taps_inside_for(int64_t size, int64_t kernel, int64_t begin, int64_t count) {
  const int64_t half = kernel / 2, last = std::min(size, begin + count) - 1;
  return {std::max<int64_t>(0, half - last), std::min(kernel, size - begin + half)};
}

/// The most that taps_inside_for can come to.
constexpr int64_t most_taps_inside(int64_t size, int64_t kernel) { return std::min(kernel, 2 * size - 1); }

/// How the direct convolution is shared out. A thread has 4 neighbouring columns of up to 8 output channels. The lanes
/// of a warp are side by side over `lane_columns` such places of each of 32 / lane_columns rows; the warps of a block
/// are row_warps below each other, once for each of out_groups groups of output channels. What they read is staged: a
/// few channels of a patch of the plane, and of the taps, at a time.
struct DirectTile {
  static constexpr int kColumns = 4;          ///< of a thread
  static constexpr int kMostOuts = 8;         ///< of a thread
  static constexpr int kMostWarps = 8;        ///< of a block
  static constexpr int kMostFloats = 10'240;  ///< of a stage: four blocks and more fit onto a multiprocessor
  static constexpr int kLongestSum = 512;     ///< terms of a chain; sums of such sums keep float32's accuracy

  int lane_columns;
  int outs, out_groups, row_warps;
  int channels, tap_rows;  ///< of a stage
  int pitch;               ///< floats between two rows of the patch
  double cost;             ///< of the whole convolution, in multiply-adds of a thread

  constexpr int threads() const { return 32 * out_groups * row_warps; }
  constexpr int warp_rows() const { return 32 / lane_columns; }
  constexpr int rows() const { return warp_rows() * row_warps; }
  constexpr int columns() const { return kColumns * lane_columns; }
  constexpr int block_outs() const { return outs * out_groups; }

  constexpr int outs_pitch() const { return static_cast<int>(round_up(outs, 4)); }
  /// Floats between two taps: an odd number of 16 bytes, as neighbouring taps are written at the same time.
  constexpr int tap_pitch() const { return (outs_pitch() / 4 * out_groups | 1) * 4; }

  constexpr int64_t patch_floats(int64_t tap_rows) const { return (rows() + tap_rows - 1) * pitch; }
  /// Of a stage of one channel.
  constexpr int64_t stage_floats(int64_t tap_rows, int64_t taps) const {
    return patch_floats(tap_rows) + tap_rows * taps * tap_pitch();
  }
};

namespace direct_tile {

/// Columns of the patch that are read, four at a time.
constexpr int64_t patch_columns(int lane_columns, int64_t taps) {
  return DirectTile::kColumns * lane_columns + round_up(taps, 4);
}

/// The 8 lanes whose reads go together meet in no bank: rows are an odd multiple of a row's lanes apart.
constexpr int64_t pitch(int lane_columns, int64_t taps) {
  const int64_t read = patch_columns(lane_columns, taps), step = DirectTile::kColumns * lane_columns;
  if (lane_columns >= 8) return read;
  return (divide_up(read, step) | 1) * step;
}

/// Most rows of taps, and then most channels, that fit; tap_rows is 0 where not even one row does.
constexpr void fit_stage(DirectTile& tile, int64_t channels, int64_t tap_rows, int64_t taps) {
  int64_t rows = std::clamp<int64_t>(DirectTile::kLongestSum / taps, 1, tap_rows);
  while (rows > 0 && tile.stage_floats(rows, taps) > DirectTile::kMostFloats) --rows;
  tile.tap_rows = rows == 0 ? 0 : static_cast<int>(divide_up(tap_rows, divide_up(tap_rows, rows)));
  if (rows == 0) return;
  const int64_t fit = DirectTile::kMostFloats / tile.stage_floats(tile.tap_rows, taps);
  const int64_t chain = DirectTile::kLongestSum / (tile.tap_rows * taps);
  const int64_t most = std::clamp<int64_t>(std::min(fit, chain), 1, channels);
  tile.channels = static_cast<int>(divide_up(channels, divide_up(channels, most)));
}

/// Fetching a number of the plane takes as long as about 12 multiply-adds, a weight 6; a stage's barriers 200.
constexpr double cost(const DirectTile& tile, const Geometry& g, int64_t tap_rows, int64_t taps) {
  const double tiles = static_cast<double>(divide_up(g.rows, tile.rows()) * divide_up(g.columns, tile.columns()) *
                                           divide_up(g.out_channels, tile.block_outs()));
  const double sums = static_cast<double>(tap_rows * taps * DirectTile::kColumns * tile.outs * tile.threads());
  const double fetches = 12.0 * static_cast<double>((tile.rows() + tap_rows - 1) * (tile.columns() + taps - 1)) +
                         6.0 * static_cast<double>(tap_rows * taps * tile.block_outs());
  const double stages = static_cast<double>(divide_up(g.channels, tile.channels) * divide_up(tap_rows, tile.tap_rows));
  return static_cast<double>(g.batch) * tiles *
         (static_cast<double>(g.channels) * (sums + fetches) + 200.0 * stages * tile.threads());
}

}  // namespace direct_tile

/// Pure. The cheapest tile whose stage fits into shared memory; outs is 0 where none does: a kernel of thousands of
/// taps.
constexpr DirectTile choose_direct_tile(const Geometry& g) {
  const int64_t tap_rows = most_taps_inside(g.rows, g.kernel), taps = most_taps_inside(g.columns, g.kernel);
  const int64_t groups = divide_up(g.out_channels, DirectTile::kMostOuts);
  DirectTile best{};
  for (const int lane_columns : {32, 16, 8, 4, 2, 1}) {
    DirectTile tile{};
    tile.lane_columns = lane_columns;
    tile.pitch = static_cast<int>(direct_tile::pitch(lane_columns, taps));
    tile.outs = static_cast<int>(divide_up(g.out_channels, groups));
    tile.out_groups = static_cast<int>(divide_up(groups, divide_up(groups, DirectTile::kMostWarps)));
    tile.row_warps = static_cast<int>(
        std::min<int64_t>(DirectTile::kMostWarps / tile.out_groups, divide_up(g.rows, tile.warp_rows())));
    direct_tile::fit_stage(tile, g.channels, tap_rows, taps);
    if (tile.tap_rows == 0) continue;
    tile.cost = direct_tile::cost(tile, g, tap_rows, taps);
    if (best.outs == 0 || tile.cost < best.cost) best = tile;
  }
  return best;
}

}  // namespace dnd::cuda
