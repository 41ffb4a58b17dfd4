#pragma once

#include <cstdint>

#include "plan/tile_axis.h"

namespace dnd {

/// A convolution as a plan sees it: any axis may play the channels, the other two (i, j) are the plane.
struct ConvolutionShape {
  int64_t batch, channels, out_channels;
  int64_t size_i, size_j;
  int64_t kernel;
};

/// How a spectral convolution is cut. What an element of the result is summed from, and in which order, depends on the
/// two axes' tiles, slab_channels, channels_of_element and the instruction set alone; the rest decides what is in which cache, and when.
struct SpectralPlan {
  TileAxis halved;  ///< transformed first, as real lines: half of its frequencies are enough
  TileAxis full;
  bool halved_is_i;

  int64_t slab_channels;  ///< input channels of a block of tile spectra, and of a slab of weight spectra
  int64_t slab_steps;     ///< steps of four frequencies that a slab holds
  int64_t block_outs;     ///< output channels of a task, at most
  int64_t chunk_tiles;    ///< tiles whose spectra are held at once

  /// Channels of one 4-byte element of the operands of the product: 1, float32; or 2, bfloat16.
  int64_t channels_of_element = 1;

  int64_t threads_bytes = INT64_MAX;  ///< what all threads' memory together should not exceed

  /// Components of a point of the tile spectra: both parts, and rounded operands also have their sum.
  constexpr int64_t tile_components() const { return channels_of_element == 1 ? 2 : 3; }
  /// Elements of a tile, at one component of a point.
  constexpr int64_t tile_elements() const { return slab_channels / channels_of_element; }
  /// Points of a tile's spectrum that are stored, each with three components.
  constexpr int64_t frequencies() const { return full.points * (halved.points / 2) + 2; }
  /// Floats of a thread between transforms and products: a point's sums of so many tiles or, before it is rounded, the
  /// spectrum of a vector of channels.
  constexpr int64_t between_floats(int64_t tiles, int64_t lanes) const {
    return channels_of_element == 1 ? tiles * slab_channels : 2 * frequencies() * lanes;
  }
  constexpr int64_t plane_tiles() const { return halved.tiles() * full.tiles(); }
  /// Steps of a column, each with up to four frequencies that share their sines and cosines.
  constexpr int64_t steps() const { return full.points / 4 + 1; }
};

/// Floats between components that are in different sets of a cache: an odd number of cache lines.
constexpr int64_t spread_stride(int64_t floats) { return (divide_up(floats, 16) | 1) * 16; }

}  // namespace dnd
