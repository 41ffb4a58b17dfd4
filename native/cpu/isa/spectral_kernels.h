#pragma once

#include <cstdint>

#include "backend.h"
#include "plan/transform_sizes.h"

namespace dnd::cpu {

constexpr int kSpectralHalves = kLargestSpectralKernel / 2 + 1;

/// A tile of a plane and a vector of its channels in memory. One of the three strides is 1.
/// Only the points [begin, end) of each axis are there: for a forward transform the others are padding, for an inverse
/// one they wrap around and are discarded.
template <typename Float>
struct TileView {
  Float* first;  ///< of the group's first channel, at point (halved_begin, full_begin)
  int64_t channel_stride, halved_stride, full_stride;
  int64_t channels;  ///< ≤ lanes
  int64_t halved_begin, halved_end;
  int64_t full_begin, full_end;
};

/// LayerNorm of a tile while it is read: x̂ = (x − mean) · rstd · weight + bias. Strides belong to the tile's axes;
/// where the tile's is 1, so is that of weight and bias.
struct TileNorm {
  const float* weight;  ///< as TileView::first; null: the tile is taken as it is
  const float* bias;
  int64_t channel_stride, halved_stride, full_stride;
  const float* mean_rstd;  ///< mean, its rounding residue, rstd: of the token of the tile's first point
  int64_t mean_rstd_halved_stride, mean_rstd_full_stride;
};

/// What happens to a tile's outputs c before they are stored (DndEpilogue). Paths are merged only where channels are
/// side by side in memory, tile and bias alike.
struct TileEpilogue {
  DndEpilogue kind;
  const float* addend;  ///< as TileView::first, with the tile's strides; may be null for a token bias
  const float* bias;    ///< as TileView::first; along channels its stride is 1
  int64_t bias_halved_stride, bias_full_stride;
};

/// Where the points of a tile's spectrum are stored. The spectrum of a real tile is symmetric: along the *halved* axis
/// frequencies 1 … points/2 − 1 are stored, each with all frequencies of the *full* axis (a *column*), and the two
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

/// A spectrum in memory. Three components make a product of two points: of the real parts, of the imaginary parts and
/// of the sums of both. A product's point has all of them, a tile's the two parts: their sums are made where they are
/// multiplied, for memory is read more slowly than it is added. Component c of point p is at
/// data[(n·p + c) · component_stride] with n components, one vector of channels.
template <typename Float>
struct SpectrumView {
  Float* data;
  int64_t component_stride;
};

/// What a tile's transform is multiplied by, and whether its conjugate is stored.
struct SpectrumScale {
  float scale;
  bool conjugated = false;
};

/// Cosines and sines of 2π·f·j/points for f = 0 … points/4 and j = 1 … half: [f][j − 1].
struct TapTwiddles {
  const float* cosines;
  const float* sines;
};

/// k×k taps of one vector of output channels. Both tap strides are negative where the taps are read in reverse: then
/// the last of the k² is the one to begin with.
struct TapView {
  const void* first;         ///< the lowest address of the first output and input channel's taps
  DndWeightType type;        ///< of the numbers there, in which the strides count
  int64_t out_stride, outs;  ///< outs ≤ lanes
  int64_t channel_stride;    ///< of input channels
  int64_t halved_stride, full_stride;
};

/// One point of the spectra of a slab of channels: real and imaginary part, each [tile][channel].
struct TilePoint {
  const float* data;
  int64_t component_stride, stride;  ///< between components; between tiles
};

/// As TapView, of a gradient's taps, which are stored in their own order, or added where `accumulate`.
struct TapTarget {
  float* first;
  int64_t out_stride, outs;
  int64_t channel_stride;
  int64_t halved_stride, full_stride;
  bool accumulate;
};

/// The inner loops of the spectral convolution, compiled once per instruction set like those of isa/kernels.h.
struct SpectralKernels {
  const char* name;
  int64_t lanes;
  int64_t panel_vectors;  ///< vectors of output channels that one tile of the product is broad

  /// spectrum = the scaled transform of the (normalised) tile. Both transforms need TileScratch::floats() floats.
  void (*forward)(const TileView<const float>& tile, const TileNorm& norm, const FrequencyOrder& order,
                  const SpectrumScale& scale, const SpectrumView<float>& spectrum, float* scratch);

  /// tile = epilogue of the inverse transform, not divided by the number of points, of a product's three components.
  void (*inverse)(const SpectrumView<const float>& spectrum, const FrequencyOrder& order, const TileView<float>& tile,
                  const TileEpilogue& epilogue, float* scratch);

  /// First half of the weights' transform, along the halved axis, [k/2] of kernels of k taps: one vector of output
  /// channels and `channels` input channels. For every column of the spectrum rows[column · column_stride +
  /// c · channel_stride + …] gets 2k vectors: the k taps that are left along the full axis, complex, folded (real and
  /// imaginary part of the middle, then for j = 1 … k/2 the sums' real parts, their imaginary parts, the differences'
  /// real parts and their imaginary parts). Column 0 has the two real transforms of frequencies 0 and points/2 as real
  /// and imaginary part.
  void (*halve[kSpectralHalves])(const TapView& taps, int64_t channels, TapTwiddles twiddles, int64_t columns,
                                 float* rows, int64_t column_stride, int64_t channel_stride);

  /// Second half, along the full axis: slab[(3p + c) · component_stride + i · lanes] for kernel i < count and the
  /// points p of steps [begin, end), counted from the first point of step `begin`. Step f has the points that share
  /// their sines and cosines: f, −f, full/2 − f, full/2 + f. `symmetric`: for column 0.
  void (*columns[kSpectralHalves])(const float* rows, int64_t count, TapTwiddles twiddles, int64_t full_points,
                                   bool symmetric, int64_t begin, int64_t end, float* slab, int64_t component_stride);

  /// y[r·y_stride + l] (+)= Σ_{d < depth} x[r·x_stride + d] · w[…] for r < rows, l < vectors · lanes. w holds panels of
  /// panel_vectors vectors (the last may have fewer), each [depth][vectors of the panel]. Every sum goes through d in
  /// order from zero; y is added at its end when `accumulate`. With each row of x the memory `ahead` floats further is
  /// prefetched, unless that is 0; it need not exist.
  void (*product)(int64_t rows, int64_t depth, const float* x, int64_t x_stride, int64_t ahead, const float* w,
                  int64_t vectors, float* y, int64_t y_stride, bool accumulate);

  /// to[t · width + i] = the sum of both parts of tile t < tiles, channel i < width, a multiple of lanes.
  void (*add_parts)(const TilePoint& point, int64_t tiles, int64_t width, float* to);

  /// Of weight gradients, one point of the spectrum: y[r·w.stride + l] = Σ_{d < depth} x[d·x.stride + r] · w[d·w.stride
  /// + l] for r < rows, l < vectors · lanes, through d in order from zero, for each of three components, of which x and
  /// w hold the first two: real and imaginary part. vectors ≤ panel_vectors; w.stride = vectors · lanes. The next point
  /// of x and of w is prefetched; it need not exist. Workspace: depth · (rows, rounded up to vectors, + w.stride)
  /// floats; up to a vector behind the rows of x is read.
  void (*gradient_product)(int64_t rows, int64_t vectors, int64_t depth, const TilePoint& x, const TilePoint& w,
                           float* y, int64_t component_stride, float* scratch);

  /// The adjoints of both halves of the weights' transform, which take the gradient with respect to the weights'
  /// spectra to the gradient with respect to the weights. Of a real kernel's spectrum one half is stored, so every
  /// frequency of it but those that are their own conjugates counts twice; here they count once and one half.
  ///
  /// First along the full axis: rows[i · 2k · lanes + …] (+)= what points of steps [begin, end) give, for kernel i <
  /// count; stored where begin is 0, added where it is not. The slab holds the three components of products.
  void (*columns_adjoint[kSpectralHalves])(const float* slab, int64_t component_stride, int64_t count,
                                           TapTwiddles twiddles, int64_t full_points, bool symmetric, int64_t begin,
                                           int64_t end, float* rows);

  /// Then along the halved one: one vector of output channels and `channels` input channels.
  void (*halve_adjoint[kSpectralHalves])(const float* rows, int64_t column_stride, int64_t channel_stride,
                                         int64_t channels, TapTwiddles twiddles, int64_t columns,
                                         const TapTarget& taps);
};

/// The spectral kernels of the instruction set named (a Kernels::name).
const SpectralKernels& spectral_kernels(const char* name);

}  // namespace dnd::cpu
