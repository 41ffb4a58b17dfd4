#pragma once

#include <cstdint>

#include "cuda/kernels/tile_panel.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"

/// A tiling and a geometry as the kernels of tiles see them: in 32 bits where a tile is enough, and by what an axis is
/// for a block that walks over a tile.
///
/// Such a block has 16 channels of a tile. Along one axis numbers are adjacent in memory: channels in a convolution
/// over the width, otherwise the plane's columns. Threads take neighbours along that axis, and each goes along the
/// *inner* axis by itself: tokens there, otherwise rows. The plane's remaining axis is the *cross* axis.
namespace dnd::cuda {

/// TileAxis in 32 bits.
struct SpatialAxis {
  int size, points, valid;
  int lead;  ///< inputs of a tile before its first output; also the tile's point that is its first output
  unsigned tiles;

  constexpr int input_begin(unsigned tile) const { return static_cast<int>(tile) * valid - lead; }
  constexpr int output_begin(unsigned tile) const { return static_cast<int>(tile) * valid; }
  constexpr int output_count(unsigned tile) const {
    const int rest = size - output_begin(tile);
    return rest < valid ? rest : valid;
  }
  /// Points of a tile that are in the plane: [input_first, input_end).
  constexpr int input_first(unsigned tile) const { return input_begin(tile) < 0 ? -input_begin(tile) : 0; }
  constexpr int input_end(unsigned tile) const {
    const int rest = size - input_begin(tile);
    return rest < points ? rest : points;
  }
};

constexpr SpatialAxis spatial_axis(const TileAxis& axis) {
  return {static_cast<int>(axis.size), static_cast<int>(axis.points), static_cast<int>(axis.valid()),
          static_cast<int>(axis.output_point()), static_cast<unsigned>(axis.tiles())};
}

/// A tile of a batch: its task, and its number along both axes of the plane.
struct TilePlace {
  unsigned task, full, halved;
};

struct TileFrame {
  SpatialAxis full, halved;
  int pitch;  ///< of the panel, in words
  bool channels_side_by_side;
  bool inner_is_halved;

  constexpr const SpatialAxis& inner() const { return inner_is_halved ? halved : full; }
  constexpr const SpatialAxis& cross() const { return inner_is_halved ? full : halved; }
  constexpr TilePlace place(unsigned tile) const {
    const unsigned line = tile / full.tiles;
    return {line / halved.tiles, tile % full.tiles, line % halved.tiles};
  }
  constexpr unsigned inner_tile(const TilePlace& place) const { return inner_is_halved ? place.halved : place.full; }
  constexpr unsigned cross_tile(const TilePlace& place) const { return inner_is_halved ? place.full : place.halved; }
};

/// `geometry` as convolution_geometry makes it: the plane's columns are tokens where mean_rstd varies along them.
constexpr bool channels_side_by_side(const Geometry& geometry) { return geometry.mean_rstd.column != 0; }

constexpr TileFrame tile_frame(const CudaTiling& tiling, bool channels_side_by_side) {
  return {spatial_axis(tiling.full), spatial_axis(tiling.halved), panel_pitch(static_cast<int>(tiling.halved.points)),
          channels_side_by_side, channels_side_by_side ? !tiling.halved_is_rows : tiling.halved_is_rows};
}

struct FrameStrides {
  int64_t batch, channel, cross, inner;
};

constexpr FrameStrides frame_strides(const Geometry& geometry, const Geometry::Strides& strides) {
  return channels_side_by_side(geometry) ? FrameStrides{strides.batch, strides.channel, strides.row, strides.column}
                                         : FrameStrides{strides.batch, strides.channel, strides.column, strides.row};
}

/// Bytes of shared memory of a block that transforms a tile, including the mean and rstd of the inner axis' tokens.
constexpr size_t panel_bytes(const TileFrame& frame) {
  return sizeof(float) * panel_floats(frame.full.points, frame.halved.points);
}
inline constexpr size_t kMeanRstdBytes = 16 * kLargestCudaTransform;
static_assert(sizeof(float) * panel_floats(kLargestCudaTransform, kLargestCudaTransform) + kMeanRstdBytes <= 96 * 1024);

}  // namespace dnd::cuda
