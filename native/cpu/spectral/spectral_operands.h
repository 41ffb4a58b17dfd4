#pragma once

#include <cstdint>

#include "core/integers.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

/// A tile and how it becomes a spectrum.
struct TileTransform {
  TileView<const float> view;
  TileNorm norm;
  SpectrumScale scale;
};

/// Which part of the weights' spectra a slab holds: steps [begin, end) of a column.
struct ColumnSteps {
  int64_t full_points;
  bool symmetric;
  int64_t begin, end;
};

/// One point of the spectrum: for each of three components, product [tile][output channel] (+)= tiles · weights.
template <typename Element>
struct PointProduct {
  const Element* tiles;  ///< [component][tile][channel]
  int64_t tile_component_stride, tile_stride, count;
  int64_t ahead;           ///< from a tile's spectra to those that are prefetched meanwhile
  const Element* weights;  ///< [component][panel][channel][vector of the panel]
  int64_t weight_component_stride;
  float* product;
  int64_t product_component_stride;
  int64_t depth, vectors;
  bool accumulate;
};

/// float32 operands of the products: tiles have two components, whose sums are made where they are multiplied.
class Float32Spectra {
 public:
  using Element = float;

  explicit Float32Spectra(const SpectralKernels& isa) : isa_(isa) {}

  static int64_t elements(int64_t channels) { return channels; }

  void transform(const TileTransform& tile, const FrequencyOrder& order, float* to, int64_t component_stride, float*,
                 float* scratch) const {
    isa_.forward(tile.view, tile.norm, order, tile.scale, {to, component_stride}, scratch);
  }

  void columns(int64_t half, const float* rows, int64_t depth, int64_t vectors, TapTwiddles twiddles,
               const ColumnSteps& steps, float* slab, int64_t component_stride) const {
    isa_.columns[half](rows, depth * vectors, twiddles, steps.full_points, steps.symmetric, steps.begin, steps.end,
                       slab, component_stride);
  }

  void multiply(const PointProduct<float>& point, float* sums) const {
    const int64_t width = round_up(point.depth, isa_.lanes);
    const auto component = [&](int64_t index, const float* x, int64_t x_stride, int64_t ahead) {
      isa_.product(point.count, point.depth, x, x_stride, ahead, point.weights + index * point.weight_component_stride,
                   point.vectors, point.product + index * point.product_component_stride, point.vectors * isa_.lanes,
                   point.accumulate);
    };
    component(0, point.tiles, point.tile_stride, point.ahead);
    component(1, point.tiles + point.tile_component_stride, point.tile_stride, point.ahead);
    isa_.add_parts({point.tiles, point.tile_component_stride, point.tile_stride}, point.count, width, sums);
    component(2, sums, width, 0);
  }

 private:
  const SpectralKernels& isa_;
};

/// bfloat16 operands: all three components of a tile are stored, each rounded once.
class Bfloat16Spectra {
 public:
  using Element = Bfloat16Pair;

  Bfloat16Spectra(const SpectralKernels& isa, const Bfloat16SpectralKernels& bfloat16)
      : isa_(isa), bfloat16_(bfloat16) {}

  static int64_t elements(int64_t channels) { return divide_up(channels, 2); }

  void transform(const TileTransform& tile, const FrequencyOrder& order, Bfloat16Pair* to, int64_t component_stride,
                 float* spectrum, float* scratch) const {
    isa_.forward(tile.view, tile.norm, order, tile.scale, {spectrum, isa_.lanes}, scratch);
    bfloat16_.round_spectrum(spectrum, order.points(), to, component_stride);
  }

  void columns(int64_t half, const float* rows, int64_t depth, int64_t vectors, TapTwiddles twiddles,
               const ColumnSteps& steps, Bfloat16Pair* slab, int64_t component_stride) const {
    bfloat16_.columns[half](rows, depth, vectors, twiddles, steps.full_points, steps.symmetric, steps.begin, steps.end,
                            slab, component_stride);
  }

  void multiply(const PointProduct<Bfloat16Pair>& point, float*) const {
    for (int64_t component = 0; component < 3; ++component) {
      bfloat16_.product(point.count, elements(point.depth), point.tiles + component * point.tile_component_stride,
                        point.tile_stride, point.ahead, point.weights + component * point.weight_component_stride,
                        point.vectors, point.product + component * point.product_component_stride,
                        point.vectors * isa_.lanes, point.accumulate);
    }
  }

 private:
  const SpectralKernels& isa_;
  const Bfloat16SpectralKernels& bfloat16_;
};

}  // namespace dnd::cpu
