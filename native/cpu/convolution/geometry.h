#pragma once

#include <cstdint>

#include "backend.h"

namespace dnd::cpu {

/// A hyper-convolution as an ordinary 2-D one: the axis named plays the channels, of the other two one is the picture's
/// rows and one its columns. Strides are counted in floats.
struct Geometry {
  struct Strides {
    int64_t batch, channel, row, column;
  };

  int64_t batch, channels, out_channels, rows, columns, kernel;
  Strides x, y;
  int64_t tap_row_stride, tap_column_stride;  ///< of a weight's [k, k]

  int64_t half() const { return kernel / 2; }
};

/// Error(kInvalidArgument) when a size is not positive or the kernel size is even.
/// The direct algorithm skips padding taps along rows and multiplies them along columns: the axis where that saves more
/// becomes the rows, unless only the other order keeps columns together in memory.
Geometry convolution_geometry(DndAxis axis, int64_t batch, int64_t tokens, int64_t height, int64_t width,
                              int64_t out_channels, int64_t kernel);

}  // namespace dnd::cpu
