#pragma once

#include <cstdint>

#include "plan/transform_sizes.h"

namespace dnd::cpu {

constexpr int kLargestSpectralKernel = 15;  ///< taps along an axis that the weight transforms are written for
constexpr int kSpectralHalves = kLargestSpectralKernel / 2 + 1;

/// A tile of a picture and a vector of its channels in memory. One of the three strides is 1.
/// Only the points [begin, end) of each axis are there: for a forward transform the others are padding, for an inverse
/// one they are what wraps around, and not wanted.
template <typename Float>
struct TileView {
  Float* first;  ///< of the group's first channel, at point (halved_begin, full_begin)
  int64_t channel_stride, halved_stride, full_stride;
  int64_t channels;  ///< ≤ lanes
  int64_t halved_begin, halved_end;
  int64_t full_begin, full_end;
};

/// Where the points of a tile's spectrum are stored. The spectrum of a real tile is symmetric: along the *halved* axis
/// frequencies 1 … points/2 − 1 are kept, each with all frequencies of the *full* axis (a *column*), and the two
/// frequencies 0 and points/2, whose columns are symmetric in themselves, with half of them each (together column 0).
/// In column 0 frequency f of `zero` (halved frequency 0) and `nyquist` (points/2) is at zero[f] and nyquist[f], in
/// the others at general[f], counted from the column's first point.
struct FrequencyOrder {
  int64_t halved_points, full_points;
  int32_t general[kLargestTransform];
  int32_t zero[kLargestTransform / 2 + 1];
  int32_t nyquist[kLargestTransform / 2 + 1];

  __attribute__((always_inline)) int64_t columns() const { return halved_points / 2; }
  __attribute__((always_inline)) int64_t column_begin(int64_t column) const {
    return column == 0 ? 0 : column * full_points + 2;
  }
  __attribute__((always_inline)) int64_t points() const { return column_begin(columns()); }
};

/// A spectrum in memory: each point has three components, the real part, the imaginary part and their sum (of a product:
/// the products of these). Component c of point p is at data[(3p + c) · component_stride], one vector of channels.
template <typename Float>
struct SpectrumView {
  Float* data;
  int64_t component_stride;
};

/// Cosines and sines of 2π·f·j/points for f = 0 … points/4 and j = 1 … half: [f][j − 1].
struct TapTurns {
  const float* cosines;
  const float* sines;
};

/// The inner loops of the spectral convolution, compiled once per instruction set like those of isa/kernels.h.
struct SpectralKernels {
  const char* name;
  int64_t lanes;
  int64_t panel_vectors;  ///< vectors of output channels that one tile of the product is broad

  /// Floats of memory that a tile's transform works in.
  int64_t (*tile_scratch)(const FrequencyOrder& order);

  /// spectrum = scale · transform of the tile.
  void (*forward)(const TileView<const float>& tile, const FrequencyOrder& order, float scale,
                  const SpectrumView<float>& spectrum, float* scratch);

  /// tile = inverse transform, not divided by the number of points, of a product's three components.
  void (*inverse)(const SpectrumView<const float>& spectrum, const FrequencyOrder& order, const TileView<float>& tile,
                  float* scratch);

  /// Taps of one vector of output channels (outs ≤ lanes, `out_stride` apart) and `channels` input channels (k² apart)
  /// become folded[c · folded_step + (b·k + …)·lanes]: for each row b of taps along the full axis its middle tap, then
  /// for j = 1 … k/2 the sums x[+j] + x[−j], then the differences x[+j] − x[−j] along the halved axis.
  void (*fold_taps)(const float* weight, int64_t out_stride, int64_t outs, int64_t channels, int64_t kernel,
                    int64_t halved_stride, int64_t full_stride, float* folded, int64_t folded_step);

  /// First half of the weights' transform, along the halved axis, of `count` folded kernels (k² vectors each) one after
  /// the other: [k/2] of a kernel of k taps. `low` gets the frequency of the turns, `high` points/2 − that (unless it is
  /// null), each folded along the full axis: real and imaginary part of the middle, then the sums' real and imaginary
  /// parts, then the differences': 2k vectors per kernel.
  void (*rows[kSpectralHalves])(const float* folded, int64_t count, TapTurns turns, float* low, float* high);
  /// The same for frequencies 0 and points/2, which are real: they become the real and the imaginary part of one.
  void (*symmetric_rows[kSpectralHalves])(const float* folded, int64_t count, float* both);

  /// Second half, along the full axis: slab[(3p + c) · component_stride + i · lanes] for kernel i < count and the points
  /// p of steps [begin, end), counted from the first point of step `begin`. Step f has the points that share their sines
  /// and cosines: f, −f, full/2 − f, full/2 + f. `symmetric`: rows come from symmetric_rows, for column 0.
  void (*columns[kSpectralHalves])(const float* rows, int64_t count, TapTurns turns, int64_t full_points,
                                   bool symmetric, int64_t begin, int64_t end, float* slab, int64_t component_stride);

  /// y[r·y_stride + l] (+)= Σ_{d < depth} x[r·x_stride + d] · w[…] for r < rows, l < vectors · lanes. w holds panels of
  /// panel_vectors vectors (the last may have fewer), each [depth][vectors of the panel]. Every sum goes through d in
  /// order, starting from y when `accumulate`.
  void (*product)(int64_t rows, int64_t depth, const float* x, int64_t x_stride, const float* w, int64_t vectors,
                  float* y, int64_t y_stride, bool accumulate);
};

/// The spectral kernels of the instruction set named (a Kernels::name).
const SpectralKernels& spectral_kernels(const char* name);

}  // namespace dnd::cpu
