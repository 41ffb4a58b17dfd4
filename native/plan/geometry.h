#pragma once

#include <cstdint>
#include <tuple>

#include "backend.h"
#include "plan/spectral_plan.h"

namespace dnd {

/// A hyper-convolution as an ordinary 2-D one: the axis named plays the channels, the other two are the plane's rows
/// and columns, in the order of the kernel's own axes. Strides are counted in floats.
struct Geometry {
  struct Strides {
    int64_t batch, channel, row, column;
  };

  int64_t batch, channels, out_channels, rows, columns, kernel;
  Strides x, y;
  Strides norm;                               ///< of the normalisation's weight and bias, along x's axes
  Strides mean_rstd;                          ///< of its mean and rstd
  Strides bias;                               ///< of the epilogue's bias, along y's axes
  int64_t tap_row_stride, tap_column_stride;  ///< of a weight's [k, k]

  constexpr int64_t half() const { return kernel / 2; }
};

/// Error(kInvalidArgument) when a size is not positive, the kernel size is even, or the normalisation or epilogue is
/// not one of this axis.
Geometry convolution_geometry(const DndConvolution& convolution);

ConvolutionShape shape_of(const Geometry& geometry);

/// The identity of a convolution, for comparison.
inline auto fields_of(const DndConvolution& c) {
  return std::tie(c.axis, c.batch, c.tokens, c.height, c.width, c.out_channels, c.kernel_size, c.normalised, c.epilogue,
                  c.algorithm, c.workspace_limit, c.transposed_weight);
}

/// The same convolution with rows and columns exchanged.
Geometry exchanged(Geometry geometry);

}  // namespace dnd
