#pragma once

#include "core/range.h"
#include "cpu/isa/spectral_kernels.h"
#include "plan/geometry.h"
#include "plan/tile_axis.h"

namespace dnd::cpu {

/// The tiles of all planes of a batch, and their positions in a convolution's tensors.
class PlaneTiles {
 public:
  PlaneTiles(const Geometry& geometry, const TileAxis& halved, const TileAxis& full, bool halved_is_i);

  int64_t count() const { return g_.batch * in_plane(); }
  int64_t points() const { return halved_.tiles.points * full_.tiles.points; }
  int64_t halved_tap() const { return halved_.tap; }  ///< strides of a weight's [k, k]
  int64_t full_tap() const { return full_.tap; }

  /// A tile of the convolution's input: `channels` of its channels, from `channel` on.
  TileView<const float> input(const float* x, int64_t tile, int64_t channel, int64_t channels) const;
  /// What normalises it; nothing if mean_rstd is null.
  TileNorm norm(const float* weight, const float* bias, const float* mean_rstd, int64_t tile, int64_t channel) const;

  /// A tile's outputs in the convolution's result: each output of a plane belongs to one tile.
  template <typename Float>
  TileView<Float> output(Float* y, int64_t tile, int64_t channel, int64_t channels) const {
    const auto [task, a, b] = split(tile);
    const TileAxis &halved = halved_.tiles, &full = full_.tiles;
    return {y + output_offset(tile, channel),
            g_.y.channel,
            halved_.y,
            full_.y,
            channels,
            halved.output_point(),
            halved.output_point() + halved.output_count(a),
            full.output_point(),
            full.output_point() + full.output_count(b)};
  }
  /// Of a tile's first output in tensors laid out as the result is, and in the epilogue's bias.
  int64_t output_offset(int64_t tile, int64_t channel) const;
  int64_t bias_offset(int64_t tile) const;
  int64_t halved_bias() const { return halved_.bias; }
  int64_t full_bias() const { return full_.bias; }

 private:
  /// One plane axis: how it is tiled, and its strides.
  struct Axis {
    TileAxis tiles;
    int64_t x, y, norm, mean_rstd, bias, tap;
  };
  struct Tile {
    int64_t task, a, b;
  };
  int64_t in_plane() const { return halved_.tiles.tiles() * full_.tiles.tiles(); }
  Tile split(int64_t tile) const {
    const int64_t number = tile % in_plane();
    return {tile / in_plane(), number / full_.tiles.tiles(), number % full_.tiles.tiles()};
  }
  /// Points of a tile that are inside the plane.
  static Range inside(const TileAxis& axis, int64_t tile) {
    return {std::max<int64_t>(0, -axis.input_begin(tile)), std::min(axis.points, axis.size - axis.input_begin(tile))};
  }
  /// The plane's point where a tile's inside begins.
  static int64_t first_inside(const TileAxis& axis, int64_t tile) {
    return axis.input_begin(tile) + inside(axis, tile).begin;
  }

  const Geometry& g_;
  Axis halved_, full_;
};

}  // namespace dnd::cpu
